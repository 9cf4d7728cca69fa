/*
 * The writing half of envelope.h. Every body but DATA is small: it is put together in a
 * fixed array whose size follows from the maxima in the header.
 */
#include <string.h>

#include "wire/envelope.h"

/* A fixed run of octets being filled; `failed` sticks, so that a body reads like its
 * line in the law. */
struct body {
    uint8_t at[2048];
    size_t len;
    bool failed;
};

static void add(struct body *b, const uint8_t *octets, size_t len)
{
    if (len > sizeof(b->at) - b->len) {
        b->failed = true;
        return;
    }
    if (len != 0) {
        memcpy(b->at + b->len, octets, len);
        b->len += len;
    }
}

static void add_u8(struct body *b, uint8_t value)
{
    add(b, &value, 1);
}

static void add_u16(struct body *b, uint16_t value)
{
    uint8_t raw[2];
    be16_write(raw, value);
    add(b, raw, sizeof(raw));
}

static void add_u64(struct body *b, uint64_t value)
{
    uint8_t raw[8];
    be64_write(raw, value);
    add(b, raw, sizeof(raw));
}

static void add_lv(struct body *b, struct bytes octets, size_t max)
{
    uint8_t raw[4];
    if (octets.len > max) {
        b->failed = true;
        return;
    }
    be32_write(raw, (uint32_t)octets.len);
    add(b, raw, sizeof(raw));
    add(b, octets.at, octets.len);
}

static enum err put_body(struct buf *out, enum envelope_type type, uint32_t chan,
                         const struct body *b)
{
    if (b->failed) {
        return ERR_LIMIT;
    }
    return envelope_put(out, type, chan, (struct bytes){b->at, b->len});
}

enum err envelope_put_challenge(struct buf *out, const struct envelope_challenge *c)
{
    struct body b = {.len = 0};
    add(&b, c->nonce, sizeof(c->nonce));
    add_u64(&b, c->time_ms);
    return put_body(out, ENVELOPE_CHALLENGE, 0, &b);
}

enum err envelope_put_auth(struct buf *out, const struct envelope_auth *a)
{
    struct body b = {.len = 0};
    add_u8(&b, a->variant);
    if (a->variant == 1) {
        add_u8(&b, (uint8_t)a->role);
        add(&b, a->pub, sizeof(a->pub));
        add(&b, a->mailbox, sizeof(a->mailbox));
        add_u64(&b, a->ts_ms);
        add_u64(&b, a->counter);
        add_lv(&b, a->invite, ENVELOPE_INVITE_MAX);
    } else {
        add_lv(&b, a->ticket, ENVELOPE_TICKET_MAX);
        add_u64(&b, a->ts_ms);
    }
    add(&b, a->sig, sizeof(a->sig));
    return put_body(out, ENVELOPE_AUTH, 0, &b);
}

enum err envelope_put_auth_ok(struct buf *out, const struct envelope_auth_ok *a)
{
    struct body b = {.len = 0};
    add_lv(&b, a->ticket, ENVELOPE_TICKET_MAX);
    add_u64(&b, a->expires_ms);
    return put_body(out, ENVELOPE_AUTH_OK, 0, &b);
}

enum err envelope_put_open(struct buf *out, uint32_t chan,
                           const struct envelope_open *o)
{
    struct body b = {.len = 0};
    add_u8(&b, (uint8_t)o->kind);
    add(&b, o->id, sizeof(o->id));
    return put_body(out, ENVELOPE_OPEN, chan, &b);
}

enum err envelope_put_close(struct buf *out, uint32_t chan, uint8_t reason)
{
    return envelope_put(out, ENVELOPE_CLOSE, chan, (struct bytes){&reason, 1});
}

enum err envelope_put_acl(struct buf *out, const struct envelope_acl *a)
{
    const size_t before = buf_len(out);
    const size_t size = (size_t)a->n * 32;
    uint8_t head[ENVELOPE_HEAD + 3];
    if (a->n > ENVELOPE_ACL_MAX || a->hashes.len != size) {
        return ERR_LIMIT;
    }
    envelope_head(head, ENVELOPE_ACL, 0);
    head[ENVELOPE_HEAD] = (uint8_t)a->op;
    be16_write(head + ENVELOPE_HEAD + 1, a->n);
    enum err e = buf_put(out, BYTES_OF(head));
    if (e == OK) {
        e = buf_put(out, a->hashes);
    }
    if (e != OK) {
        buf_truncate(out, before);
    }
    return e;
}

enum err envelope_put_nameplate(struct buf *out, const struct envelope_nameplate *n)
{
    struct body b = {.len = 0};
    add(&b, n->pair_id, sizeof(n->pair_id));
    add_u16(&b, n->ttl_s);
    add_lv(&b, n->offer, ENVELOPE_OFFER_MAX);
    return put_body(out, ENVELOPE_NAMEPLATE, 0, &b);
}

enum err envelope_put_plate(struct buf *out, const struct envelope_plate *p)
{
    struct body b = {.len = 0};
    add(&b, p->pair_id, sizeof(p->pair_id));
    add_u16(&b, p->ttl_s);
    add_lv(&b, p->digits, ENVELOPE_DIGITS_MAX);
    return put_body(out, ENVELOPE_NAMEPLATE, 0, &b);
}

enum err envelope_put_claim(struct buf *out, struct bytes digits_or_pair_id)
{
    struct envelope_claim checked;
    const enum err e = envelope_claim_parse(digits_or_pair_id, &checked);
    return e == OK ? envelope_put(out, ENVELOPE_CLAIM, 0, digits_or_pair_id) : e;
}

enum err envelope_put_claimed(struct buf *out, struct bytes offer)
{
    struct body b = {.len = 0};
    add_lv(&b, offer, ENVELOPE_OFFER_MAX);
    return put_body(out, ENVELOPE_CLAIM, 0, &b);
}

enum err envelope_put_ping(struct buf *out, uint32_t chan, const uint8_t octets[8])
{
    return envelope_put(out, ENVELOPE_PING, chan, (struct bytes){octets, 8});
}

enum err envelope_put_credit(struct buf *out, uint32_t chan, uint32_t octets)
{
    uint8_t raw[4];
    be32_write(raw, octets);
    return envelope_put(out, ENVELOPE_CREDIT, chan, BYTES_OF(raw));
}

enum err envelope_put_err(struct buf *out, uint32_t chan, uint16_t code,
                          const char *text)
{
    struct body b = {.len = 0};
    add_u16(&b, code);
    const struct bytes said = bytes_sub(bytes_from_str(text), 0, ENVELOPE_ERR_TEXT_MAX);
    add(&b, said.at, said.len);
    return put_body(out, ENVELOPE_ERR, chan, &b);
}

enum err envelope_put_auth_signed(struct buf *out, const char *relay_url,
                                  const uint8_t nonce[32],
                                  const struct envelope_auth *a,
                                  const uint8_t ticket_hash[32])
{
    struct body b = {.len = 0};
    const struct bytes label =
        a->variant == 1 ? BYTES_LIT("fh1 relay auth") : BYTES_LIT("fh1 relay ticket");
    add_lv(&b, label, 64);
    add_lv(&b, bytes_from_str(relay_url), ENVELOPE_URL_MAX);
    add(&b, nonce, 32);
    if (a->variant == 1) {
        add_u8(&b, (uint8_t)a->role);
        add(&b, a->mailbox, sizeof(a->mailbox));
        add(&b, a->pub, sizeof(a->pub));
        add_u64(&b, a->ts_ms);
        add_u64(&b, a->counter);
        add_lv(&b, a->invite, ENVELOPE_INVITE_MAX);
    } else {
        add_u64(&b, a->ts_ms);
        add(&b, ticket_hash, 32);
    }
    return b.failed ? ERR_LIMIT : buf_put(out, (struct bytes){b.at, b.len});
}
