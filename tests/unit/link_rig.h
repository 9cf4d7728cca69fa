/*
 * link_rig: a relay, a host and controllers on one loop, over real loopback sockets.
 */
#ifndef TESTS_UNIT_LINK_RIG_H
#define TESTS_UNIT_LINK_RIG_H

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/id.h"
#include "crypto/random.h"
#include "link/link_ctrl.h"
#include "link/link_host.h"
#include "link/link_pair.h"
#include "loop/timer.h"
#include "net/http_server.h"
#include "relay/relay.h"
#include "session/code.h"
#include "session/grant.h"
#include "session/pairing.h"
#include "session/session.h"
#include "test.h"
#include "wire/qr.h"

#define RIG_WAIT_MS     20000 // a test that waits longer has failed
#define RIG_STREAMS_MAX 16

struct rig_device { // what the host keeps of one that was admitted
    struct link_peer peer;
    bool live;
};

struct rig_stream { // a stream as the host sees it
    struct link_stream *st;
    size_t n_texts;
    bool closed;
};

struct rig {
    struct loop *loop;
    struct http_server *server;
    struct relay *relay;
    uint16_t port;
    char url[64];

    struct sign_key *host_key;
    struct sign_key *relay_key;
    struct link_host *host;
    bool with_door; // links name the door, too
    bool no_relay;  // the door is all there is
    uint32_t starts;
    uint64_t counter;
    enum link_state state;
    struct rig_device devices[8];
    size_t n_devices;

    struct pairing *pairing;
    bool box_done;
    enum err box_err;
    char digits[8];
    bool box_was_lost;

    bool auto_ready;  // `claimed` is answered with READY at once
    bool was_claimed; // else by the test
    uint8_t deny;     // a denied_code for every paired device that comes; 0: none
    struct link_claim claim;
    struct link_session *session;
    unsigned n_failed;
    unsigned n_guesses;
    unsigned n_enrolled;
    unsigned n_opened;
    unsigned n_closed;

    struct rig_stream streams[RIG_STREAMS_MAX];
    size_t n_streams;
    struct link_stream *disable_in; // call link_host_stop() inside its next text
    bool swallow;                   // do not echo
};

/* One controller: the pairing and the link. */
struct rig_ctrl {
    struct rig *rig;
    struct link_pair *pair;
    struct link_joined joined;
    bool done;
    enum link_cause cause;
    char sentence[320];
    char shown[16]; // the digits
    bool asked;

    struct link_ctrl *ctrl;
    enum link_ctrl_state state;
    enum link_cause state_cause;
    bool closed; // link_ctrl_close() is done
    size_t n_texts;
    struct buf last;
    uint64_t sum; // of the numbers in the texts, to see that none came twice
    size_t n_stream_closed;
};

/* ---- turning ------------------------------------------------------------------- */

static inline void rig_log_for_tests(void)
{
    log_set_level(getenv("LINK_LOG") == NULL ? LOG_ERROR : LOG_TRACE);
}

#define RIG_UNTIL(r, condition)                                                \
    do {                                                                       \
        const uint64_t end_ = clock_mono_ms() + RIG_WAIT_MS;                   \
        struct timer wake_ = {.loop = NULL};                                   \
        timer_start((r)->loop, &wake_, RIG_WAIT_MS, rig_wake);                 \
        while (!(condition) && clock_mono_ms() < end_ && loop_turn((r)->loop)) \
            ;                                                                  \
        timer_stop(&wake_);                                                    \
        TEST_CHECK(condition, "waited in vain for " #condition);               \
    } while (0)

static inline void rig_wake(struct timer *t)
{
    (void)t;
}

/* Some turns in which nothing should happen; the last one ends with the timer. */
static inline void rig_pause(struct rig *r, uint64_t ms)
{
    struct timer wake = {.loop = NULL};
    timer_start(r->loop, &wake, ms, rig_wake);
    while (timer_is_armed(&wake) && loop_turn(r->loop)) {
    }
    timer_stop(&wake);
}

/* ---- the relay --------------------------------------------------------------------- */

static inline void rig_request(struct http_exchange *x, void *user)
{
    struct rig *r = user;
    if (r->host != NULL && http_exchange_is(x, "GET", "/fh1") &&
        http_exchange_is_upgrade(x)) {
        struct ws_conn_options o;
        struct ws_conn *ws = NULL;
        link_host_door_options(&o);
        if (!link_host_door_may(r->host, http_exchange_peer(x))) {
            http_reply_text(x, 503, "not now");
        } else if ((ws = http_exchange_accept_ws(x, &o, NULL)) != NULL) {
            link_host_door(r->host, ws);
        }
        return;
    }
    if (r->relay == NULL || !relay_handle(r->relay, x)) {
        http_reply_text(x, 404, "nothing here");
    }
}

static inline void rig_relay_start(struct rig *r)
{
    const char *urls[] = {r->url};
    struct diag d = {.text = ""};
    const struct http_server_options so = {.request = rig_request, .user = r};
    r->server = http_server_create(r->loop, &so);
    EQ_INT(http_server_listen_tcp(r->server, "127.0.0.1", r->port, &d, &r->port), OK);
    EQ_INT(text_format(r->url, sizeof(r->url), "ws://127.0.0.1:%u/relay",
                       (unsigned)r->port),
           OK);
    const struct relay_options ro = {
        .urls = urls, .n_urls = 1, .admission = ADMISSION_OPEN};
    EQ_INT(relay_create(r->loop, &ro, &d, &r->relay), OK);
}

static inline void rig_note_closed(void *user)
{
    bool *closed = user;
    *closed = true;
}

static inline void rig_relay_stop(struct rig *r)
{
    bool relay_closed = false;
    bool server_closed = false;
    relay_close(r->relay, rig_note_closed, &relay_closed);
    r->relay = NULL;
    RIG_UNTIL(r, relay_closed);
    http_server_close(r->server, rig_note_closed, &server_closed);
    RIG_UNTIL(r, server_closed);
}

/* ---- the host ------------------------------------------------------------------------ */

static inline size_t rig_peers(void *user, struct link_peer *out, size_t max)
{
    const struct rig *r = user;
    size_t n = 0;
    for (size_t i = 0; i < r->n_devices && n < max; i++) {
        if (r->devices[i].live) {
            out[n++] = r->devices[i].peer;
        }
    }
    return n;
}

static inline void rig_failed(void *user, const uint8_t pair_id[16],
                              enum link_mode mode, bool tag_wrong)
{
    struct rig *r = user;
    (void)pair_id;
    (void)mode;
    r->n_failed++;
    r->n_guesses += tag_wrong ? 1 : 0;
}

static inline void rig_box_lost(void *user, const uint8_t pair_id[16])
{
    struct rig *r = user;
    (void)pair_id;
    r->box_was_lost = true;
}

/* A grant as host/device.c makes it. */
static inline void rig_ready(struct rig *r, struct link_session *s,
                             const struct link_claim *claim)
{
    struct grant g = {.role = GRANT_OPERATOR, .serial = 1, .proto_min = 1};
    struct buf out;
    id_host(sign_key_pub(r->host_key), g.host_id);
    memcpy(g.device_key, claim->key, sizeof(g.device_key));
    buf_init(&out, GRANT_MAX);
    if (r->deny == 0 && grant_make(&g, r->host_key, &out) == OK) {
        link_session_ready(s, buf_bytes(&out));
    } else {
        const uint8_t code = r->deny != 0 ? r->deny : (uint8_t)DENIED_TOO_MANY;
        link_session_deny(s, code, "the test asked for it");
    }
    buf_fini(&out);
}

/* The person at the host says yes: stored first, then READY. */
static inline void rig_accept(struct rig *r)
{
    struct rig_device *d = &r->devices[r->n_devices++];
    d->live = true;
    memcpy(d->peer.device_id, r->claim.device_id, sizeof(d->peer.device_id));
    memcpy(d->peer.key, r->claim.key, sizeof(d->peer.key));
    memcpy(d->peer.pair_root, r->claim.pair_root, sizeof(d->peer.pair_root));
    id_relay_device(r->claim.relay_key, d->peer.relay_tag);
    rig_ready(r, r->session, &r->claim);
}

static inline void rig_claimed(void *user, struct link_session *s,
                               const struct link_claim *claim)
{
    struct rig *r = user;
    r->was_claimed = true;
    r->claim = *claim;
    r->session = s;
    if (r->auto_ready) {
        rig_accept(r);
    } else {
        link_session_pending(s, GRANT_OPERATOR, clock_wall_ms() / 1000 + 300);
    }
}

static inline void rig_enrolled(void *user, struct link_session *s,
                                const uint8_t device_id[16])
{
    struct rig *r = user;
    (void)s;
    (void)device_id;
    r->n_enrolled++;
    pairing_done(r->pairing);
}

static inline void rig_opened(void *user, struct link_session *s,
                              const struct link_claim *claim)
{
    ((struct rig *)user)->n_opened++;
    rig_ready(user, s, claim);
}

static inline void rig_closed(void *user, struct link_session *s)
{
    struct rig *r = user;
    r->n_closed++;
    if (r->session == s) {
        r->session = NULL;
    }
}

static inline void rig_stream_open(void *user, struct link_stream *st,
                                   const uint8_t device_id[16])
{
    struct rig *r = user;
    (void)device_id;
    TRUE(r->n_streams < RIG_STREAMS_MAX);
    struct rig_stream *row = &r->streams[r->n_streams++];
    *row = (struct rig_stream){.st = st};
    link_stream_set_user(st, row);
}

/* Every text is answered with itself. */
static inline void rig_stream_text(void *user, struct link_stream *st,
                                   struct bytes text)
{
    struct rig *r = user;
    struct rig_stream *row = link_stream_user(st);
    row->n_texts++;
    if (r->disable_in == st) {
        link_host_stop(r->host);
    }
    if (!r->swallow) {
        struct blob *echo = blob_copy(text);
        if (echo != NULL) {
            link_stream_send(st, echo);
        } else {
            link_stream_close(st); // the fault test asked for it
        }
        blob_unref(echo);
    }
}

static inline void rig_stream_closed(void *user, struct link_stream *st)
{
    struct rig_stream *row = link_stream_user(st);
    (void)user;
    row->closed = true;
    row->st = NULL;
}

static inline void rig_state(void *user, enum link_state state, const char *error)
{
    struct rig *r = user;
    (void)error;
    r->state = state;
}

static inline uint64_t rig_counter(void *user)
{
    struct rig *r = user;
    return ++r->counter;
}

static const struct link_host_ops rig_host_ops = {
    .peers = rig_peers,
    .pairing_failed = rig_failed,
    .box_lost = rig_box_lost,
    .claimed = rig_claimed,
    .enrolled = rig_enrolled,
    .opened = rig_opened,
    .closed = rig_closed,
    .stream_open = rig_stream_open,
    .stream_text = rig_stream_text,
    .stream_closed = rig_stream_closed,
    .state = rig_state,
    .next_auth_counter = rig_counter,
};

static inline void rig_door(const struct rig *r, char *out, size_t size)
{
    EQ_INT(text_format(out, size, "ws://127.0.0.1:%u/fh1", (unsigned)r->port), OK);
}

static inline void rig_host_start(struct rig *r)
{
    char door[64];
    rig_door(r, door, sizeof(door));
    const char *urls[] = {r->no_relay ? door : r->url};
    const struct link_host_options o = {
        .relay_url = r->no_relay ? NULL : r->url,
        .has_door = true,
        .name = "desk",
        .host_key = r->host_key,
        .relay_key = r->relay_key,
        .lane_epoch = ++r->starts,
        .urls = urls,
        .n_urls = 1,
    };
    r->host = link_host_create(r->loop, &o, &rig_host_ops, r);
    link_host_start(r->host);
}

static bool rig_host_is_closed;

static inline void rig_host_note(void *user)
{
    (void)user;
    rig_host_is_closed = true;
}

static inline void rig_host_stop(struct rig *r)
{
    rig_host_is_closed = false;
    link_host_close(r->host, rig_host_note);
    RIG_UNTIL(r, rig_host_is_closed);
    r->host = NULL;
    r->state = LINK_DISABLED;
}

static inline void rig_box_done(void *user, enum err e, const char *digits,
                                const char *error)
{
    struct rig *r = user;
    (void)error;
    r->box_done = true;
    r->box_err = e;
    if (e == OK) {
        EQ_INT(text_format(r->digits, sizeof(r->digits), "%s", digits), OK);
    }
}

/* A fresh pairing with QR and phrase, its box open. */
static inline void rig_offer(struct rig *r)
{
    pairing_unref(r->pairing);
    r->pairing = pairing_create(300, loop_now_ms(r->loop));
    r->box_done = false;
    link_host_box(r->host, r->pairing, 300, !r->no_relay, rig_box_done, r);
    RIG_UNTIL(r, r->box_done);
    EQ_INT(r->box_err, OK);
    if (!r->no_relay) {
        EQ_INT(pairing_set_digits(r->pairing, bytes_from_str(r->digits), 2), OK);
    }
}

/* The text that a QR code shows. */
static inline void rig_link(struct rig *r, char *out, size_t size)
{
    struct qr qr = {.expires_s = clock_wall_ms() / 1000 + 300, .n_urls = 1};
    struct buf blob;
    char text[B64URL_SIZE(QR_BLOB_MAX)];
    pairing_qr(r->pairing, sign_key_pub(r->host_key), &qr);
    qr.expires_s = clock_wall_ms() / 1000 + 300;
    qr.n_urls = 0;
    if (r->with_door) {
        qr.urls[0].kind = QR_DIRECT;
        rig_door(r, qr.urls[0].text, sizeof(qr.urls[0].text));
        qr.n_urls++;
    }
    if (!r->no_relay) {
        qr.urls[qr.n_urls].kind = QR_RELAY;
        EQ_INT(
            text_format(qr.urls[qr.n_urls].text, sizeof(qr.urls[0].text), "%s", r->url),
            OK);
        qr.n_urls++;
    }
    buf_init(&blob, QR_BLOB_MAX);
    EQ_INT(qr_encode(&qr, &blob), OK);
    b64url_encode(buf_bytes(&blob), text);
    EQ_INT(text_format(out, size, "https://app.example/#p=%s", text), OK);
    buf_fini(&blob);
    qr_fini(&qr);
}

#include "link_rig_ctrl.h"

/* ---- the whole ------------------------------------------------------------------------------- */

static inline void rig_init_with(struct rig *r, bool no_relay)
{
    *r = (struct rig){.auto_ready = true, .no_relay = no_relay, .with_door = no_relay};
    rig_log_for_tests();
    r->loop = loop_create();
    r->host_key = sign_key_random();
    r->relay_key = sign_key_random();
    rig_relay_start(r);
    rig_host_start(r);
    RIG_UNTIL(r, r->state == LINK_CONNECTED);
}

static inline void rig_init(struct rig *r)
{
    rig_init_with(r, false);
}

static inline void rig_fini(struct rig *r)
{
    if (r->host != NULL) {
        rig_host_stop(r);
    }
    if (r->relay != NULL) {
        rig_relay_stop(r);
    }
    rig_pause(r, 1); // what was closed last frees itself
    pairing_unref(r->pairing);
    loop_destroy(r->loop);
    sign_key_destroy(r->host_key);
    sign_key_destroy(r->relay_key);
}

/* Paired by QR and connected. */
static inline void rig_join(struct rig *r, struct rig_ctrl *c)
{
    char link[512];
    struct diag d = {.text = ""};
    *c = (struct rig_ctrl){.rig = r};
    rig_offer(r);
    rig_link(r, link, sizeof(link));
    EQ_INT(rig_pair_begin(r, c, link, &d), OK);
    RIG_UNTIL(r, c->done);
    EQ_INT(c->cause, LINK_OK);
    link_host_box_close(r->host, pairing_id(r->pairing));
    rig_connect(r, c);
    RIG_UNTIL(r, c->state == LINK_CTRL_READY);
}

static inline struct link_ctrl_stream *rig_stream(struct rig_ctrl *c)
{
    struct link_ctrl_stream *st = NULL;
    EQ_INT(link_ctrl_stream_open(c->ctrl, NULL, &st), OK);
    return st;
}

static inline void rig_say(struct link_ctrl_stream *st, const char *text)
{
    EQ_INT(link_ctrl_stream_send(st, bytes_from_str(text)), OK);
}

#endif
