/*
 * env: the environment that the agent gets.
 *
 * Source     docs/architecture.md: the server's environment rules, not the TUI's, so
 *            it is a login shell's; and nothing of ours leaks into it.
 * Shape      read "K=V" entries (NUL-separated as `env -0` prints them, or an
 *            environ), leave out what is ours, set what we want, hand out.
 * Ownership  env_list() is borrowed until the next call on the object.
 * Errors     ERR_PROTO  not an environment; ERR_LIMIT; ERR_NOMEM
 * Limits     ENV_ENTRIES_MAX entries, ENV_OCTETS_MAX octets.
 * Tests      tests/unit/codex_test.c
 */
#ifndef ENGINE_CODEX_ENV_H
#define ENGINE_CODEX_ENV_H

#include "base/buf.h"

#define ENV_ENTRIES_MAX 1024
#define ENV_OCTETS_MAX  (512u * 1024)

struct env {
    struct buf octets; // entries, each with its NUL
    size_t n;
    const char *list[ENV_ENTRIES_MAX + 1]; // made by env_list()
};

void env_init(struct env *v);
void env_fini(struct env *v);

/* Replaces all entries. What is ours (FARHAND_*, REMODEX_*) and what belongs to the
 * shell that printed it (PWD, OLDPWD, SHLVL, _) is left out. */
NODISCARD enum err env_read(struct env *v, struct bytes nul_separated);
NODISCARD enum err env_read_list(struct env *v, const char *const *list);

NODISCARD enum err env_set(struct env *v, const char *key, const char *value);
void env_unset(struct env *v, const char *key);      // "KEY", or "PREFIX*"
const char *env_get(struct env *v, const char *key); // NULL: not there

/* Folders of `more` that PATH does not have go to its end. */
NODISCARD enum err env_extend_path(struct env *v, const char *more);

const char *const *env_list(struct env *v); // NULL-terminated

#endif
