/*
 * agent: one codex app-server of our own, from nothing to a living process.
 *
 *   IDLE --> ENV --> VERSION --> RUNNING --> ENDED
 *             |         |
 *             +---------+--> FAILED            (either may be started again)
 *
 * Source     docs/architecture.md ("The life of the agent").
 * Shape      a login shell's environment is read (bounded in time, else our own), the
 *            program found and asked for its version, then started in a session of its
 *            own (setsid, never nohup: SIGHUP drains and ends Codex) with its log in
 *            run/ and its record beside it. It outlives us.
 * Ownership  options are kept (borrowed). agent_close() leaves the process alone; no
 *            callback follows.
 * Reentry    the callbacks come from the loop only.
 */
#ifndef ENGINE_CODEX_AGENT_H
#define ENGINE_CODEX_AGENT_H

#include "loop/child.h"

#define AGENT_ENV_MS     3000 // a login shell whose files hang must not stop us
#define AGENT_VERSION_MS 10000

struct agent;

struct agent_options {
    const char *codex_path;  // what the caller asked for, or NULL
    const char *last_resort; // or NULL
    const char *codex_home;  // set for the child; NULL: as it is
    const char *listen;      // "unix://" or "unix://PATH"
    const char *cwd;         // NULL: ours
    const char *run_dir;
    const char *record; // file name in run_dir
    const char *log;    // file name in run_dir
    bool practice;      // no account, so no keys and no login shell either
};

struct agent_ops {
    /* The process is there: knock at its socket. */
    void (*started)(void *user, pid_t pid);
    /* It could not be started: a sentence. */
    void (*failed)(void *user, const char *sentence);
    /* It has ended by itself: a sentence. in_use: another one has the socket. */
    void (*ended)(void *user, const char *sentence, bool in_use);
};

struct agent *agent_create(struct loop *l, const struct agent_options *o,
                           const struct agent_ops *ops, void *user);
void agent_start(struct agent *a); // not while it is starting or running
void agent_close(struct agent *a); // NULL is fine

#endif
