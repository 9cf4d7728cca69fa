/*
 * denial: what a sandbox refused, as data.
 *
 * Shape      the supervisor hands in calls as they are made; a call that the plan does not
 *            grant becomes a row: which call, which path (or address family), why. The
 *            same row again only counts. Recognising is not deciding: the kernel refuses
 *            by its own rules, whatever is read here.
 * Ownership  a log owns its strings.
 * Limits     DENIAL_ROWS_MAX rows: a command that probes for ever fills no memory.
 * Tests      tests/unit/sandbox_denial_test.c
 */
#ifndef SANDBOX_DENIAL_H
#define SANDBOX_DENIAL_H

#include "base/buf.h"
#include "sandbox/plan.h"

#define DENIAL_ROWS_MAX 64

struct denial {
    const char *call; // "openat", "socket": static
    const char *why;  // static
    char *what;       // a path, an address family, or "" when the call says it all
    uint64_t times;
};

struct denial_log {
    struct denial rows[DENIAL_ROWS_MAX];
    size_t n;
    uint64_t more; // refusals that found no row
};

void denial_log_fini(struct denial_log *l); // a zeroed object is fine

void denial_add(struct denial_log *l, const char *call, const char *what,
                const char *why);

/* Why the plan refuses a change at this path: static; NULL when it grants it. */
const char *denial_judge(const struct plan *p, const char *path);

/* Joins and cleans: "/a/b" + "../c" -> "/a/c". ERR_LIMIT when it does not fit. */
NODISCARD enum err denial_path(const char *folder, const char *path, char *out,
                               size_t size);

/* [{"call":…,"what":…,"why":…,"times":n},…] */
NODISCARD enum err denial_json(const struct denial_log *l, struct buf *out);

#endif
