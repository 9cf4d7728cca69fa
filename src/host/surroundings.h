/*
 * surroundings: what is around a command and could make a harmless one do more.
 *
 * Source     the manuals of bash, git, ripgrep and ld.so.
 * Shape      a sentence, static, or NULL when nothing is against it. The variables are
 *            the host's own: an agent that it starts has them.
 * Limits     a configuration over GIT_CONFIG_MAX, an index over GIT_INDEX_MAX: not read,
 *            and not trusted.
 * Tests      tests/unit/surroundings_test.c
 */
#ifndef HOST_SURROUNDINGS_H
#define HOST_SURROUNDINGS_H

/* `environ` as execve() takes it; `root` without links. */
const char *surroundings_of_programs(const char *const *environ_, const char *root);

/* Does git, in this root, run what the folder itself says? */
const char *surroundings_of_git(const char *root);

#endif
