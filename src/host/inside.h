/*
 * inside: does a path lead into the workspace, links followed?
 *
 * Shape      what policy/ asks of the file system. A name that does not exist leads
 *            nowhere and is inside when its folder is.
 * Limits     INSIDE_MATCHES_MAX names that a wildcard may stand for: one that stands
 *            for more is not looked at to the end, and is not inside.
 * Tests      tests/unit/inside_test.c
 */
#ifndef HOST_INSIDE_H
#define HOST_INSIDE_H

#include <stdbool.h>

#define INSIDE_MATCHES_MAX 4096u

/* `roots`: NULL-terminated, absolute, without links; a `const char *const *`. */
bool inside_roots(void *roots, const char *path, bool pattern);

#endif
