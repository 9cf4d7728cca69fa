#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"
#include "session/session_priv.h"

/* ---- life ------------------------------------------------------------------------------- */

static void set_device(struct session *s, const struct session_device *d)
{
    s->key = d->key;
    memcpy(s->device_key, sign_key_pub(d->key), SIGN_PUB);
    s->has_relay_key = d->relay_key != NULL;
    if (s->has_relay_key) {
        memcpy(s->relay_key, d->relay_key, SIGN_PUB);
    }
    text_sanitize(bytes_from_str(d->name), s->name, sizeof(s->name));
    text_sanitize(bytes_from_str(d->version), s->version, sizeof(s->version));
    s->role_asked = d->role_asked;
    s->grant_serial = d->grant_serial;
    s->audit = d->audit;
    random_bytes(s->device_random, sizeof(s->device_random));
}

static void say_hello(struct session *s, const uint8_t *psk)
{
    uint8_t msg1[HANDSHAKE_MSG1];
    s->hs = mem_new(sizeof(*s->hs));
    handshake_init(s->hs, (enum handshake_mode)s->mode, s->ctx, psk);
    handshake_write1(s->hs, NULL, msg1);
    (void)session_put_raw(s, BYTES_OF(msg1)); // nothing else is there yet
}

static void pin(struct session *s, const uint8_t *host_key)
{
    s->is_pinned = true;
    memcpy(s->pinned, host_key, SIGN_PUB);
}

struct session *session_connect(const struct session_device *device,
                                const struct session_host *host, struct lane *lane,
                                uint64_t now_ms)
{
    if (!sign_pub_is_valid(host->host_key)) {
        return NULL;
    }
    struct session *s = session_new(false, now_ms);
    set_device(s, device);
    s->mode = SESSION_TRUSTED;
    s->lane = lane;
    pin(s, host->host_key);
    memcpy(s->ctx, host->mailbox_id, ID_SIZE);
    say_hello(s, host->pair_root);
    return s;
}

struct session *session_connect_qr(const struct session_device *device,
                                   const struct qr *qr, uint64_t now_ms)
{
    uint8_t psk[HANDSHAKE_PSK];
    if (!sign_pub_is_valid(qr->host_key) || device->relay_key == NULL) {
        return NULL;
    }
    struct session *s = session_new(false, now_ms);
    set_device(s, device);
    s->mode = SESSION_QR;
    s->in_box = true;
    pin(s, qr->host_key);
    memcpy(s->ctx, qr->pair_id, ID_SIZE);
    handshake_qr_psk(qr->secret, qr->host_key, psk);
    say_hello(s, psk);
    secret_wipe(psk, sizeof(psk));
    return s;
}

struct session *session_connect_code(const struct session_device *device,
                                     const struct code *code, struct bytes offer,
                                     uint64_t now_ms)
{
    if (!run_offer_is_valid(offer) || device->relay_key == NULL) {
        return NULL;
    }
    struct session *s = session_new(false, now_ms);
    set_device(s, device);
    s->mode = SESSION_CODE;
    s->in_box = true;
    s->m.state = CTRL_CPACE;
    s->deadline_ms = now_ms + PAIRING_RUN_MS;
    memcpy(s->ctx, run_offer_id(offer.at), ID_SIZE);
    s->run = mem_new(sizeof(*s->run));
    if (run_start(s->run, code->prs, offer) != OK ||
        session_put_raw(s, BYTES_OF(s->run->p2)) != OK) {
        session_destroy(s);
        return NULL;
    }
    return s;
}

/* ---- the messages of the other end ---------------------------------------------------------- */

static enum err take_p3(struct session *s, struct bytes body)
{
    uint8_t psk[HANDSHAKE_PSK];
    if (run_finish(s->run, body, psk) != OK) {
        return session_hs_fail(s, "the host's share is bad");
    }
    session_move(s, CTRL_HELLO);
    say_hello(s, psk);
    secret_wipe(psk, sizeof(psk));
    return OK;
}

static enum err write_params(struct session *s, struct buf *out)
{
    struct device_params p = {
        .version = bytes_from_str(s->version),
        .features = FEATURES,
        .has_random = s->in_box,
        .name = bytes_from_str(s->name),
        .has_relay_key = s->in_box && s->has_relay_key,
        .role_asked = s->in_box ? (uint8_t)s->role_asked : 0,
        .grant_serial = s->grant_serial,
        .audit = s->audit,
    };
    memcpy(p.random, s->device_random, sizeof(p.random));
    memcpy(p.relay_key, s->relay_key, sizeof(p.relay_key));
    if (s->lane != NULL) {
        p.lane = lane_claim_for(s->lane, s);
    }
    return device_params_write(&p, out);
}

static enum err answer_msg2(struct session *s, uint64_t now_ms)
{
    uint8_t out[HANDSHAKE_MAX];
    size_t len = 0;
    struct buf params;
    buf_init(&params, HANDSHAKE_PARAMS_MAX);
    enum err e = write_params(s, &params);
    if (e == OK) {
        e = handshake_write3(s->hs, s->key, buf_bytes(&params), out, &len, &s->keys);
    }
    buf_fini(&params);
    if (e != OK) {
        return session_hs_fail(s, "no third message could be made");
    }
    session_take_keys(s, now_ms);
    session_move(s, CTRL_WAITING);
    s->deadline_ms = now_ms + (s->in_box ? BOX_WAITING_MS : WAITING_MS);
    return session_put_raw(s, (struct bytes){out, len});
}

static enum err take_msg2(struct session *s, struct bytes body, uint64_t now_ms)
{
    struct handshake_peer peer;
    struct host_params params;
    if (handshake_read2(s->hs, body, s->is_pinned ? s->pinned : NULL, &peer) != OK) {
        return session_hs_fail(s, s->hs->why);
    }
    if (host_params_read(peer.params, &params) != OK ||
        (s->in_box && !params.has_commit)) {
        return session_hs_fail(s, "the parameters are malformed");
    }
    memcpy(s->commit, params.commit, sizeof(s->commit));
    pin(s, peer.key);
    return answer_msg2(s, now_ms);
}

enum err session_ctrl_feed(struct session *s, struct bytes body, uint64_t now_ms)
{
    if (buf_len(&s->raw) != 0) {
        return session_hs_fail(s, "an answer to what was not sent");
    }
    return s->m.state == CTRL_CPACE ? take_p3(s, body) : take_msg2(s, body, now_ms);
}

/* ---- the first records of a host --------------------------------------------------------------- */

static enum err take_pending(struct session *s, struct bytes in)
{
    struct pending_body body;
    uint8_t commit[SAS_COMMIT];
    if (!s->in_box || pending_read(in, &body) != OK) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "PENDING is malformed");
    }
    sas_commit(body.random, commit);
    if (!bytes_equal(BYTES_OF(commit), BYTES_OF(s->commit))) {
        return session_die(s, ERR_AUTH, CLOSE_PROTO, "the host changed its commitment");
    }
    struct session_pending *ev = &session_emit(s, SESSION_PENDING)->pending;
    sas_digits(s->keys.exporter, body.random, s->device_random, ev->sas);
    ev->role_asked = body.role_asked <= GRANT_OWNER ? (enum grant_role)body.role_asked
                                                    : GRANT_NOBODY;
    text_sanitize(body.host_name, ev->host_name, sizeof(ev->host_name));
    ev->expires_ms = body.expires_ms;
    return OK;
}

/* Rule 8: nothing is committed without a grant that is H's and for this D. */
static bool grant_is_ours(const struct session *s, struct bytes raw, struct grant *out)
{
    enum { PROTO_VERSION = 1 };
    uint8_t host_id[ID_SIZE];
    id_host(s->pinned, host_id);
    return grant_read(raw, s->pinned, out) == OK &&
           bytes_equal(BYTES_OF(out->host_id), BYTES_OF(host_id)) &&
           bytes_equal(BYTES_OF(out->device_key), BYTES_OF(s->device_key)) &&
           out->proto_min <= PROTO_VERSION;
}

static enum err begin_lane(struct session *s, const struct lane_offer *offer,
                           struct session_ready *ready)
{
    if (s->lane == NULL) {
        return OK;
    }
    if (offer->epoch == 0) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "READY names no lane_epoch");
    }
    const struct lane_begun begun = lane_begin_device(s->lane, s, offer);
    ready->resumed = begun.resumed;
    ready->unknown = begun.unknown;
    if (begun.reset || begun.unknown) {
        session_emit(s, SESSION_RESET)->reset.unknown = begun.unknown;
    }
    return OK;
}

static enum err take_ready(struct session *s, struct bytes in, uint64_t now_ms)
{
    struct session_ready ready = {.has_grant = false};
    struct lane_offer offer;
    buf_clear(
        &s->ready); // the event borrows from a copy: the record's buffer is reused
    if (buf_put(&s->ready, in) != OK ||
        ready_read(buf_bytes(&s->ready), &ready.welcome, &offer) != OK) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "READY is malformed");
    }
    ready.has_grant = ready.welcome.grant.len != 0;
    if (ready.has_grant && !grant_is_ours(s, ready.welcome.grant, &ready.grant)) {
        return session_die(s, ERR_AUTH, CLOSE_PROTO, "the grant is not ours");
    }
    if (s->in_box && !ready.has_grant) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "READY of a box has no grant");
    }
    memcpy(ready.host_key, s->pinned, SIGN_PUB);
    s->padding = ready.welcome.padding;
    session_open(s, now_ms);
    const enum err e = begin_lane(s, &offer, &ready);
    if (e == OK) {
        session_emit(s, SESSION_READY)->ready = ready;
    }
    return e;
}

static enum err take_denied(struct session *s, struct bytes in)
{
    uint8_t code = 0;
    struct cursor c = {in};
    if (cursor_u8(&c, &code) != OK) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "DENIED is malformed");
    }
    struct session_event *ev = session_emit(s, SESSION_DENIED);
    ev->denied.code = (enum denied_code)code;
    text_sanitize(c.left, ev->denied.text, sizeof(ev->denied.text));
    return session_die(s, OK, CLOSE_DONE, "the host refuses");
}

enum err session_ctrl_first(struct session *s, enum itype itype, struct bytes body,
                            uint64_t now_ms)
{
    switch (itype) {
    case ITYPE_READY:
        return take_ready(s, body, now_ms);
    case ITYPE_PENDING:
        return take_pending(s, body);
    case ITYPE_DENIED:
        return take_denied(s, body);
    case ITYPE_REVOKED:
        return session_die(s, OK, CLOSE_REVOKED, "revoked");
    case ITYPE_CLOSE:
        return session_die(s, OK,
                           body.len == 0 ? CLOSE_DONE : (enum close_code)body.at[0],
                           "the host closed");
    case ITYPE_APP:
    case ITYPE_ACK:
    case ITYPE_KEYUPDATE:
    case ITYPE_SNAPSHOT_REQUIRED:
    case ITYPE_PING:
        break;
    }
    return session_die(s, ERR_PROTO, CLOSE_PROTO, "a record before READY");
}
