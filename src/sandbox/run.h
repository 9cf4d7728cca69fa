/*
 * run: a command under a plan, from start to end.
 *
 * Shape      sandbox_run() starts the command, listens to what is refused, and returns
 *            when every process of it is gone. SIGINT, SIGTERM, SIGHUP and SIGQUIT go on to
 *            the command; two seconds after one that asks to end, it is ended.
 * Ownership  borrows everything; *out owns its log: end it with sandbox_result_fini().
 * Errors     ERR_DENIED     the sandbox cannot be made; nothing was run
 *            ERR_NOT_FOUND  no namespaces here: plan again without them
 *            ERR_USAGE      a standard descriptor that would be a hole
 *            *diag has the sentence.
 * Time       blocks. Looks at the disks now and then while something is writable.
 * Threads    forks: from a single-threaded process only.
 * Limits     DISK_RESERVE octets stay free on every disk that is written to (disk.h).
 */
#ifndef SANDBOX_RUN_H
#define SANDBOX_RUN_H

#include "sandbox/denial.h"
#include "sandbox/plan.h"

enum sandbox_end {
    SANDBOX_ENDED,     // by itself
    SANDBOX_NOT_RUN,   // no such command, or not executable
    SANDBOX_TIME,      // timeout
    SANDBOX_OUTPUT,    // more output than allowed
    SANDBOX_DISK,      // the disk would have been full
    SANDBOX_ASKED,     // a signal asked us to end, and the command did not in time
    SANDBOX_NO_READER, // nobody reads the output any more
};

struct sandbox_result {
    enum sandbox_end end;
    int exit_code; // 128 + signal when a signal ended it
    int signal;    // 0: none
    int error;     // SANDBOX_NOT_RUN: errno
    bool workspace_gone;
    bool supervised; // denials were listened to
    uint64_t elapsed_ms;
    struct denial_log denials;
};

NODISCARD enum err sandbox_run(struct plan *p, struct env_list *env, char *const *argv,
                               struct sandbox_result *out, struct diag *diag);
void sandbox_result_fini(struct sandbox_result *r);

/* One JSON object on one line. */
NODISCARD enum err sandbox_result_json(const struct sandbox_result *r, struct buf *out);

const char *sandbox_end_text(enum sandbox_end end); // a sentence; "" for SANDBOX_ENDED

#endif
