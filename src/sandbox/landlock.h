/*
 * landlock: a plan's files, TCP, signals and abstract sockets, held by Landlock.
 *
 * Source     landlock(7); Documentation/userspace-api/landlock.rst, ABI 1 to 7. Our own
 *            constants: the packaged header knows ABI 1 to 3 or so, the kernel says at
 *            run time what it has.
 * Shape      a rule grants below a folder and cannot take back. With a namespace the
 *            mounts take back; without one, what is hidden is left out by granting its
 *            siblings one by one.
 * Errors     ERR_IO  a step failed; *step names it, errno says why
 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "sandbox/plan.h"

unsigned landlock_abi(void); // 0: none

/* On the calling process, for good. `scratch` is a private folder of this run, or NULL. */
NODISCARD enum err landlock_apply(const struct plan *p, const char *scratch,
                                  const char **step);

#endif
