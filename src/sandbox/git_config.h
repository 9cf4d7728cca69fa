/*
 * git_config: the two things a sandbox must know of a repository, read from its files.
 *
 * Source     gitrepository-layout(5), git-config(1) "core.hooksPath".
 * Shape      pure: text in, a slice of it out.
 * Tests      tests/unit/sandbox_plan_test.c, tests/fuzz/sandbox_policy_fuzz.c
 */
#ifndef SANDBOX_GIT_CONFIG_H
#define SANDBOX_GIT_CONFIG_H

#include <stdbool.h>

#include "base/bytes.h"

/* The last core.hooksPath of a config file; false when there is none. */
bool git_hooks_path(struct bytes config, struct bytes *out);

/* The folder that a `.git` file ("gitdir: PATH") names. */
bool git_dir_of_file(struct bytes text, struct bytes *out);

#endif
