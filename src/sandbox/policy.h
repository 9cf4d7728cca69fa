/*
 * policy: what a sandboxed command may touch, as somebody wrote it down.
 *
 * Shape      sandbox_policy_set() takes one "key", "value" at a time; the command line, an agent
 *            and the fuzzer all come in by that door.
 * Ownership  borrows every string for the life of the policy.
 * Errors     ERR_USAGE  unknown key, or a value that makes no sense; *diag says which
 *            ERR_LIMIT  more paths or rules than the maximum
 * Limits     POLICY_PATHS_MAX folders of a kind.
 * Threads    pure functions.
 * Tests      tests/unit/sandbox_plan_test.c, tests/fuzz/sandbox_policy_fuzz.c
 */
#ifndef SANDBOX_POLICY_H
#define SANDBOX_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sandbox/env.h"

#define POLICY_PATHS_MAX 16 // each costs a few mounts before the command starts

enum sandbox_mode {
    SANDBOX_READ_ONLY,
    SANDBOX_WORKSPACE_WRITE,
    SANDBOX_FULL_ACCESS,
};

struct sandbox_policy {
    enum sandbox_mode mode;
    const char *workspace; // NULL: the current folder
    const char *writable[POLICY_PATHS_MAX];
    size_t n_writable;
    const char *hidden[POLICY_PATHS_MAX];
    size_t n_hidden;
    bool network;
    bool allow_weaker; // run with what the kernel has, and say what is missing
    bool no_namespace; // Landlock and seccomp alone
    struct env_rules env;
    uint64_t timeout_s;   // 0: none
    uint64_t output_max;  // octets of stdout and stderr together; 0: not counted
    uint64_t file_max;    // octets of one file; 0: as many as the disk keeps free
    uint64_t process_max; // processes at a time; 0: POLICY_PROCESSES
};

#define POLICY_PROCESSES \
    4096 // a fork bomb ends here (not for root: the kernel exempts it)

void sandbox_policy_init(
    struct sandbox_policy *p); // read-only, no network, core environment

/* Keys: mode, workspace, writable, hidden, network, allow-weaker, no-namespace,
 * env-policy, env-include, env-exclude, env, timeout, output-max, file-max, process-max.
 * A switch takes NULL. */
NODISCARD enum err sandbox_policy_set(struct sandbox_policy *p, const char *key,
                                      const char *value, struct diag *diag);

const char *sandbox_policy_mode(enum sandbox_mode mode);

/* What every command in a sandbox is told. */
NODISCARD enum err sandbox_policy_mark(struct env_list *l, enum sandbox_mode mode);

#endif
