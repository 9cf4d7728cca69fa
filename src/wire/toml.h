/*
 * toml: TOML 1.0 documents, read into JSON values.
 *
 * Source     https://toml.io/en/v1.0.0
 * Shape      tables become objects, arrays arrays, strings strings, integers and
 *            booleans themselves, floats reals (inf and nan: ERR_USAGE unless
 *            tagged), dates and times strings in their own spelling.
 *            toml_parse_tagged() gives {"type": …, "value": "…"} leaves as the
 *            toml-test suite wants them.
 * Errors     ERR_PROTO  not TOML; `diag` says line and reason
 *            ERR_LIMIT  over TOML_MAX octets or TOML_DEPTH_MAX levels
 *            ERR_NOMEM
 * Ownership  gives *out: json_decref() ends it.
 * Tests      tests/unit/toml_test.c over tests/vectors/toml-test, tests/fuzz/toml_fuzz.c
 */
#ifndef WIRE_TOML_H
#define WIRE_TOML_H

#include "wire/json.h"

#define TOML_MAX       (1024u * 1024)
#define TOML_DEPTH_MAX 64

NODISCARD enum err toml_parse(struct bytes text, json_t **out, struct diag *diag);
NODISCARD enum err toml_parse_tagged(struct bytes text, json_t **out,
                                     struct diag *diag);

#endif
