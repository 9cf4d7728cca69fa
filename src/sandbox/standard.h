/*
 * standard: the three descriptors that a command is handed as they are.
 *
 * Shape      what was opened outside knows no mount of the inside: whoever has it may open
 *            it again by /proc/self/fd, with more rights. What could lead out is refused.
 * Errors     ERR_USAGE  one of them would be a hole; *diag says which, and why
 * Tests      tests/escape/ends_test.c
 */
#ifndef SANDBOX_STANDARD_H
#define SANDBOX_STANDARD_H

#include "sandbox/plan.h"

#define STANDARD_FDS 3

/* Opens /dev/null for one that is closed. */
NODISCARD enum err standard_check(const struct plan *p, struct diag *diag);

#endif
