/*
 * watch: the supervisor's ear: calls that the filter hands over, one at a time.
 *
 * Source     seccomp_unotify(2)
 * Shape      a refused call is recorded and answered EPERM. A call that changes files is
 *            looked at and then goes on: Landlock and the mounts decide about it, so it
 *            does not matter that its path may change after it was read.
 * Errors     ERR_CLOSED  nobody is left under the filter
 */
#ifndef SANDBOX_WATCH_H
#define SANDBOX_WATCH_H

#include <limits.h>

#include "sandbox/denial.h"

struct watch {
    int fd; // the listener; -1: none
    const struct plan *plan;
    struct denial_log *log;
    bool may_ns; // the filter's kind: owner calls are looked at, not refused
    bool root_known;
    char root[PATH_MAX]; // of the command, as /proc tells its folders; "": ours
};

void watch_begin(struct watch *w);
NODISCARD enum err watch_one(struct watch *w); // when the listener is readable

#endif
