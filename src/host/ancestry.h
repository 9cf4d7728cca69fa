/*
 * ancestry: is one process a descendant of another?
 *
 * Shape      walks parents upwards; a process whose parents have ended hangs below
 *            init and is not recognised.
 * Errors     a process that cannot be looked at is no descendant.
 * Limits     ANCESTRY_MAX steps: pids may be reused while we walk.
 */
#ifndef HOST_ANCESTRY_H
#define HOST_ANCESTRY_H

#include <stdbool.h>
#include <sys/types.h>

#define ANCESTRY_MAX 64

bool ancestry_is_below(pid_t pid, pid_t ancestor); // itself counts

#endif
