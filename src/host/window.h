/*
 * window: a thread with its turns, read in pieces.
 *
 * Source     Codex's thread/read {includeTurns:true} and thread/resume without
 *            excludeTurns put a whole history into one message (52 MB for a day's
 *            work; over 64 MiB it would cost the connection to the agent). So the hub
 *            asks for the thread without turns and for the turns page by page, newest
 *            first, and hands over what Codex would have, up to a budget.
 * Shape      window_open() changes the call; each answer goes to window_answer() until
 *            it gives the whole. A history that does not fit loses its oldest turns,
 *            and the answer says farhand:{clamped:[{field:"turns",…}]}.
 * Limits     WINDOW_DEVICE / WINDOW_LOCAL octets of turns, WINDOW_NEWEST of the newest one
 *            alone. What is older is read page by page: thread/turns/list and
 *            thread/items/list.
 * Tests      tests/unit/hub_window_test.c
 */
#ifndef HOST_WINDOW_H
#define HOST_WINDOW_H

#include "host/upcall.h"

#define WINDOW_DEVICE (64u * 1024)       // so that a thread of any size opens at once
#define WINDOW_NEWEST (4u * 1024 * 1024) // of the newest turn, which comes all the same
#define WINDOW_LOCAL  (32u * 1024 * 1024)
#define WINDOW_FIRST  4   // turns of the first page: their size is not known yet
#define WINDOW_PAGE   100 // turns of any page

struct window;

/* Makes a window of a call that asks for turns; others stay as they are. */
void window_open(struct upcall *u);
void window_free(struct window *w); // NULL is fine

bool window_is_first(const struct window *w); // the answer is the thread itself

/* One result (empty: the page failed). True: *out (give) is the whole answer. False: the
 * call has been changed to ask for the next page, and wants upcall_again(). */
bool window_answer(struct upcall *u, struct bytes result, struct blob **out);

#endif
