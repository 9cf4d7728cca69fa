/*
 * ends: a host and a controller in one test, and the relay between them.
 *
 * Shape      ends_pump() carries bodies both ways until nothing moves and collects
 *            what both sides heard. A test that plays the malicious relay takes
 *            bodies with ends_out() and feeds what it likes.
 */
#ifndef TESTS_UNIT_ENDS_H
#define TESTS_UNIT_ENDS_H

#include "base/secret.h"
#include "crypto/random.h"
#include "session/session.h"
#include "test.h"

struct end {
    struct session *s;
    struct lane *lane;
    unsigned n_events[SESSION_CLOSED + 1];
    struct session_peer peer;
    struct session_pending pending;
    struct session_ready ready;
    enum close_code closed;
    enum denied_code denied;
    size_t n_messages;
    uint64_t last_seq;
    uint16_t stream;
    bool stream_closed;
    struct buf heard; // all octets of all messages
};

struct ends {
    uint64_t now_ms;
    struct sign_key *host_key;
    struct sign_key *device_key;
    struct sign_key *relay_key;
    uint8_t mailbox[ID_SIZE];
    uint8_t root[PAIR_ROOT_SIZE];
    struct roster *roster;
    struct end host;
    struct end ctrl;
    bool refuse; // what the host answers to SESSION_PEER
    bool pend;
    bool hold;     // the test decides
    bool may_fail; // the test makes allocations fail
    enum session_padding padding;
};

static inline void ends_init(struct ends *t)
{
    crypto_init();
    *t = (struct ends){.now_ms = 1000, .padding = PADDING_PADME};
    t->host_key = sign_key_random();
    t->device_key = sign_key_random();
    t->relay_key = sign_key_random();
    random_bytes(t->mailbox, sizeof(t->mailbox));
    random_bytes(t->root, sizeof(t->root));
    struct roster_config c = {.host_key = t->host_key, .name = "desk", .version = "1"};
    memcpy(c.mailbox_id, t->mailbox, ID_SIZE);
    t->roster = roster_create(&c);
    buf_init(&t->host.heard, 64u << 20);
    buf_init(&t->ctrl.heard, 64u << 20);
}

static inline void ends_drop(struct ends *t)
{
    session_destroy(t->host.s);
    session_destroy(t->ctrl.s);
    t->host.s = NULL;
    t->ctrl.s = NULL;
}

static inline void ends_fini(struct ends *t)
{
    ends_drop(t);
    lane_destroy(t->host.lane);
    lane_destroy(t->ctrl.lane);
    roster_destroy(t->roster);
    sign_key_destroy(t->host_key);
    sign_key_destroy(t->device_key);
    sign_key_destroy(t->relay_key);
    buf_fini(&t->host.heard);
    buf_fini(&t->ctrl.heard);
}

static inline struct session_device ends_device(const struct ends *t)
{
    return (struct session_device){
        .key = t->device_key,
        .relay_key = sign_key_pub(t->relay_key),
        .name = "Pixel \x1b[31m9",
        .version = "0.1",
        .role_asked = GRANT_OPERATOR,
    };
}

static inline void ends_enrol(struct ends *t)
{
    EQ_INT(roster_put(t->roster, sign_key_pub(t->device_key), t->root), OK);
    t->host.lane = lane_create(LANE_HOST, &(struct lane_state){.epoch = 7});
    t->ctrl.lane = lane_create(LANE_DEVICE, &(struct lane_state){.epoch = 0});
}

/* Mode 3: one new session at each end; what was there is dropped. */
static inline void ends_connect(struct ends *t)
{
    struct session_host h;
    const struct session_device d = ends_device(t);
    ends_drop(t);
    memcpy(h.host_key, sign_key_pub(t->host_key), SIGN_PUB);
    memcpy(h.mailbox_id, t->mailbox, ID_SIZE);
    memcpy(h.pair_root, t->root, PAIR_ROOT_SIZE);
    t->host.s = session_accept(t->roster, t->now_ms);
    t->ctrl.s = session_connect(&d, &h, t->ctrl.lane, t->now_ms);
    secret_wipe(&h, sizeof(h));
    TRUE(t->host.s != NULL && t->ctrl.s != NULL);
}

static inline struct buf ends_grant(const struct ends *t, const struct end *host)
{
    struct grant g = {.role = GRANT_OPERATOR,
                      .serial = 1,
                      .proto_min = 1,
                      .name = BYTES_LIT("Pixel 9")};
    struct buf out;
    id_host(sign_key_pub(t->host_key), g.host_id);
    memcpy(g.device_key, host->peer.device_key, SIGN_PUB);
    buf_init(&out, GRANT_MAX);
    TRUE(grant_make(&g, t->host_key, &out) == OK || t->may_fail);
    return out;
}

static inline enum err ends_admit(struct ends *t)
{
    struct buf grant = ends_grant(t, &t->host);
    const struct session_welcome w = {
        .grant = buf_bytes(&grant),
        .urls = {BYTES_LIT("wss://r.example/relay")},
        .n_urls = 1,
        .padding = t->padding,
    };
    const enum err e = session_admit(t->host.s, &w, t->host.lane);
    buf_fini(&grant);
    return e;
}

static inline void ends_decide(struct ends *t)
{
    if (t->hold) {
        return;
    }
    if (t->refuse) {
        session_refuse(t->host.s, DENIED_DECLINED, "no");
        return;
    }
    if (t->pend) {
        EQ_INT(session_pend(t->host.s, GRANT_OPERATOR, 99), OK);
        return;
    }
    TRUE(ends_admit(t) == OK || t->may_fail);
}

static inline void end_hear(struct ends *t, struct end *e,
                            const struct session_event *ev)
{
    e->n_events[ev->kind]++;
    switch (ev->kind) {
    case SESSION_PEER:
        e->peer = ev->peer;
        ends_decide(t);
        break;
    case SESSION_PENDING:
        e->pending = ev->pending;
        break;
    case SESSION_READY:
        e->ready = ev->ready;
        break;
    case SESSION_DENIED:
        e->denied = ev->denied.code;
        break;
    case SESSION_MESSAGE:
        e->n_messages++;
        e->last_seq = ev->message.seq;
        e->stream = ev->message.stream;
        e->stream_closed = ev->message.closed;
        TRUE(buf_put(&e->heard, ev->message.octets) == OK || t->may_fail);
        break;
    case SESSION_CLOSED:
        e->closed = ev->closed.code;
        break;
    case SESSION_RESET:
    case SESSION_SILENT:
    case SESSION_PONG:
    case SESSION_RENEW:
        break;
    }
}

static inline void end_drain(struct ends *t, struct end *e)
{
    struct session_event ev;
    while (e->s != NULL && session_next(e->s, &ev)) {
        end_hear(t, e, &ev);
    }
}

/* The next body that `e` wants to send, copied into `to`. */
static inline bool end_out(struct ends *t, struct end *e, struct buf *to)
{
    struct bytes body = BYTES_NONE;
    buf_clear(to);
    if (e->s == NULL || !session_output(e->s, t->now_ms, &body)) {
        return false;
    }
    if (buf_put(to, body) != OK) {
        TRUE(t->may_fail);
        return false;
    }
    session_sent(e->s);
    end_drain(t, e);
    return true;
}

static inline enum err end_feed(struct ends *t, struct end *e, struct bytes body)
{
    const enum err r = session_feed(e->s, body, t->now_ms);
    end_drain(t, e);
    return r;
}

/* Carries everything until nothing moves. The first error of either end. */
static inline enum err ends_pump(struct ends *t)
{
    struct buf body;
    enum err first = OK;
    bool moved = true;
    buf_init(&body, SESSION_BODY_MAX);
    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            struct end *from = i == 0 ? &t->ctrl : &t->host;
            struct end *to = i == 0 ? &t->host : &t->ctrl;
            while (end_out(t, from, &body)) {
                moved = true;
                const enum err e = end_feed(t, to, buf_bytes(&body));
                first = first == OK && e != ERR_CLOSED ? e : first; // late is no error
            }
        }
    }
    buf_fini(&body);
    return first;
}

/* A message of `len` octets of `fill` on `stream`. */
static inline enum err end_say(struct end *e, uint16_t stream, char fill, size_t len)
{
    struct blob *b = blob_try(len);
    if (b == NULL) {
        return ERR_NOMEM;
    }
    memset(b->octets, fill, len);
    const enum err r = lane_send(e->lane, stream, b);
    blob_unref(b);
    return r;
}

#endif
