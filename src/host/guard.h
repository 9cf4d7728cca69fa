/*
 * guard: brings the parameters of a call back to the host's profile.
 *
 * Source     docs/protocol.md section 6 (parameter guards).
 * Shape      a rule per field, applied where the method's row says so. A value that
 *            is weaker than the profile is replaced, a stricter one stands; each
 *            replacement is noted as {field, asked, given} for the caller and the log.
 *            Unknown fields of a device or of the TCP operator are dropped: a newer
 *            Codex may give them power.
 *            The local owner gets the same profile: the profile is what makes every
 *            command ask, and whoever sits at the host can run codex itself when
 *            they want it weaker. A thread that many people watch has one policy.
 * Ownership  borrows everything; changes `params` in place, appends to `clamped`.
 * Tests      tests/unit/guard_test.c, tests/fuzz/hub_fuzz.c
 */
#ifndef HOST_GUARD_H
#define HOST_GUARD_H

#include "host/folder.h"
#include "host/method.h"

/* The spine's one profile. */
#define PROFILE_APPROVALS "untrusted" // 0.169 asks for every command
#define PROFILE_REVIEWER  "user"
#define PROFILE_MODE      "workspace-write"

struct guard {
    const struct method *method;
    const struct controller_info *who;
    const struct folders *folders;
    bool stock_tui; // a program of this user on the local socket that calls itself so
    const struct hub_profile *profile; // NULL: nothing of its own
    bool sandbox_is_fine; // the thread's own sandbox is not weaker than the profile
    bool (*is_folder)(void *user, const char *path); // may be NULL
    void *user;
};

void guard_apply(const struct guard *g, json_t *params, json_t *clamped);

/* Is this sandbox of a thread (an object of Codex) at least as strict as the
 * profile? */
bool guard_sandbox_is_fine(const json_t *sandbox);

/* Params of a thread/settings/update that puts a thread under the profile. */
json_t *guard_profile_settings(const struct hub_profile *profile,
                               const char *thread_id);

/* "approvalPolicy sandbox": the fields of `clamped`, for the log. */
void guard_list_fields(const json_t *clamped, char *out, size_t size);

#endif
