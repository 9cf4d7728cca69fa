/*
 * explain: a plan in words, and as JSON.
 *
 * Errors     those of struct buf
 * Tests      tests/unit/sandbox_plan_test.c
 */
#ifndef SANDBOX_EXPLAIN_H
#define SANDBOX_EXPLAIN_H

#include "base/buf.h"
#include "sandbox/plan.h"

NODISCARD enum err explain_text(const struct plan *p, const struct env_list *env,
                                struct buf *out);
NODISCARD enum err explain_json(const struct plan *p, const struct env_list *env,
                                struct buf *out);

/* A JSON string with its quotes; what is no UTF-8 is escaped octet by octet as \ufffd. */
NODISCARD enum err explain_json_string(struct buf *out, const char *text);

#endif
