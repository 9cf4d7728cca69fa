/*
 * method: every call a controller can make, and who may make it.
 *
 * Source     docs/protocol.md section 6; the rows are all client requests of Codex
 *            0.169's schema (app-server generate-json-schema --experimental), with
 *            remoteControl and farhand calls that the daemon answers.
 * Shape      one sorted table in method_table.inc; what is not in it is refused.
 * Tests      tests/unit/method_test.c: every method of the schema is here, and every
 *            method x role is what a second, coarser list says.
 */
#ifndef HOST_METHOD_H
#define HOST_METHOD_H

#include "host/hub.h"
#include "host/rights.h"

/* What the router does with an allowed call. */
enum method_act {
    ACT_FORWARD,
    ACT_INITIALIZE, // the hub answers
    ACT_START,      // forward; the answer subscribes the caller
    ACT_RESUME,     // forward; the answer subscribes, and a snapshot follows
    ACT_FORK,
    ACT_READ,        // forward; too large an answer is asked for again without turns
    ACT_LOADED,      // forward; hidden threads are taken out of the answer
    ACT_CONFIG,      // forward; only what may be known is left of the answer
    ACT_UNSUBSCRIBE, // the hub answers
    ACT_FOLDERS,     // the hub answers
    ACT_APPROVALS,   // the hub answers
    ACT_PRESENCE,    // the hub answers
    ACT_DECIDE,      // the hub answers: a decision on an approval
    ACT_DAEMON,      // ops.call answers
    ACT_HANDLE_OPEN, // forward with a handle of this connection
    ACT_HANDLE_USE,
    ACT_HANDLE_CLOSE,
};

#define METHOD_EXP   (1u << 0) // wants capabilities.experimentalApi
#define METHOD_LOCAL (1u << 1) // only from this machine, as its user
#define METHOD_SLOW  (1u << 2) // a large thread takes Codex many seconds
#define METHOD_LONG  (1u << 3) // ends when a program ends: no timeout
#define METHOD_PAGED (1u << 4) // a smaller `limit` makes a smaller answer
#define METHOD_WORKS (1u << 5) // makes the agent work without naming a policy
#define METHOD_ACTS  (1u << 6) // changes something: recorded, refused without a log
#define METHOD_STOPS (1u << 7) // ends or takes back: recorded, never refused for that

#define METHOD_JOINS (1u << 8) // its handler commits the command with its decision

/* Fields that choose policy, sandbox, roots or configuration: which of them a
 * method has (guard.c says what happens to each). */
#define GUARD_POLICY   (1u << 0)  // approvalPolicy, approvalsReviewer
#define GUARD_MODE     (1u << 1)  // sandbox: a name
#define GUARD_SANDBOX  (1u << 2)  // sandboxPolicy: an object
#define GUARD_FOLDERS  (1u << 3)  // cwd, runtimeWorkspaceRoots
#define GUARD_DROP     (1u << 4)  // config, permissions, environments, history, …
#define GUARD_TOOLS    (1u << 5)  // dynamicTools
#define GUARD_INPUT    (1u << 6)  // files named in user input
#define GUARD_PATHS    (1u << 7)  // cwd, cwds, roots, attachmentPath, marketplacePath
#define GUARD_FORCE    (1u << 8)  // the policy is written even when nobody asked
#define GUARD_REVIEWER (1u << 9)  // approvalsReviewer alone
#define GUARD_FOLDER   (1u << 10) // a folder is written even when nobody asked

#define GUARD_START                                                         \
    (GUARD_POLICY | GUARD_MODE | GUARD_FOLDERS | GUARD_DROP | GUARD_TOOLS | \
     GUARD_FORCE | GUARD_FOLDER)
#define GUARD_RESUME (GUARD_POLICY | GUARD_MODE | GUARD_FOLDERS | GUARD_DROP)
#define GUARD_FORK \
    (GUARD_POLICY | GUARD_MODE | GUARD_FOLDERS | GUARD_DROP | GUARD_FORCE)
#define GUARD_TURN                                                             \
    (GUARD_POLICY | GUARD_SANDBOX | GUARD_FOLDERS | GUARD_DROP | GUARD_INPUT | \
     GUARD_FORCE)
#define GUARD_SETTINGS      (GUARD_POLICY | GUARD_SANDBOX | GUARD_FOLDERS | GUARD_DROP)
#define GUARD_TURN_SETTINGS (GUARD_REVIEWER | GUARD_DROP)
#define GUARD_EXEC \
    (GUARD_SANDBOX | GUARD_FOLDERS | GUARD_DROP | GUARD_FORCE | GUARD_FOLDER)

struct method {
    const char *name;
    enum role role; // ROLE_NONE: nobody
    uint64_t caps;  // all of them
    unsigned flags;
    unsigned guard;
    enum method_act act;
    const char
        *fields; // known params, separated by commas: others than the local owner's go
};

const struct method *method_find(struct bytes name); // NULL: refuse
bool method_knows_field(const struct method *m, const char *field);

/* May this controller, with the rights it has now, call it? */
bool method_is_allowed(const struct method *m, const struct controller_info *who);

/* Does it change anything that outlives the connection? Such a call of a device is a
 * command: durable before it acts. */
bool method_is_effect(const struct method *m);

/* The whole table, for tests and documents. */
const struct method *method_table(size_t *count);

#endif
