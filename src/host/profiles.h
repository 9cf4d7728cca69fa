/*
 * profiles: the profiles of config.toml that a thread may be started with.
 *
 * Source     docs/policy.md, "Profiles".
 * Shape      all of them are read at the start: one that is wrong stops it, chosen or not.
 *            What a thread was started with is kept by its id, so that it is the same
 *            after a restart.
 * Ownership  owns what it holds; profiles_fini() takes a zeroed one.
 * Errors     ERR_PROTO  config.toml or the file of threads is wrong: diag says where
 * Limits     PROFILES_MAX; PROFILE_THREADS_MAX threads, then the oldest is forgotten
 * Tests      tests/unit/profiles_test.c, tests/functional/policy.test.ts
 */
#ifndef HOST_PROFILES_H
#define HOST_PROFILES_H

#include "host/requirements.h"

#define PROFILES_MAX        32u
#define PROFILE_THREADS_MAX 4096u

struct profiles {
    struct profile list[PROFILES_MAX];
    size_t n;
    bool is_forced;  // by the administrator: every thread has the host's own
    char *path;      // of the file of threads
    json_t *threads; // {id: name}
};

/* What the administrator defines goes before config.toml; what they forbid is left out. */
NODISCARD enum err profiles_load(struct profiles *p, const struct requirements *admin,
                                 const char *home, struct diag *diag);
void profiles_fini(struct profiles *p);

const struct profile *profiles_find(const struct profiles *p, const char *name);

/* "" when it was started with none. */
const char *profiles_of_thread(const struct profiles *p, const char *thread);
/* On disk when it returns. */
NODISCARD enum err profiles_note(struct profiles *p, const char *thread,
                                 const char *name);

/* In what a thread would be less guarded than under `own`: a sentence's end; NULL: in
 * nothing. */
const char *profile_weaker(const struct profile *p, const struct profile *own);

/* The `config` of a thread: what the engine is to take from the profile. NULL: nothing. */
NODISCARD json_t *profile_config(const struct profile *p);

#endif
