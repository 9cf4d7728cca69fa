/*
 * ticket: the relay's own short-lived proof that it has admitted a key.
 *
 * Source     docs/protocol.md section 8:
 *            01|kid|aud|scope u16|exp u64 ms|mailbox[16]|SHA256(pub)[0..16]|jti[8]|
 *            HMAC-SHA256(K[kid], LV("fh1 tok")||all before)[32] = 85 octets
 * Shape      two keys at most: the newest signs, both verify, so that a ticket made
 *            just before the daily rotation lives its quarter of an hour.
 * Ownership  a struct ticket_keys is the caller's; ticket_keys_fini() wipes it.
 * Errors     ERR_AUTH     not made by this relay, or not for this use
 *            ERR_EXPIRED  was ours, and is over
 * Time       wall milliseconds, passed in.
 * Tests      tests/unit/relay_ticket_test.c, tests/fuzz/relay_ticket_fuzz.c
 */
#ifndef RELAY_TICKET_H
#define RELAY_TICKET_H

#include <stdbool.h>

#include "base/bytes.h"

#define TICKET_SIZE      85
#define TICKET_TTL_MS    UINT64_C(900000)
#define TICKET_ROTATE_MS UINT64_C(86400000)
#define TICKET_KEYS      2
#define TICKET_KEY_SIZE  32

enum ticket_audience { TICKET_HOST = 1, TICKET_DEVICE = 2 };

struct ticket_key {
    uint8_t kid; // 0: empty slot
    uint64_t made_ms;
    uint8_t key[TICKET_KEY_SIZE];
};

struct ticket_keys {
    struct ticket_key slot[TICKET_KEYS]; // [0] is the newest
};

struct ticket {
    enum ticket_audience audience;
    uint64_t expires_ms;
    uint8_t mailbox[16];
    uint8_t holder[16]; // SHA256(pub)[0..16]
};

void ticket_keys_fini(struct ticket_keys *keys);

/* Nothing to sign with, the newest is a day old, or it was made in the future. */
bool ticket_keys_are_due(const struct ticket_keys *keys, uint64_t wall_ms);

/* Makes a fresh key the newest; the one before it stays, older ones are wiped. */
void ticket_keys_rotate(struct ticket_keys *keys, uint64_t wall_ms);

/* `t` without expires_ms, which is set here. */
void ticket_make(const struct ticket_keys *keys, struct ticket *t, uint64_t wall_ms,
                 uint8_t out[TICKET_SIZE]);

NODISCARD enum err ticket_check(const struct ticket_keys *keys, struct bytes raw,
                                uint64_t wall_ms, struct ticket *out);

/* The keys as a file's content and back: one line each, "kid made_ms hex". */
#define TICKET_FILE_MAX 512
size_t ticket_keys_write(const struct ticket_keys *keys, char out[TICKET_FILE_MAX]);
NODISCARD enum err ticket_keys_read(struct bytes text, struct ticket_keys *out);

#endif
