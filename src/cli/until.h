/*
 * until: a point in time as people write it, for limits.
 *
 * Shape      "+2h" (s, m, h, d, w), "18:00" (the next one), "today 18:00", "tomorrow
 *            18:00", "2026-11-22 18:00" or "2026-11-22T18:00[:30][Z|+01:00]". Without a
 *            zone it is this machine's local time. Nothing else is guessed at.
 * Errors     ERR_USAGE  it is none of these, is over already, or is no time of the local
 *                       clock (the hour that summer time skips): diag says which
 * Time       seconds since 1970, passed in.
 * Tests      tests/unit/until_test.c
 */
#ifndef CLI_UNTIL_H
#define CLI_UNTIL_H

#include <stdint.h>

#include "base/err.h"

NODISCARD enum err until_parse(const char *text, int64_t now_s, int64_t *out_s,
                               struct diag *diag);

#define UNTIL_TEXT_SIZE 48
/* "2026-11-22 18:00 CET" */
void until_text(int64_t at_s, char out[UNTIL_TEXT_SIZE]);

#endif
