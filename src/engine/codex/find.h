/*
 * find: where the codex program is.
 *
 * Shape      what was asked for, else FARHAND_CODEX, else the PATH, else a last
 *            resort (the one beside a build tree).
 * Errors     ERR_NOT_FOUND  `diag` says what was looked for and what to do
 * Tests      tests/unit/codex_test.c
 */
#ifndef ENGINE_CODEX_FIND_H
#define ENGINE_CODEX_FIND_H

#include <limits.h>

#include "base/err.h"

struct find_options {
    const char *asked;       // a path, or a name for the PATH; NULL: "codex"
    const char *search_path; // the PATH to search; NULL: none
    const char *last_resort; // a path; NULL: none
};

NODISCARD enum err find_codex(const struct find_options *o, struct diag *diag,
                              char out[PATH_MAX]);

#endif
