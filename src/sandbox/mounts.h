/*
 * mounts: a plan's files, held by mounts in a namespace of this process.
 *
 * Source     mount_namespaces(7), mount_setattr(2), open_tree(2), move_mount(2)
 * Shape      called as the first process of new mount and process namespaces, with rights
 *            over the mount namespace. Everything becomes read-only; writable folders are
 *            cloned from before and laid upon it; what they must not change is laid upon
 *            them, read-only; /tmp, /proc and /dev are new.
 * Errors     ERR_IO  a step failed; *step says which, *path where, errno why
 *            ERR_DENIED  a folder is not the one that the plan saw
 * Limits     SCRATCH_SIZE octets in each private folder.
 */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include "sandbox/plan.h"

NODISCARD enum err mounts_apply(const struct plan *p, const char **step,
                                const char **path);

#endif
