/*
 * pager: one page of a thread's turns or items, held to a size.
 *
 * Source     Codex's thread/turns/list and thread/items/list count entries, not octets:
 *            fifty items were 26 MB. A device on a slow line wants a thread of any size
 *            to open at once.
 * Shape      pager_open() lowers the limit of a device's call to what entries of this
 *            thread have weighed so far; each answer goes to pager_answer() until it
 *            gives the page: as many entries as the limit and the size allow, with the
 *            cursor behind the last of them. Nothing is asked for twice but a page that
 *            turned out too large. One entry comes whole, whatever it weighs.
 * Limits     PAGER_OCTETS of a page, PAGER_ASKS calls for it.
 * Tests      tests/unit/hub_pager_test.c
 */
#ifndef HOST_PAGER_H
#define HOST_PAGER_H

#include "host/upcall.h"

#define PAGER_OCTETS (64u * 1024)
#define PAGER_ASKS   6u

struct pager;

/* Makes pages of a device's call for entries; others stay as they are. */
void pager_open(struct upcall *u);
void pager_free(struct pager *p); // NULL is fine

bool pager_has_some(const struct pager *p); // entries: a later call failed, then

/* One result (empty: the call failed). True: the call is over; *out (give) is the page,
 * or NULL: it is for the caller as it came. False: the call has been changed to ask for
 * more, and wants upcall_again(). */
bool pager_answer(struct upcall *u, struct bytes result, struct blob **out);

#endif
