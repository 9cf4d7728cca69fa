/*
 * home: the private CODEX_HOME in which Codex talks to the practice model.
 *
 * Shape      config.toml (the one provider on loopback, nothing that wants a network
 *            or an account), model.json (the catalogue of one model), practice.png.
 *            A config.toml that says the same already is left as it is, since Codex
 *            writes into it too.
 * Errors     as file_replace(); ERR_LIMIT when a path is too long
 * Tests      tests/unit/practice_home_test.c
 */
#ifndef ENGINE_PRACTICE_HOME_H
#define ENGINE_PRACTICE_HOME_H

#include "base/err.h"

#include <stdint.h>

#define HOME_IMAGE "practice.png"

/* `trusted` (may be NULL): the folder Codex may work in without asking for trust. */
NODISCARD enum err home_write(const char *dir, uint16_t port, const char *trusted);

#endif
