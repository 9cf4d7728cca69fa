/*
 * trust: what the user said of folders, so that a repository's own files count or not.
 *
 * Shape      one row a folder, with what it was known by when the user answered: a
 *            folder put in its place is another one.
 * Errors     ERR_IO         the file cannot be used
 *            ERR_NOT_FOUND  nothing was said of this folder
 * Limits     STORE_TRUST_MAX rows: ERR_LIMIT.
 * Tests      tests/unit/trust_test.c
 */
#ifndef STORE_TRUST_H
#define STORE_TRUST_H

#include "store/store.h"

#define STORE_TRUST_MAX  1024u
#define STORE_TRUST_PATH 4096u

struct store_trust {
    char path[STORE_TRUST_PATH]; // absolute, without links
    uint64_t device, inode;      // of the folder
    uint64_t born_ns;            // when it was made; 0: the file system does not say
    bool trusted;                // false: the user said no
    uint64_t time_ms;
    char by[STORE_NAME_MAX];
};

typedef void store_trust_fn(void *user, const struct store_trust *row);

NODISCARD enum err store_trust_put(struct store *s, const struct store_trust *row);
NODISCARD enum err store_trust_get(struct store *s, const char *path,
                                   struct store_trust *out);
NODISCARD enum err store_trust_remove(struct store *s, const char *path);
NODISCARD enum err store_trust_each(struct store *s, store_trust_fn *visit, void *user);

#endif
