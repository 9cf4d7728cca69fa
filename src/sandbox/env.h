/*
 * env: which environment variables a sandboxed command gets.
 *
 * Shape      start from all, some (core) or none of the caller's variables; `include`
 *            adds more of the caller's, `exclude` takes away, `set` has the last word.
 *            Names that look like secrets (*KEY*, *TOKEN*, …) come only by `include`;
 *            what steers the loader or names an agent's socket (LD_*, SSH_AUTH_SOCK, …)
 *            and Farhand's own variables come only by `set`.
 * Ownership  rules borrow their strings; a list owns its own.
 * Errors     ERR_LIMIT  more rules or variables than the maximum
 *            ERR_USAGE  a `set` that is not NAME=VALUE
 * Limits     ENV_RULES_MAX patterns of a kind, ENV_VARS_MAX variables.
 * Threads    pure functions.
 * Tests      tests/unit/sandbox_env_test.c, tests/fuzz/sandbox_env_fuzz.c
 */
#ifndef SANDBOX_ENV_H
#define SANDBOX_ENV_H

#include <stdbool.h>

#include "base/err.h"

#define ENV_RULES_MAX 32   // patterns of one kind: a command line has few
#define ENV_VARS_MAX  1024 // variables handed on: an environment made to fill memory

enum env_inherit { ENV_CORE, ENV_ALL, ENV_NONE };

struct env_rules {
    enum env_inherit inherit;
    const char *include[ENV_RULES_MAX]; // patterns: * and ?, letters of either case
    size_t n_include;
    const char *exclude[ENV_RULES_MAX];
    size_t n_exclude;
    const char *set[ENV_RULES_MAX]; // NAME=VALUE
    size_t n_set;
};

struct env_list {
    char *vars[ENV_VARS_MAX + 1]; // NAME=VALUE, NULL at the end
    size_t n;
};

NODISCARD enum err env_rules_include(struct env_rules *r, const char *pattern);
NODISCARD enum err env_rules_exclude(struct env_rules *r, const char *pattern);
NODISCARD enum err env_rules_set(struct env_rules *r, const char *assignment);

/* Whether a variable of the caller is handed on. */
bool env_passes(const struct env_rules *r, const char *name, size_t name_len);

/* `from` may be NULL (nothing). *out is initialised by the call, also on failure. */
NODISCARD enum err env_list_init(struct env_list *out, const struct env_rules *r,
                                 char *const *from);
void env_list_fini(struct env_list *l); // a zeroed object is fine

/* Replaces or adds. ERR_LIMIT when the list is full. */
NODISCARD enum err env_list_put(struct env_list *l, const char *name,
                                const char *value);
const char *env_list_get(const struct env_list *l, const char *name); // NULL: not there

#endif
