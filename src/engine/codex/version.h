/*
 * version: which Codex this is, and whether it is new enough.
 *
 * Source     `codex --version` prints "codex-cli 0.169.0"; the userAgent of
 *            `initialize` is "NAME/0.169.0 (…)".
 * Errors     ERR_PROTO  there is no version in the text
 * Tests      tests/unit/codex_test.c
 */
#ifndef ENGINE_CODEX_VERSION_H
#define ENGINE_CODEX_VERSION_H

#include <stdbool.h>

#include "base/bytes.h"

#define VERSION_LEAST "0.169" // the first one whose behaviour was measured
#define VERSION_MAX   32

struct version {
    uint32_t major;
    uint32_t minor;
    char text[VERSION_MAX]; // "0.169.0", pre-release part included
};

/* The first thing that looks like a version after the first blank or slash. */
NODISCARD enum err version_read(struct bytes text, struct version *out);

bool version_is_enough(const struct version *v);

#endif
