/*
 * seatbelt: a plan as a profile of macOS' sandbox.
 *
 * Source     sandbox-exec(1), sandbox_init(3), and the profiles in /System/Library/Sandbox of
 *            macOS 14; the language has no public manual.
 * Shape      pure text from the plan: everything is refused, then reading is allowed, then
 *            each item of the plan from the outermost in; the last rule that matches wins.
 *            The disks of macOS know no case: what is protected is so in any spelling.
 *            NOT YET RUN on macOS: the text is tested, the kernel's reading of it is not.
 * Errors     ERR_USAGE  a path that no profile can hold (control characters)
 *            and those of struct buf
 * Tests      tests/unit/sandbox_seatbelt_test.c
 */
#ifndef SANDBOX_SEATBELT_H
#define SANDBOX_SEATBELT_H

#include "base/buf.h"
#include "sandbox/plan.h"

#define SEATBELT_EXEC        "/usr/bin/sandbox-exec"
#define SEATBELT_PROFILE_MAX (256u * 1024u) // an argument of a program may be that long

NODISCARD enum err seatbelt_profile(const struct plan *p, struct buf *out);

#endif
