/*
 * repository: what git will run or obey later, where a sandboxed command could change it.
 *
 * Source     gitrepository-layout(5), git-config(1), githooks(5), gitmodules(5)
 * Shape      looks for the repository that a writable folder lies in, as git does: in the
 *            folder itself and in those above. Then the folder that a `.git` file names,
 *            what core.hooksPath and include.path name in the repository's configuration,
 *            in the user's and in the system's, and the `.git` of each submodule: whatever
 *            of it lies below a writable folder is held read-only.
 * Errors     ERR_DENIED  what is named cannot be held; *diag says why
 *            ERR_LIMIT   too many paths, or one too long
 * Limits     INCLUDE_DEPTH files that include each other.
 * Tests      tests/escape/attempts.txt, "own-…"; tests/escape/ends_test.c
 */
#ifndef SANDBOX_REPOSITORY_H
#define SANDBOX_REPOSITORY_H

#include "sandbox/site.h"

#define INCLUDE_DEPTH 4 // a file that includes itself ends here

/* Adds to what `s` holds; `root` is one of its writable folders. */
NODISCARD enum err repository_hold(struct site *s, const char *root, struct diag *diag);

#endif
