/*
 * place: where an agent's things are.
 *
 * Source     Codex 0.169: $CODEX_HOME/app-server-control/app-server-control.sock is
 *            where a plain `codex` looks; `--listen unix://` listens there.
 * Errors     ERR_LIMIT  a path is too long; ERR_USAGE  not an endpoint; `diag` says it
 * Tests      tests/unit/codex_test.c
 */
#ifndef ENGINE_CODEX_PLACE_H
#define ENGINE_CODEX_PLACE_H

#include <limits.h>
#include <stdbool.h>

#include "engine/engine.h"

struct place {
    char codex_home[PATH_MAX];
    bool sets_home;              // the child must be told of codex_home
    char endpoint[PATH_MAX + 8]; // what to dial: unix://PATH or ws://…
    char listen[PATH_MAX + 8];   // what our own child listens on
    bool joins_only;             // an endpoint was given: start nothing
    bool shared;                 // others know this socket too
    const char *record;          // file names in run/
    const char *log;
};

NODISCARD enum err place_make(const struct engine_options *o, struct diag *diag,
                              struct place *out);

#endif
