/*
 * trust: do a folder's own files count?
 *
 * Source     docs/policy.md "Trust of folders".
 * Shape      the user says it of a folder (farhand trust, the page); it is known by its
 *            path without links, device, inode and, where the file system has it, the
 *            time when it was made. Another folder in its place, or a link, is nobody's.
 * Errors     ERR_NOT_FOUND  no folder of this machine, or its name is not the real one
 * Tests      tests/unit/trust_test.c
 */
#ifndef HOST_TRUST_H
#define HOST_TRUST_H

#include "store/trust.h"

enum trust_state {
    TRUST_UNASKED, // nothing was said of it, or it is another folder now
    TRUST_GIVEN,
    TRUST_DECLINED,
};

/* Fills path, device, inode and born_ns. */
NODISCARD enum err trust_identify(const char *path, struct store_trust *out);
/* A store that cannot be read trusts nothing. */
enum trust_state trust_of(struct store *s, const char *path);
/* The same, of a state folder that perhaps no host has open. */
bool trust_look(const char *home, const char *path);
/* Has the folder anything that would count? */
bool trust_matters(const char *path);

const char *trust_state_name(
    enum trust_state state); // "unasked", "trusted", "declined"

#endif
