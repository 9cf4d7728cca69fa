#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"
#include "session/pairing_io.h"
#include "session/roster_io.h"
#include "session/session_priv.h"

/* ---- life ------------------------------------------------------------------------------ */

struct session *session_accept(struct roster *r, uint64_t now_ms)
{
    if (!roster_begin(r)) {
        return NULL;
    }
    struct session *s = session_new(true, now_ms);
    s->roster = r;
    s->is_pending = true;
    s->mode = SESSION_TRUSTED;
    return s;
}

struct session *session_accept_box(struct roster *r, struct pairing *p, uint64_t now_ms)
{
    if (!roster_begin(r)) {
        return NULL;
    }
    if (!pairing_begin(p)) {
        roster_end(r);
        return NULL;
    }
    struct session *s = session_new(true, now_ms);
    s->roster = r;
    s->pairing = pairing_ref(p);
    s->is_pending = true;
    s->in_box = true;
    s->mode = SESSION_QR;
    s->deadline_ms = now_ms + PAIRING_RUN_MS;
    return s;
}

void session_host_release(struct session *s)
{
    if (!s->is_pending) {
        return;
    }
    s->is_pending = false;
    roster_end(s->roster);
    if (s->has_device) {
        roster_end_device(s->roster, s->device_id);
    }
    if (s->run_is_open) {
        pairing_end_run(s->pairing);
        s->run_is_open = false;
    }
    if (s->pairing != NULL) {
        pairing_end(s->pairing);
    }
}

/* ---- the three messages of the other end --------------------------------------------------- */

static void begin_handshake(struct session *s, const uint8_t *ctx, uint8_t *psk)
{
    s->hs = mem_new(sizeof(*s->hs));
    handshake_init(s->hs, (enum handshake_mode)s->mode, ctx, psk);
    secret_wipe(psk, HANDSHAKE_PSK);
}

/* Mode 2: P2 comes first. */
static enum err take_p2(struct session *s, struct bytes body, uint64_t now_ms)
{
    uint8_t p3[RUN_P3];
    uint8_t psk[HANDSHAKE_PSK];
    if (pairing_begin_run(s->pairing, body, now_ms, p3, psk) != OK) {
        return session_hs_fail(s, "no run of the code can begin");
    }
    s->run_is_open = true;
    s->mode = SESSION_CODE;
    begin_handshake(s, pairing_id(s->pairing), psk);
    session_move(s, HOST_HELLO);
    return session_put_raw(s, BYTES_OF(p3));
}

static enum err answer_msg1(struct session *s)
{
    uint8_t out[HANDSHAKE_MAX];
    size_t len = 0;
    struct buf params;
    struct host_params p = {
        .version = bytes_from_str(roster_version(s->roster)),
        .features = FEATURES,
        .name = bytes_from_str(roster_name(s->roster)),
        .has_commit = s->in_box,
    };
    if (s->in_box) {
        random_bytes(s->host_random, sizeof(s->host_random));
        sas_commit(s->host_random, p.commit);
    }
    buf_init(&params, HANDSHAKE_PARAMS_MAX);
    enum err e = host_params_write(&p, &params);
    if (e == OK) {
        e = handshake_write2(s->hs, roster_host_key(s->roster), buf_bytes(&params),
                             NULL, out, &len);
    }
    buf_fini(&params);
    if (e != OK) {
        return session_hs_fail(s, s->hs->why == NULL ? err_text(e) : s->hs->why);
    }
    session_move(s, HOST_AUTH);
    return session_put_raw(s, (struct bytes){out, len});
}

static enum err take_msg1_trusted(struct session *s, struct bytes body, uint64_t now_ms)
{
    struct roster_hit hit;
    const char *why = "";
    const enum err e = roster_find(s->roster, body, now_ms, &hit, &why);
    if (e != OK) {
        return session_hs_fail(s, why);
    }
    s->has_device = true;
    memcpy(s->device_id, hit.device_id, ID_SIZE);
    memcpy(s->device_key, hit.device_key, SIGN_PUB);
    begin_handshake(s, roster_mailbox(s->roster), hit.psk);
    if (handshake_read1(s->hs, body) != OK) {
        return session_hs_fail(s, s->hs->why);
    }
    return answer_msg1(s);
}

static enum err take_msg1_qr(struct session *s, struct bytes body, uint64_t now_ms)
{
    uint8_t psk[HANDSHAKE_PSK];
    const uint8_t *host_key = sign_key_pub(roster_host_key(s->roster));
    if (!pairing_take_qr(s->pairing, host_key, now_ms, psk)) {
        return session_hs_fail(s, "the pairing is not open for a QR");
    }
    begin_handshake(s, pairing_id(s->pairing), psk);
    if (handshake_read1(s->hs, body) != OK) {
        pairing_bad_tag(s->pairing);
        return session_hs_fail(s, s->hs->why);
    }
    return answer_msg1(s);
}

/* Mode 2, after P3. Whatever is wrong with the first octets that the initiator makes
 * with the PSK is a guess of the phrase. */
static enum err take_msg1_code(struct session *s, struct bytes body)
{
    if (handshake_read1(s->hs, body) != OK) {
        pairing_bad_guess(s->pairing);
        return session_hs_fail(s, s->hs->why);
    }
    return answer_msg1(s);
}

static bool may_speak(void *user, const uint8_t device_key[SIGN_PUB])
{
    const struct session *s = user;
    if (s->in_box) {
        return roster_may_enrol(s->roster, device_key);
    }
    // Rule 4: the very device of this PSK, and its grant lives at this moment.
    return bytes_equal(BYTES_OF(s->device_key), (struct bytes){device_key, SIGN_PUB}) &&
           roster_is_live(s->roster, device_key);
}

static void tell_peer(struct session *s, const struct device_params *p)
{
    struct session_peer *peer = &session_emit(s, SESSION_PEER)->peer;
    peer->mode = s->mode;
    memcpy(peer->device_key, s->device_key, SIGN_PUB);
    memcpy(peer->device_id, s->device_id, ID_SIZE);
    peer->has_relay_key = p->has_relay_key;
    memcpy(peer->relay_key, p->relay_key, SIGN_PUB);
    text_sanitize(p->name, peer->name, sizeof(peer->name));
    text_sanitize(p->version, peer->version, sizeof(peer->version));
    peer->features = p->features;
    peer->role_asked =
        p->role_asked <= GRANT_OWNER ? (enum grant_role)p->role_asked : GRANT_NOBODY;
    peer->grant_serial = p->grant_serial;
    peer->audit = p->audit;
    if (s->in_box) {
        memcpy(s->device_random, p->random, sizeof(s->device_random));
        sas_digits(s->keys.exporter, s->host_random, s->device_random, peer->sas);
    }
}

static enum err take_msg3(struct session *s, struct bytes body, uint64_t now_ms)
{
    struct handshake_peer peer;
    struct device_params params;
    if (handshake_read3(s->hs, body, may_speak, s, &peer, &s->keys) != OK) {
        return session_hs_fail(s, s->hs->why);
    }
    if (device_params_read(peer.params, &params) != OK) {
        return session_hs_fail(s, "the parameters are malformed");
    }
    if (s->in_box && (!params.has_random || !params.has_relay_key ||
                      !sign_pub_is_valid(params.relay_key))) {
        return session_hs_fail(s, "the device did not say its relay key");
    }
    if (s->in_box && !pairing_claim(s->pairing, now_ms)) {
        return session_hs_fail(s, "another device was first");
    }
    memcpy(s->device_key, peer.key, SIGN_PUB);
    id_device(peer.key, s->device_id);
    s->claim = params.lane;
    tell_peer(s, &params);
    session_take_keys(s, now_ms);
    session_move(s, HOST_DECIDING);
    s->deadline_ms = now_ms + (s->in_box ? BOX_WAITING_MS : HANDSHAKE_MS);
    return OK;
}

enum err session_host_feed(struct session *s, struct bytes body, uint64_t now_ms)
{
    enum { P2_TYPE = 0x11 };
    enum handshake_mode mode = HANDSHAKE_TRUSTED;
    if (s->m.state == HOST_AUTH) {
        return take_msg3(s, body, now_ms);
    }
    if (s->m.state == HOST_HELLO) {
        return take_msg1_code(s, body);
    }
    if (s->in_box && body.len != 0 && body.at[0] == P2_TYPE) {
        return take_p2(s, body, now_ms);
    }
    if (!handshake_peek(body, &mode)) {
        return session_hs_fail(s, "not a first message");
    }
    if (mode == HANDSHAKE_QR && s->in_box) {
        return take_msg1_qr(s, body, now_ms);
    }
    if (mode == HANDSHAKE_TRUSTED && !s->in_box) {
        return take_msg1_trusted(s, body, now_ms);
    }
    return session_hs_fail(s, "a mode that does not belong here");
}

/* ---- what the program decides ---------------------------------------------------------------- */

/* Until the decision the world may have moved on. */
static enum err check_still_wanted(struct session *s)
{
    const bool gone = s->in_box ? pairing_state(s->pairing) != PAIRING_CLAIMED
                                : !roster_is_live(s->roster, s->device_key);
    if (s->m.state != HOST_DECIDING || gone) {
        return ERR_CANCELED;
    }
    return OK;
}

static struct buf *begin_control(struct session *s, enum itype itype)
{
    s->control.due = true;
    s->control.itype = itype;
    buf_clear(&s->control.body);
    return &s->control.body;
}

enum err session_pend(struct session *s, enum grant_role role_asked,
                      uint64_t expires_wall_ms)
{
    const enum err e = check_still_wanted(s);
    if (e != OK) {
        return e;
    }
    struct pending_body body = {
        .role_asked = (uint8_t)role_asked,
        .host_name = bytes_from_str(roster_name(s->roster)),
        .expires_ms = expires_wall_ms,
    };
    memcpy(body.random, s->host_random, sizeof(body.random));
    return pending_write(&body, begin_control(s, ITYPE_PENDING));
}

enum err session_admit(struct session *s, const struct session_welcome *w,
                       struct lane *lane)
{
    struct session_welcome welcome = *w;
    struct lane_offer offer = {.epoch = 0};
    struct lane_begun begun = {.resumed = false};
    enum err e = check_still_wanted(s);
    if (e != OK) {
        return e;
    }
    memcpy(welcome.mailbox_id, roster_mailbox(s->roster), ID_SIZE);
    if (welcome.host_name.len == 0) {
        welcome.host_name = bytes_from_str(roster_name(s->roster));
    }
    if (lane != NULL && !s->in_box) {
        s->lane = lane;
        begun = lane_begin_host(lane, s, &s->claim, &offer);
    }
    e = ready_write(&welcome, s->lane == NULL ? NULL : &offer,
                    begin_control(s, ITYPE_READY));
    if (e != OK) {
        return session_die(s, e, CLOSE_PROTO, "READY is too long");
    }
    s->next_padding = welcome.padding;
    session_open(s, s->now_ms);
    if (begun.reset) {
        (void)session_emit(s, SESSION_RESET);
    }
    return OK;
}

void session_refuse(struct session *s, enum denied_code code, const char *text)
{
    if (s->m.state != HOST_DECIDING) {
        return;
    }
    struct buf *body = begin_control(s, ITYPE_DENIED);
    enum err e = buf_put_u8(body, (uint8_t)code);
    e = e == OK ? buf_put_str(body, text) : e;
    if (e != OK) {
        log_warn("session.denied_cut", "code=%d", (int)code);
    }
    s->code = CLOSE_DONE;
    s->why = "refused here";
    session_move(s, STATE_ENDING);
}
