/*
 * child: start a program and learn of its end; or learn of the end of another's.
 *
 * Shape      child_spawn() starts; `exited` comes once. child_watch() watches a pid
 *            that need not be ours (pidfd; no polling).
 * Ownership  options are borrowed for the call. child_close() stops watching, frees
 *            after `closed`, and never kills. The stdio streams are the caller's to
 *            take with child_take_*() right after spawning; what is not taken is
 *            closed with the child object.
 * Errors     ERR_NOT_FOUND  no such program or process
 *            ERR_DENIED     not executable; ERR_IO  anything else (`diag` says)
 * Reentry    `exited` runs from the loop, at most once; child_close() is fine in it.
 */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include "loop/stream.h"

struct child;

/* code is the exit status, or -1 when a signal ended it (or the pid was not ours). */
typedef void child_exited_fn(struct child *c, void *user, int code, int signum);

struct child_options {
    const char *file;        // searched in PATH when it has no slash
    const char *const *argv; // NULL-terminated, argv[0] included
    const char *const *env;  // NULL-terminated "K=V"; NULL: ours
    const char *cwd;         // NULL: ours
    const char *stderr_path; // appended to, 0600; NULL: ours
    bool detached;           // setsid: it outlives us and gets no terminal signals
    bool pipe_stdio;         // stdin and stdout are streams; else /dev/null
    bool keep_stdio;         // stdin and stdout are ours: it gets the terminal
};

NODISCARD enum err child_spawn(struct loop *l, const struct child_options *o,
                               child_exited_fn *exited, void *user, struct diag *diag,
                               struct child **out);
NODISCARD enum err child_watch(struct loop *l, pid_t pid, child_exited_fn *exited,
                               void *user, struct child **out);

pid_t child_pid(const struct child *c);
NODISCARD enum err child_kill(struct child *c, int signum);

struct stream *child_take_stdin(struct child *c);  // give; NULL when not piped
struct stream *child_take_stdout(struct child *c); // give

void child_close(struct child *c, stream_closed_fn *closed, void *user);

#endif
