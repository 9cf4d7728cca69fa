/*
 * relay_rig: the relay's core with peers that are not sockets.
 *
 * Shape      a peer keeps the frames that were sent to it; peer_next() takes one. A
 *            stalled peer reads nothing: what is sent to it counts as queued.
 */
#ifndef TESTS_UNIT_RELAY_RIG_H
#define TESTS_UNIT_RELAY_RIG_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include "relay/core.h"
#include "relay/limit.h"
#include "wire/envelope.h"

#define RIG_URL "ws://127.0.0.1:4317/relay"
#define RIG     __attribute__((unused)) static

struct rig {
    struct relay_core *core;
    struct ticket_keys keys;
    struct admission admission;
    struct relay_time now;
};

struct peer {
    struct rig *rig;
    struct leg *leg; // NULL: closed
    struct buf in;   // u32 length, frame, …
    size_t queued;
    bool stalled;
    bool fail_send;
    bool admitted;
    uint16_t code;
    uint8_t nonce[32];
    uint8_t frame[ENVELOPE_MAX]; // the last one taken
    struct envelope f;
};

struct rig_key {
    struct sign_key *key;
    uint8_t pub[32];
    uint8_t mailbox[16];
    uint8_t hash[32];
};

static enum err rig_send(void *user, struct bytes head, struct bytes body)
{
    struct peer *p = user;
    if (p->fail_send || buf_put_u32(&p->in, (uint32_t)(head.len + body.len)) != OK ||
        buf_put(&p->in, head) != OK || buf_put(&p->in, body) != OK) {
        return ERR_NOMEM;
    }
    p->queued += p->stalled ? head.len + body.len : 0;
    return OK;
}

static size_t rig_queued(const void *user)
{
    const struct peer *p = user;
    return p->queued;
}

static void rig_close(void *user, uint16_t ws_code)
{
    struct peer *p = user;
    p->leg = NULL;
    p->code = ws_code;
}

static void rig_admitted(void *user)
{
    struct peer *p = user;
    p->admitted = true;
}

static const struct relay_ops rig_ops = {
    .send = rig_send,
    .queued = rig_queued,
    .admitted = rig_admitted,
    .close = rig_close,
};

RIG void rig_init_with(struct rig *r, struct relay_core_options o)
{
    static const char *const urls[] = {"wss://relay.example/relay", RIG_URL};
    crypto_init();
    log_set_level(LOG_ERROR);
    *r = (struct rig){.now = {1000, 1700000000000}};
    r->admission.kind = ADMISSION_OPEN;
    ticket_keys_rotate(&r->keys, r->now.wall_ms);
    o.urls = urls;
    o.n_urls = 2;
    o.keys = &r->keys;
    o.admission = &r->admission;
    r->core = relay_core_create(&o, &rig_ops);
}

RIG void rig_init(struct rig *r)
{
    rig_init_with(r, (struct relay_core_options){.n_urls = 0});
}

RIG void rig_fini(struct rig *r)
{
    relay_core_destroy(r->core);
    admission_fini(&r->admission);
    ticket_keys_fini(&r->keys);
}

RIG uint64_t rig_wait(struct rig *r, uint64_t ms)
{
    r->now.mono_ms += ms;
    r->now.wall_ms += ms;
    relay_core_tick(r->core, r->now);
    return relay_core_due(r->core);
}

RIG void rig_key_init(struct rig_key *k, uint8_t seed)
{
    uint8_t octets[SIGN_SEED];
    memset(octets, seed, sizeof(octets));
    k->key = sign_key_create(octets);
    memcpy(k->pub, sign_key_pub(k->key), sizeof(k->pub));
    admission_mailbox_of(k->pub, k->mailbox);
    hash_sha256(BYTES_OF(k->pub), k->hash);
}

RIG void rig_key_fini(struct rig_key *k)
{
    sign_key_destroy(k->key);
}

/* The rig's own memory never fails: mem_fail_at() is for the core. */
RIG struct buf rig_buf(void)
{
    static uint8_t storage[ENVELOPE_MAX + 1];
    return (struct buf){.at = storage, .cap = sizeof(storage), .max = sizeof(storage)};
}

/* ---- peers --------------------------------------------------------------------- */

RIG void peer_init(struct peer *p, struct rig *r)
{
    *p = (struct peer){.rig = r};
    buf_init(&p->in, 64 << 20);
}

/* Takes the next frame that was sent to it into p->f; false: there is none. */
RIG bool peer_next(struct peer *p)
{
    const struct bytes in = buf_bytes(&p->in);
    if (in.len < 4) {
        return false;
    }
    const size_t len = be32_read(in.at);
    if (len > ENVELOPE_MAX) {
        abort();
    }
    memcpy(p->frame, in.at + 4, len);
    if (envelope_parse((struct bytes){p->frame, len}, &p->f) != OK) {
        abort(); // the core never builds a bad frame
    }
    buf_consume(&p->in, 4 + len);
    return true;
}

RIG enum err peer_open_from(struct peer *p, struct rig *r, const char *addr, bool local)
{
    struct visitor_addr a;
    peer_init(p, r);
    visitor_addr_parse(addr, local, &a);
    enum err e = relay_core_welcome(r->core, &a, r->now);
    if (e == OK) {
        e = relay_core_attach(r->core, &a, p, r->now, &p->leg);
    }
    if (e == OK && peer_next(p) && p->f.type == ENVELOPE_CHALLENGE) {
        memcpy(p->nonce, p->f.body.at, sizeof(p->nonce));
    }
    return e;
}

RIG enum err peer_open(struct peer *p, struct rig *r)
{
    return peer_open_from(p, r, "127.0.0.1", true);
}

/* The socket goes away. */
RIG void peer_drop(struct peer *p)
{
    if (p->leg != NULL) {
        relay_core_detach(p->leg, p->rig->now);
        p->leg = NULL;
    }
}

RIG void peer_fini(struct peer *p)
{
    peer_drop(p);
    buf_fini(&p->in);
}

/* It reads all that is queued. */
RIG void peer_read_on(struct peer *p)
{
    p->stalled = false;
    p->queued = 0;
    if (p->leg != NULL) {
        relay_core_drained(p->leg, p->rig->now);
    }
}

RIG void peer_put_raw(struct peer *p, struct bytes frame)
{
    if (p->leg != NULL) {
        relay_core_input(p->leg, true, frame, p->rig->now);
    }
}

RIG void peer_put(struct peer *p, enum envelope_type type, uint32_t chan,
                  struct bytes body)
{
    struct buf frame = rig_buf();
    if (envelope_put(&frame, type, chan, body) != OK) {
        abort();
    }
    peer_put_raw(p, buf_bytes(&frame));
}

/* ---- login ------------------------------------------------------------------------ */

RIG void rig_sign(struct envelope_auth *a, const struct peer *p,
                  const struct rig_key *k, const char *url)
{
    struct buf text = rig_buf();
    uint8_t hash[HASH_SHA256];
    hash_sha256(a->ticket, hash);
    if (envelope_put_auth_signed(&text, url, p->nonce, a, hash) != OK) {
        abort();
    }
    sign_make(k->key, buf_bytes(&text), a->sig);
}

RIG void peer_put_auth(struct peer *p, const struct envelope_auth *a)
{
    struct buf frame = rig_buf();
    if (envelope_put_auth(&frame, a) != OK) {
        abort();
    }
    peer_put_raw(p, buf_bytes(&frame));
}

RIG struct envelope_auth rig_auth(const struct rig *r, enum envelope_role role,
                                  const struct rig_key *k, const uint8_t mailbox[16])
{
    struct envelope_auth a = {.variant = 1, .role = role, .ts_ms = r->now.wall_ms};
    memcpy(a.pub, k->pub, sizeof(a.pub));
    memcpy(a.mailbox, mailbox, sizeof(a.mailbox));
    return a;
}

RIG void peer_login(struct peer *p, enum envelope_role role, const struct rig_key *k,
                    const uint8_t mailbox[16])
{
    struct envelope_auth a = rig_auth(p->rig, role, k, mailbox);
    rig_sign(&a, p, k, RIG_URL);
    peer_put_auth(p, &a);
}

RIG void peer_acl(struct peer *p, enum envelope_acl_op op,
                  const struct rig_key *devices, size_t n)
{
    uint8_t body[3 + 32 * 300];
    body[0] = (uint8_t)op;
    be16_write(body + 1, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        memcpy(body + 3 + 32 * i, devices[i].hash, 32);
    }
    peer_put(p, ENVELOPE_ACL, 0, (struct bytes){body, 3 + 32 * n});
}

/* A host that admits these devices; its answers are taken. */
RIG enum err rig_host(struct peer *p, struct rig *r, const struct rig_key *host,
                      const struct rig_key *devices, size_t n)
{
    const enum err e = peer_open(p, r);
    if (e != OK) {
        return e;
    }
    peer_login(p, ENVELOPE_HOST, host, host->mailbox);
    if (!peer_next(p) || p->f.type != ENVELOPE_AUTH_OK) {
        return ERR_AUTH;
    }
    peer_acl(p, ENVELOPE_REPLACE, devices, n);
    return peer_next(p) && p->f.type == ENVELOPE_AUTH_OK ? OK : ERR_DENIED;
}

/* A device of that host; the host's OPEN is taken too. */
RIG enum err rig_device(struct peer *p, struct peer *host, const struct rig_key *device,
                        const struct rig_key *of, uint32_t *chan)
{
    const enum err e = peer_open(p, host->rig);
    if (e != OK) {
        return e;
    }
    peer_login(p, ENVELOPE_DEVICE, device, of->mailbox);
    if (!peer_next(p) || p->f.type != ENVELOPE_AUTH_OK) {
        return ERR_AUTH;
    }
    if (!peer_next(host) || host->f.type != ENVELOPE_OPEN) {
        return ERR_PROTO;
    }
    *chan = host->f.chan;
    return OK;
}

RIG void rig_nameplate(struct peer *host, uint8_t id, uint16_t ttl_s,
                       struct bytes offer)
{
    uint8_t body[16 + 2 + 4 + RELAY_OFFER_MAX];
    memset(body, id, 16);
    be16_write(body + 16, ttl_s);
    be32_write(body + 18, (uint32_t)offer.len);
    if (offer.len != 0) {
        memcpy(body + 22, offer.at, offer.len);
    }
    peer_put(host, ENVELOPE_NAMEPLATE, 0, (struct bytes){body, 22 + offer.len});
}

#endif
