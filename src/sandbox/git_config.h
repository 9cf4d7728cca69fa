/*
 * git_config: what a sandbox must know of a repository, read from its files.
 *
 * Source     gitrepository-layout(5), git-config(1) "Syntax".
 * Shape      pure: git_config_next() gives one `key = value` after the other, as git itself
 *            would read them: quotes, escapes, comments and continued lines are undone.
 * Limits     GIT_VALUE_MAX octets: what is longer is no path, and is left out.
 * Tests      tests/unit/sandbox_plan_test.c, tests/fuzz/sandbox_policy_fuzz.c
 */
#ifndef SANDBOX_GIT_CONFIG_H
#define SANDBOX_GIT_CONFIG_H

#include <stdbool.h>

#include "base/bytes.h"

#define GIT_NAME_MAX  32
#define GIT_VALUE_MAX 4096

struct git_config {
    struct bytes rest;
    char section[GIT_NAME_MAX]; // lower case, without its second name
};

struct git_entry {
    char section[GIT_NAME_MAX];
    char key[GIT_NAME_MAX]; // lower case
    char value[GIT_VALUE_MAX];
};

void git_config_init(struct git_config *c, struct bytes text); // borrows the text
bool git_config_next(struct git_config *c, struct git_entry *out);

/* The folder that a `.git` file ("gitdir: PATH") names. */
bool git_dir_of_file(struct bytes text, struct bytes *out);

#endif
