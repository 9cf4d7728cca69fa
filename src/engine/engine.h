/*
 * engine: the one connection to the agent, an app-server v2 peer.
 *
 *   STARTING --> READY <---> DOWN       while it is DOWN it tries again by itself,
 *       |          ^          ^         after a pause that grows; STARTING does not
 *       |          v          v         come back
 *       +--> LOGIN_REQUIRED --+
 *
 * Source     docs/architecture.md ("The life of the agent"); Codex 0.169.
 * Shape      connects to Codex's control socket; when nothing answers there, starts
 *            `codex app-server` on it, in a session of its own, so that it outlives
 *            us. With an endpoint it only joins. It shakes hands (initialize,
 *            account/read) itself, with ids that begin with "fh:"; answers to those
 *            never reach on_message.
 * Ownership  options are copied. engine_close() frees after `done`; the agent lives on.
 * Errors     engine_send: ERR_CLOSED  not READY; ERR_LIMIT  the agent does not read;
 *            ERR_NOMEM
 * Reentry    callbacks come from the loop only. engine_send() and engine_close() are
 *            fine in all of them. After engine_close() none comes but `done`.
 * Limits     messages of 64 MiB in, ENGINE_QUEUE_MAX octets unsent.
 * Tests      tests/unit/codex_test.c, tests/drive/engine_drive.c (with the real one)
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <sys/types.h>

#include "base/bytes.h"
#include "loop/loop.h"

#define ENGINE_SILENT_MS 10000u // half of it, then a ping, then the other half
#define ENGINE_QUEUE_MAX (16u * 1024 * 1024) // a stuck agent must not fill our memory

enum engine_state { ENGINE_STARTING, ENGINE_READY, ENGINE_LOGIN_REQUIRED, ENGINE_DOWN };

struct engine_status {
    enum engine_state state;
    bool joined;        // somebody else's agent: never ended by us
    bool practice;      // the practice model, in a CODEX_HOME of its own
    bool shared;        // others may sit on the same agent
    bool managed;       // joined, and Codex's own daemon: it says so a moment later
    bool unfit;         // DOWN: Codex is missing, too old, or cannot be started here
    pid_t pid;          // of the agent; 0 when that cannot be known
    char version[32];   // "0.169.0"; empty until READY
    char endpoint[256]; // what was dialled
    char error[256];    // one sentence; why it is not READY, else empty
    char instance[48];  // another for every agent process; empty until READY
};

struct engine_ops {                                    // kept (a static table)
    void (*on_message)(void *user, struct bytes text); // one JSON-RPC text, borrowed
    void (*on_state)(void *user, const struct engine_status *status);
    /* It is READY, was sent something, and has said nothing for ENGINE_SILENT_MS, not
     * even to a ping: it hangs, or it is stopped. Or it is back. May be NULL. */
    void (*on_silent)(void *user, bool silent);
    /* It is known whose the joined agent is: status.managed. May be NULL. */
    void (*on_managed)(void *user, bool managed);
};

struct engine_options {
    const char *codex_path;  // NULL: FARHAND_CODEX, then codex on the PATH
    const char *last_resort; // a codex to use when none of these is there; or NULL
    const char *codex_home;  // NULL: CODEX_HOME, then ~/.codex; not used by practice
    const char *endpoint;    // unix://PATH or ws://HOST:PORT: join this. NULL: default
    const char *cwd;         // of an agent of our own, and trusted in practice
    const char *run_dir;     // pid, log and port files; private sockets
    const char *home;        // practice: CODEX_HOME is home/practice
    const char *program;     // has the command practice-model; NULL: this program
    bool practice;
    bool private_agent; // own child on a socket in run_dir, not the default one
};

struct engine;
typedef void engine_done_fn(void *user);

struct engine *engine_create(struct loop *l, const struct engine_options *o,
                             const struct engine_ops *ops, void *user);

void engine_start(struct engine *e); // once

NODISCARD enum err engine_send(struct engine *e, struct bytes text);

const struct engine_status *engine_status(const struct engine *e);

/* Ends our own agent (and with the practice model, that): SIGTERM, which lets running
 * turns end; a second one after STOPPER_DRAIN_MS, which does not. A joined agent is
 * left alone. The engine does not start it again. `done` runs once. */
void engine_stop_agent(struct engine *e, engine_done_fn *done, void *user);

void engine_close(struct engine *e, engine_done_fn *done, void *user);

#endif
