/*
 * child: what runs between fork and exec, on the inside.
 *
 * Shape      child_init() is the first process of the namespaces: it mounts, starts the
 *            command, reaps, tells how it ended. child_enter() is the command itself: it
 *            gives up every right, one after the other, and becomes CMD. Neither returns.
 *            What goes wrong is one `struct child_note` on the report pipe.
 * Errors     a note of kind CHILD_FAILED, with step, path and errno
 */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <sys/types.h>

#include "sandbox/plan.h"

enum child_kind {
    CHILD_FAILED, // the sandbox could not be made: nothing was run
    CHILD_NO_CMD, // the command could not be run
    CHILD_ENDED,  // `status` as of wait(2)
};

struct child_note {
    enum child_kind kind;
    int error;
    int status;
    char step[48];
    char path[256];
};

struct child {
    const struct plan *plan;
    char *const *argv;
    char **env;
    const char *scratch; // without namespaces: a private folder; else NULL
    int report;          // write end of the report pipe
    int talk;            // our end of the pair to the supervisor
    uid_t uid;           // the caller's
    gid_t gid;
};

_Noreturn void child_init(const struct child *c);
_Noreturn void child_enter(const struct child *c);

#endif
