#include "session/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "crypto/hkdf.h"

enum { TYPE = 0x10 };

static void take_keys(struct record *r, const uint8_t ts[RECORD_SECRET])
{
    uint8_t key[AEAD_KEY];
    uint8_t next[RECORD_SECRET]; // `ts` may be r->next
    const struct bytes secret = {ts, RECORD_SECRET};
    hkdf_label(secret, BYTES_NONE, "fh1 key", BYTES_NONE, key, sizeof(key));
    hkdf_label(secret, BYTES_NONE, "fh1 iv", BYTES_NONE, r->iv, sizeof(r->iv));
    hkdf_label(secret, BYTES_NONE, "fh1 next", BYTES_NONE, next, sizeof(next));
    memcpy(r->next, next, sizeof(next));
    aead_destroy(r->aead);
    r->aead = aead_create(key);
    secret_wipe(key, sizeof(key));
    secret_wipe(next, sizeof(next));
}

static void begin_epoch(struct record *r, uint64_t now_ms)
{
    r->counter = 0;
    r->guard = ~UINT64_C(0);
    r->octets = 0;
    r->since_ms = now_ms;
}

void record_init(struct record *r, const uint8_t ts[RECORD_SECRET], uint64_t now_ms)
{
    *r = (struct record){.aead = NULL};
    take_keys(r, ts);
    begin_epoch(r, now_ms);
}

void record_fini(struct record *r)
{
    aead_destroy(r->aead);
    secret_wipe(r, sizeof(*r));
}

/* The one place where a counter moves, and it moves before it is used. */
static uint64_t take_counter(struct record *r)
{
    if (r->guard != ~r->counter) {
        log_error("record.counter_broken", "epoch=%u", r->epoch);
        abort();
    }
    const uint64_t mine = r->counter;
    r->counter++;
    r->guard = ~r->counter;
    return mine;
}

static void write_header(const struct record *r, uint64_t counter, uint8_t *out)
{
    out[0] = TYPE;
    out[1] = (uint8_t)r->epoch;
    be64_write(out + 2, counter);
}

static void make_nonce(const struct record *r, const uint8_t *header,
                       uint8_t nonce[AEAD_NONCE])
{
    memcpy(nonce, r->iv, AEAD_NONCE);
    for (size_t i = 0; i < 8; i++) {
        nonce[4 + i] ^= header[2 + i];
    }
}

enum err record_seal(struct record *r, uint8_t *record, size_t plain_len)
{
    uint8_t nonce[AEAD_NONCE];
    assert(plain_len <= RECORD_PLAIN_MAX);
    if (r->dead || r->counter >= RECORD_EPOCH_RECORDS) {
        return ERR_EXPIRED;
    }
    write_header(r, take_counter(r), record);
    make_nonce(r, record, nonce);
    uint8_t *body = record + RECORD_HEADER;
    aead_seal(r->aead, nonce, (struct bytes){record, RECORD_HEADER},
              (struct bytes){body, plain_len}, body);
    r->octets += plain_len;
    return OK;
}

enum err record_open(struct record *r, uint8_t *record, size_t len, struct bytes *plain)
{
    uint8_t expected[RECORD_HEADER];
    uint8_t nonce[AEAD_NONCE];
    if (r->dead || len < RECORD_OVERHEAD || len > RECORD_MAX ||
        r->counter >= RECORD_EPOCH_RECORDS) {
        r->dead = true;
        return ERR_AUTH;
    }
    write_header(r, r->counter, expected);
    const struct bytes header = {record, RECORD_HEADER};
    if (!bytes_equal(header, BYTES_OF(expected))) {
        r->dead = true;
        return ERR_AUTH;
    }
    (void)take_counter(r);
    make_nonce(r, record, nonce);
    uint8_t *body = record + RECORD_HEADER;
    const struct bytes sealed = {body, len - RECORD_HEADER};
    const enum err e = aead_open(r->aead, nonce, header, sealed, body);
    if (e != OK) {
        r->dead = true;
        return e;
    }
    *plain = (struct bytes){body, len - RECORD_OVERHEAD};
    return OK;
}

bool record_wants_rekey(const struct record *r, uint64_t now_ms)
{
    return r->counter >= RECORD_EPOCH_RECORDS - 1 ||
           r->octets >= RECORD_EPOCH_OCTETS - RECORD_PLAIN_MAX ||
           now_ms - r->since_ms >= RECORD_EPOCH_MS;
}

enum err record_rekey(struct record *r, uint64_t now_ms)
{
    if (r->dead || r->epoch >= RECORD_EPOCH_MAX) {
        r->dead = true;
        return ERR_EXPIRED;
    }
    take_keys(r, r->next);
    r->epoch++;
    begin_epoch(r, now_ms);
    return OK;
}
