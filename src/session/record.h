/*
 * record: one direction of sealed records, `10 | epoch u8 | ctr u64 | ct||tag16`.
 *
 * Source     protocol.md 5.1. The header is the AAD; the nonce is iv XOR counter.
 * Shape      the caller leaves RECORD_HEADER octets in front and AEAD_TAG behind its
 *            plaintext; sealing and opening happen in place.
 * Ownership  record_init() copies `ts`; record_fini() wipes and accepts a zeroed
 *            object.
 * Errors     record_open:  ERR_AUTH  not exactly the next record, or it does not
 *                          open; the direction is dead from here on (one attempt)
 *            record_seal:  ERR_EXPIRED  the epoch has done its share: rekey first
 *            record_rekey: ERR_EXPIRED  epoch 255 is over: a new session
 * Limits     RECORD_* below bound what one key encrypts.
 * Reentry    a counter that was tampered with aborts the process: a nonce used
 *            twice would give the plaintexts and the authentication key away.
 * Tests      tests/unit/record_test.c, tests/fuzz/record_fuzz.c
 */
#ifndef SESSION_RECORD_H
#define SESSION_RECORD_H

#include <stdbool.h>

#include "crypto/aead.h"

enum {
    RECORD_HEADER = 10,
    RECORD_OVERHEAD = RECORD_HEADER + AEAD_TAG,
    RECORD_PLAIN_MAX = 64 * 1024,
    RECORD_MAX = RECORD_PLAIN_MAX + RECORD_OVERHEAD,
    RECORD_SECRET = 32,
    RECORD_EPOCH_MAX = 255,
};

#define RECORD_EPOCH_RECORDS (UINT64_C(1) << 20)
#define RECORD_EPOCH_OCTETS  (UINT64_C(1) << 30)
#define RECORD_EPOCH_MS      (UINT64_C(60) * 60 * 1000)

struct record {
    struct aead *aead;
    uint8_t iv[AEAD_NONCE];
    uint8_t next[RECORD_SECRET]; // the secret of the epoch after this one
    unsigned epoch;
    uint64_t counter;
    uint64_t guard;  // ~counter, kept apart: see Reentry
    uint64_t octets; // sealed in this epoch
    uint64_t since_ms;
    bool dead;
};

void record_init(struct record *r, const uint8_t ts[RECORD_SECRET], uint64_t now_ms);
void record_fini(struct record *r);

/* Seals the plain_len octets at record + RECORD_HEADER. plain_len + RECORD_OVERHEAD
 * octets leave. */
NODISCARD enum err record_seal(struct record *r, uint8_t *record, size_t plain_len);

/* Opens a copy of one received record in place; *plain points into it. */
NODISCARD enum err record_open(struct record *r, uint8_t *record, size_t len,
                               struct bytes *plain);

/* Sealing side: true when the next record must be KEYUPDATE, then record_rekey(). */
bool record_wants_rekey(const struct record *r, uint64_t now_ms);
NODISCARD enum err record_rekey(struct record *r, uint64_t now_ms);

#endif
