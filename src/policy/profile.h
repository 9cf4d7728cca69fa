/*
 * profile: a named way of working, from config.toml.
 *
 * Source     docs/policy.md; Codex's own spelling, [profiles.X], is read as well.
 * Shape      profile_read() takes the whole document as toml_parse() gave it. A key that
 *            is not known is refused with the nearest one: a typo must not weaken.
 * Ownership  the profile owns what it holds.
 * Errors     ERR_NOT_FOUND  no profile of this name: diag lists those that there are
 *            ERR_PROTO      a key or a value is wrong: diag says which
 * Tests      tests/unit/profile_test.c
 */
#ifndef POLICY_PROFILE_H
#define POLICY_PROFILE_H

#include "policy/policy.h"

#define PROFILE_NAME_MAX  64u
#define PROFILE_MODEL_MAX 128u

enum sandbox_mode { SANDBOX_READ_ONLY, SANDBOX_WORKSPACE_WRITE, SANDBOX_FULL_ACCESS };
enum env_inherit { ENV_ALL, ENV_CORE, ENV_NONE };

struct profile {
    char name[PROFILE_NAME_MAX + 1];
    enum approval_policy policy;
    enum sandbox_mode sandbox;
    bool network;
    bool no_outside;                   // what asks to leave the sandbox is refused
    char model[PROFILE_MODEL_MAX + 1]; // "": the engine's own
    char effort[16];                   // likewise
    enum env_inherit inherit;
    json_t *env; // [shell_environment_policy] as written; NULL: none
};

/* The profile of a host that was given none: everything asks. */
void profile_default(struct profile *out);
NODISCARD enum err profile_read(const json_t *config, const char *name,
                                struct profile *out, struct diag *diag);
void profile_fini(struct profile *p); // a zeroed one is fine

const char *sandbox_mode_name(enum sandbox_mode mode); // "read-only" …

/* Never weaker than both: the later policy in this order asks less. */
bool approval_policy_is_weaker(enum approval_policy a, enum approval_policy than);

#endif
