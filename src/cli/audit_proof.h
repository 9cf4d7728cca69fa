/*
 * audit_proof: many signatures, checked on all cores.
 *
 * Shape      proof_add() gathers; a full batch, or proof_flush(), checks it with one
 *            thread for each core, and remembers the first record whose signature is
 *            not what it claims.
 * Ownership  proofs_create() gives; everything added is copied.
 * Limits     PROOF_BATCH signatures are held at once, however long the log is.
 * Threads    its own, joined before proof_flush() returns.
 * Tests      tests/unit/audit_verify_test.c, tests/bench/audit_bench.c
 */
#ifndef CLI_AUDIT_PROOF_H
#define CLI_AUDIT_PROOF_H

#include "base/bytes.h"

#define PROOF_BATCH       8192u
#define PROOF_MESSAGE_MAX 256u

struct proofs;

/* threads 0: one for each core. */
NODISCARD struct proofs *proofs_create(unsigned threads);
void proofs_destroy(struct proofs *p); // NULL is fine

/* ERR_LIMIT: the message is longer than any that is signed. */
NODISCARD enum err proof_add(struct proofs *p, uint64_t idx, const uint8_t pub[32],
                             struct bytes message, struct bytes sig);
void proof_flush(struct proofs *p);

uint64_t proof_broken(const struct proofs *p); // the first record; 0: none so far
uint64_t proof_us(const struct proofs *p);     // spent checking, wall clock
uint64_t proof_count(const struct proofs *p);

#endif
