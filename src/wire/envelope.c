#include "wire/envelope.h"

#include <string.h>

enum { VERSION = 1 };

static bool type_is_known(uint8_t type)
{
    return type >= ENVELOPE_CHALLENGE && type <= ENVELOPE_CREDIT && type != 10;
}

enum err envelope_parse(struct bytes frame, struct envelope *out)
{
    if (frame.len < ENVELOPE_HEAD || frame.at[0] != VERSION ||
        !type_is_known(frame.at[1])) {
        return ERR_PROTO;
    }
    if (frame.len > ENVELOPE_MAX) {
        return ERR_LIMIT;
    }
    *out = (struct envelope){
        .type = (enum envelope_type)frame.at[1],
        .chan = be32_read(frame.at + 2),
        .body = {frame.at + ENVELOPE_HEAD, frame.len - ENVELOPE_HEAD},
    };
    return OK;
}

void envelope_head(uint8_t out[ENVELOPE_HEAD], enum envelope_type type, uint32_t chan)
{
    out[0] = VERSION;
    out[1] = (uint8_t)type;
    be32_write(out + 2, chan);
}

enum err envelope_put(struct buf *out, enum envelope_type type, uint32_t chan,
                      struct bytes body)
{
    uint8_t *to;
    if (body.len > ENVELOPE_BODY_MAX) {
        return ERR_LIMIT;
    }
    const enum err e = buf_reserve(out, ENVELOPE_HEAD + body.len, &to);
    if (e != OK) {
        return e;
    }
    envelope_head(to, type, chan);
    if (body.len != 0) {
        memcpy(to + ENVELOPE_HEAD, body.at, body.len);
    }
    buf_grew(out, ENVELOPE_HEAD + body.len);
    return OK;
}

/* ---- bodies, read --------------------------------------------------------------- */

/* A body is exactly its fields: what is left over is as wrong as what is missing. */
static enum err whole(enum err e, const struct cursor *c)
{
    return e == OK && c->left.len == 0 ? OK : ERR_PROTO;
}

enum err envelope_challenge_parse(struct bytes body, struct envelope_challenge *out)
{
    struct cursor c = {body};
    struct envelope_challenge v;
    enum err e = cursor_copy(&c, v.nonce, sizeof(v.nonce));
    if (e == OK) {
        e = cursor_u64(&c, &v.time_ms);
    }
    e = whole(e, &c);
    if (e == OK) {
        *out = v;
    }
    return e;
}

static enum err read_auth_key(struct cursor *c, struct envelope_auth *a)
{
    uint8_t role = 0;
    enum err e = cursor_u8(c, &role);
    if (e == OK && role != ENVELOPE_HOST && role != ENVELOPE_DEVICE) {
        return ERR_PROTO;
    }
    a->role = (enum envelope_role)role;
    if (e == OK) {
        e = cursor_copy(c, a->pub, sizeof(a->pub));
    }
    if (e == OK) {
        e = cursor_copy(c, a->mailbox, sizeof(a->mailbox));
    }
    if (e == OK) {
        e = cursor_u64(c, &a->ts_ms);
    }
    if (e == OK) {
        e = cursor_u64(c, &a->counter);
    }
    if (e == OK) {
        e = cursor_lv(c, ENVELOPE_INVITE_MAX, &a->invite);
    }
    return e;
}

static enum err read_auth_ticket(struct cursor *c, struct envelope_auth *a)
{
    const enum err e = cursor_lv(c, ENVELOPE_TICKET_MAX, &a->ticket);
    return e == OK ? cursor_u64(c, &a->ts_ms) : e;
}

enum err envelope_auth_parse(struct bytes body, struct envelope_auth *out)
{
    struct cursor c = {body};
    struct envelope_auth a = {.variant = 0};
    enum err e = cursor_u8(&c, &a.variant);
    if (e == OK && a.variant == 1) {
        e = read_auth_key(&c, &a);
    } else if (e == OK) {
        e = a.variant == 2 ? read_auth_ticket(&c, &a) : ERR_PROTO;
    }
    if (e == OK) {
        e = cursor_copy(&c, a.sig, sizeof(a.sig));
    }
    e = whole(e, &c);
    if (e == OK) {
        *out = a;
    }
    return e;
}

enum err envelope_auth_ok_parse(struct bytes body, struct envelope_auth_ok *out)
{
    struct cursor c = {body};
    struct envelope_auth_ok v;
    enum err e = cursor_lv(&c, ENVELOPE_TICKET_MAX, &v.ticket);
    if (e == OK) {
        e = cursor_u64(&c, &v.expires_ms);
    }
    e = whole(e, &c);
    if (e == OK) {
        *out = v;
    }
    return e;
}

enum err envelope_open_parse(struct bytes body, struct envelope_open *out)
{
    if (body.len != 17 ||
        (body.at[0] != ENVELOPE_TO_MAILBOX && body.at[0] != ENVELOPE_TO_BOX)) {
        return ERR_PROTO;
    }
    out->kind = (enum envelope_kind)body.at[0];
    memcpy(out->id, body.at + 1, sizeof(out->id));
    return OK;
}

enum err envelope_close_parse(struct bytes body, uint8_t *reason)
{
    if (body.len != 1) {
        return ERR_PROTO;
    }
    *reason = body.at[0];
    return OK;
}

enum err envelope_acl_parse(struct bytes body, struct envelope_acl *out)
{
    struct cursor c = {body};
    struct envelope_acl v = {.n = 0};
    uint8_t op = 0;
    enum err e = cursor_u8(&c, &op);
    if (e == OK) {
        e = cursor_u16(&c, &v.n);
    }
    if (e != OK || op < ENVELOPE_REPLACE || op > ENVELOPE_REMOVE ||
        v.n > ENVELOPE_ACL_MAX) {
        return ERR_PROTO;
    }
    v.op = (enum envelope_acl_op)op;
    e = whole(cursor_take(&c, (size_t)v.n * 32, &v.hashes), &c);
    if (e == OK) {
        *out = v;
    }
    return e;
}

enum err envelope_nameplate_parse(struct bytes body, struct envelope_nameplate *out)
{
    struct cursor c = {body};
    struct envelope_nameplate v;
    enum err e = cursor_copy(&c, v.pair_id, sizeof(v.pair_id));
    if (e == OK) {
        e = cursor_u16(&c, &v.ttl_s);
    }
    if (e == OK) {
        e = cursor_lv(&c, ENVELOPE_OFFER_MAX, &v.offer);
    }
    e = whole(e, &c);
    if (e == OK) {
        *out = v;
    }
    return e;
}

static bool are_digits(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
    }
    return text.len >= ENVELOPE_DIGITS_MIN && text.len <= ENVELOPE_DIGITS_MAX;
}

enum err envelope_plate_parse(struct bytes body, struct envelope_plate *out)
{
    struct cursor c = {body};
    struct envelope_plate v = {.ttl_s = 0};
    enum err e = cursor_copy(&c, v.pair_id, sizeof(v.pair_id));
    if (e == OK) {
        e = cursor_u16(&c, &v.ttl_s);
    }
    if (e == OK) {
        e = cursor_lv(&c, ENVELOPE_DIGITS_MAX, &v.digits);
    }
    e = whole(e, &c);
    if (e == OK && v.digits.len != 0 && !are_digits(v.digits)) {
        e = ERR_PROTO;
    }
    if (e == OK) {
        *out = v;
    }
    return e;
}

enum err envelope_claim_parse(struct bytes body, struct envelope_claim *out)
{
    if (body.len == 16) {
        *out = (struct envelope_claim){.pair_id = body};
        return OK;
    }
    if (!are_digits(body)) {
        return ERR_PROTO;
    }
    *out = (struct envelope_claim){.digits = body};
    return OK;
}

enum err envelope_claimed_parse(struct bytes body, struct bytes *offer)
{
    struct cursor c = {body};
    struct bytes v;
    const enum err e = whole(cursor_lv(&c, ENVELOPE_OFFER_MAX, &v), &c);
    if (e == OK) {
        *offer = v;
    }
    return e;
}

enum err envelope_ping_parse(struct bytes body, uint8_t out[8])
{
    if (body.len != 8) {
        return ERR_PROTO;
    }
    memcpy(out, body.at, 8);
    return OK;
}

enum err envelope_credit_parse(struct bytes body, uint32_t *out)
{
    if (body.len != 4) {
        return ERR_PROTO;
    }
    *out = be32_read(body.at);
    return OK;
}

enum err envelope_err_parse(struct bytes body, struct envelope_err *out)
{
    if (body.len < 2 || body.len > 2 + ENVELOPE_ERR_TEXT_MAX) {
        return ERR_PROTO;
    }
    out->code = be16_read(body.at);
    out->text = (struct bytes){body.at + 2, body.len - 2};
    return OK;
}

enum err envelope_offer_parse(struct bytes octets, struct envelope_offer *out)
{
    if (octets.len != ENVELOPE_OFFER_SIZE || octets.at[0] != 1 || octets.at[1] != 1) {
        return ERR_PROTO;
    }
    memcpy(out->pair_id, octets.at + 2, sizeof(out->pair_id));
    memcpy(out->host_nonce, octets.at + 18, sizeof(out->host_nonce));
    out->expires_in_s = be16_read(octets.at + 34);
    return OK;
}

void envelope_offer_build(const struct envelope_offer *o,
                          uint8_t out[ENVELOPE_OFFER_SIZE])
{
    out[0] = 1;
    out[1] = 1;
    memcpy(out + 2, o->pair_id, sizeof(o->pair_id));
    memcpy(out + 18, o->host_nonce, sizeof(o->host_nonce));
    be16_write(out + 34, o->expires_in_s);
}
