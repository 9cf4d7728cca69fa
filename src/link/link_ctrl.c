#include "link/link_ctrl.h"

#include <string.h>

#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"
#include "link/backoff.h"
#include "link/ctrl_channel.h"
#include "loop/timer.h"

#define CONGESTED_AT    (1024u * 1024) // octets unacknowledged: stop reading local clients
#define DRAINED_AT      (256u * 1024)
#define STABLE_MS       10000u
#define CONTESTED_TRIES 6u      // some seconds
#define STREAM_GRACE_MS 600000u // protocol.md 5.2
#define PROBE_MS        30000u  // READY and streams open: one ping end to end

static const struct machine_state ctrl_states[] = {
    [LINK_CTRL_OFF] = {"off", MOVES_TO(LINK_CTRL_DIALING) | MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_DIALING] = {"dialing", MOVES_TO(LINK_CTRL_HANDSHAKE) |
                                          MOVES_TO(LINK_CTRL_WAITING) |
                                          MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_HANDSHAKE] = {"handshake", MOVES_TO(LINK_CTRL_READY) |
                                              MOVES_TO(LINK_CTRL_WAITING) |
                                              MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_READY] = {"ready",
                         MOVES_TO(LINK_CTRL_WAITING) | MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_WAITING] = {"waiting",
                           MOVES_TO(LINK_CTRL_DIALING) | MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_ENDED] = {"ended", 0},
};

struct link_ctrl_stream {
    struct list node;
    struct link_ctrl *ctrl;
    uint16_t id;
    void *user;
    bool closing;
    struct loop_task end;
};

struct link_ctrl {
    struct machine m;
    struct loop *loop;
    const struct link_ctrl_ops *ops;
    void *user;
    struct link_joined joined;
    char *ca_file;               // NULL: the system's authorities
    struct tls_client *tls;      // NULL until an address needs it
    struct sign_key *device_key; // D
    struct sign_key *relay_key;  // Dr
    struct login login;
    uint64_t grant_serial;

    struct ctrl_channel *channel;
    struct lane *lane;
    struct list streams;
    size_t n_streams;
    size_t url_at;   // the address being tried
    bool by_ticket;  // this login shows a ticket, which the relay may not know
    size_t n_failed; // addresses that failed in a row
    bool congested;
    bool contested;    // another process of this device wants the session, too
    bool lane_spent;   // every stream id was used: a fresh lane is needed
    uint64_t heard_ms; // when the host was last heard
    bool pinged;       // and a ping was sent since
    uint64_t ready_ms;
    struct backoff backoff;
    struct timer retry;
    struct timer probe;
    struct timer grace; // streams end when it fires

    /* what the owner is told */
    enum link_cause cause;
    char sentence[256];
    struct loop_task tell;

    bool closing;
    void (*closed)(void *user);
    struct loop_task end;
};

static void dial(struct link_ctrl *c);
static void maybe_free(struct link_ctrl *c);

/* ---- state ------------------------------------------------------------------------ */

static void on_tell(struct loop_task *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, tell);
    if (!c->closing) {
        c->ops->state(c->user, (enum link_ctrl_state)c->m.state, c->cause, c->sentence);
    }
}

static void move(struct link_ctrl *c, enum link_ctrl_state to, enum link_cause cause,
                 const char *sentence)
{
    machine_move(&c->m, to);
    c->cause = cause;
    text_sanitize(bytes_from_str(sentence), c->sentence, sizeof(c->sentence));
    loop_defer(c->loop, &c->tell, on_tell);
}

/* ---- streams ------------------------------------------------------------------------ */

static void on_stream_end(struct loop_task *t)
{
    struct link_ctrl_stream *st = CONTAINER_OF(t, struct link_ctrl_stream, end);
    struct link_ctrl *c = st->ctrl;
    c->ops->stream_closed(c->user, st);
    list_remove(&st->node);
    c->n_streams--;
    mem_free(st);
    maybe_free(c);
}

static void stream_over(struct link_ctrl_stream *st)
{
    if (!st->closing) {
        st->closing = true;
        loop_defer(st->ctrl->loop, &st->end, on_stream_end);
    }
}

static void drop_streams(struct link_ctrl *c)
{
    struct link_ctrl_stream *st;
    list_each (st, &c->streams, node) {
        stream_over(st);
    }
}

static void on_message(struct link_ctrl *c, const struct session_message *m)
{
    struct link_ctrl_stream *st;
    list_each (st, &c->streams, node) {
        if (st->id != m->stream || st->closing) {
            continue;
        }
        if (m->octets.len != 0) {
            c->ops->stream_text(c->user, st, m->octets);
        }
        if (m->closed) {
            stream_over(st);
        }
        return;
    }
}

/* ---- READY --------------------------------------------------------------------------- */

static void on_probe(struct timer *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, probe);
    struct session *s = c->channel == NULL ? NULL : ctrl_channel_session(c->channel);
    if (c->m.state != LINK_CTRL_READY || s == NULL) {
        return;
    }
    const uint64_t now_ms = loop_now_ms(c->loop);
    if (c->pinged) {
        log_info("ctrl.silent", "ms=%llu", (unsigned long long)(now_ms - c->heard_ms));
        ctrl_channel_close(c->channel, CLOSE_DONE);
        return;
    }
    if (c->n_streams != 0 && now_ms - c->heard_ms >= PROBE_MS) {
        c->pinged = true;
        session_ping(s, now_ms);
        ctrl_channel_flush_later(c->channel);
    }
    timer_start(c->loop, &c->probe, PROBE_MS, on_probe);
}

static void on_session_ready(struct link_ctrl *c, const struct session_ready *r)
{
    if (!r->resumed) {
        drop_streams(c);
    }
    if (r->has_grant) {
        c->grant_serial = r->grant.serial;
    }
    const bool news = ctrl_joined_update(&c->joined, r);
    c->n_failed = 0;
    c->heard_ms = loop_now_ms(c->loop);
    c->ready_ms = c->heard_ms;
    c->pinged = false;
    timer_stop(&c->grace);
    timer_start(c->loop, &c->probe, PROBE_MS, on_probe);
    move(c, LINK_CTRL_READY, LINK_OK, "connected");
    if (news) {
        c->ops->renewed(c->user, &c->joined);
    }
}

/* Refused by the host, inside the session: nothing to try again. */
static void give_up(struct link_ctrl *c, enum link_cause cause, const char *sentence)
{
    timer_stop(&c->retry);
    timer_stop(&c->probe);
    move(c, LINK_CTRL_ENDED, cause, sentence);
    drop_streams(c);
    ctrl_channel_close(c->channel, CLOSE_DONE);
}

static void on_event(void *user, const struct session_event *ev)
{
    struct link_ctrl *c = user;
    switch (ev->kind) {
    case SESSION_READY:
        on_session_ready(c, &ev->ready);
        return;
    case SESSION_MESSAGE:
        on_message(c, &ev->message);
        return;
    case SESSION_RESET:
        drop_streams(c);
        return;
    case SESSION_DENIED:
        give_up(c, ctrl_denial(ev->denied.code), ev->denied.text);
        return;
    case SESSION_RENEW: // streams and lane live on: a new session takes milliseconds
        ctrl_channel_close(c->channel, CLOSE_DONE);
        return;
    case SESSION_SILENT:
    case SESSION_PONG:
    case SESSION_PENDING:
    case SESSION_PEER:
    case SESSION_CLOSED:
        return;
    }
}

static void on_progress(void *user)
{
    struct link_ctrl *c = user;
    c->heard_ms = loop_now_ms(c->loop);
    c->pinged = false;
    if (c->congested && lane_bytes_queued(c->lane) <= DRAINED_AT) {
        c->congested = false;
        c->ops->drained(c->user);
    }
}

/* ---- the channel ------------------------------------------------------------------------ */

static void on_ready(void *user)
{
    struct link_ctrl *c = user;
    const struct link_joined *j = &c->joined;
    struct session_host host;
    memcpy(host.host_key, j->host_key, sizeof(host.host_key));
    memcpy(host.mailbox_id, j->mailbox_id, sizeof(host.mailbox_id));
    memcpy(host.pair_root, j->pair_root, sizeof(host.pair_root));
    const struct session_device device = {
        .key = c->device_key,
        .name = j->device,
        .version = "farhand " FARHAND_VERSION,
        .grant_serial = c->grant_serial,
    };
    move(c, LINK_CTRL_HANDSHAKE, LINK_OK, "the relay is reached; calling the host");
    ctrl_channel_begin(c->channel,
                       session_connect(&device, &host, c->lane, loop_now_ms(c->loop)));
    secret_wipe(&host, sizeof(host));
}

static void on_retry(struct timer *t)
{
    dial(CONTAINER_OF(t, struct link_ctrl, retry));
}

/* Long enough without a session: the host has dropped the streams by now, too. */
static void on_grace(struct timer *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, grace);
    struct link_ctrl_stream *st;
    list_each (st, &c->streams, node) {
        link_ctrl_stream_close(st);
    }
}

/* What another process of this device took over would only be taken back and forth:
 * wait longer, and until a session has lasted. */
static void note_loss(struct link_ctrl *c, enum link_cause cause, bool was_ready)
{
    const bool lasted = was_ready && loop_now_ms(c->loop) - c->ready_ms >= STABLE_MS;
    if (lasted) {
        c->contested = false;
        backoff_reset(
            &c->backoff); // not for READY alone: a host may refuse what follows it
    }
    if (cause == LINK_REPLACED) {
        c->contested = true;
    }
    if (c->contested && c->backoff.tries < CONTESTED_TRIES) {
        c->backoff.tries = CONTESTED_TRIES;
    }
    if (was_ready && c->n_streams != 0) {
        timer_start(c->loop, &c->grace, STREAM_GRACE_MS, on_grace);
    }
}

/* The next address at once; the waits begin when all have failed. */
static void try_again(struct link_ctrl *c, bool was_ready)
{
    uint32_t random;
    random_bytes((uint8_t *)&random, sizeof(random));
    uint32_t wait_ms = 0;
    if (!was_ready) {
        c->n_failed++;
        c->url_at = (c->url_at + 1) % c->joined.n_urls;
    }
    if (was_ready || c->n_failed % c->joined.n_urls == 0) {
        wait_ms = backoff_next_ms(&c->backoff, random);
    }
    timer_start(c->loop, &c->retry, wait_ms, on_retry);
}

static void on_ended(void *user, enum link_cause cause, const char *sentence,
                     bool proven)
{
    struct link_ctrl *c = user;
    c->channel = NULL;
    timer_stop(&c->probe);
    if (c->closing || c->m.state == LINK_CTRL_ENDED) {
        maybe_free(c);
        return;
    }
    if (c->by_ticket && c->login.ticket_len == 0) {
        move(c, LINK_CTRL_WAITING, LINK_OK, "logging in again");
        timer_start(c->loop, &c->retry, 0, on_retry); // with the key, at once
        return;
    }
    log_info("ctrl.lost", "cause=%s state=%s", link_cause_name(cause),
             machine_name(&c->m));
    if (proven && cause == LINK_REVOKED) {
        give_up(c, cause, sentence);
        return;
    }
    if (c->lane_spent) {
        const struct lane_state fresh = {.epoch = 0};
        lane_destroy(c->lane);
        c->lane = lane_create(LANE_DEVICE, &fresh);
        c->lane_spent = false;
    }
    const bool was_ready = c->m.state == LINK_CTRL_READY;
    move(c, LINK_CTRL_WAITING, cause, sentence);
    note_loss(c, cause, was_ready);
    try_again(c, was_ready);
}

static const struct ctrl_channel_ops channel_ops = {
    .ready = on_ready,
    .event = on_event,
    .progress = on_progress,
    .ended = on_ended,
};

static void dial(struct link_ctrl *c)
{
    move(c, LINK_CTRL_DIALING, LINK_OK, "reaching the relay");
    c->login.url = c->joined.urls[c->url_at];
    c->by_ticket = c->login.ticket_len != 0;
    c->channel = ctrl_channel_open(c->loop, c->login.url,
                                   uplink_tls(c->login.url, c->ca_file, &c->tls),
                                   &c->login, &channel_ops, c);
}

/* ---- the calls ---------------------------------------------------------------------------- */

static uint64_t serial_of(const struct link_joined *j)
{
    struct grant g;
    const struct bytes signed_grant = {j->grant, j->grant_len};
    return grant_read(signed_grant, j->host_key, &g) == OK ? g.serial : 0;
}

struct link_ctrl *link_ctrl_create(struct loop *loop, const struct link_joined *joined,
                                   const char *ca_file, const struct link_ctrl_ops *ops,
                                   void *user)
{
    struct link_ctrl *c = mem_new(sizeof(*c));
    const struct lane_state fresh = {.epoch = 0};
    c->m = (struct machine){.what = "link_ctrl", .table = ctrl_states};
    c->loop = loop;
    c->ops = ops;
    c->user = user;
    c->joined = *joined;
    c->device_key = sign_key_create(joined->device_seed);
    c->relay_key = sign_key_create(joined->relay_seed);
    c->grant_serial = serial_of(joined);
    c->lane = lane_create(LANE_DEVICE, &fresh);
    list_init(&c->streams);
    c->login =
        (struct login){.role = ENVELOPE_DEVICE, .key = c->relay_key, .invite = ""};
    memcpy(c->login.mailbox, joined->mailbox_id, sizeof(c->login.mailbox));
    c->ca_file = mem_strdup(ca_file);
    return c;
}

void link_ctrl_start(struct link_ctrl *c)
{
    if (c->m.state == LINK_CTRL_OFF || c->m.state == LINK_CTRL_WAITING) {
        c->n_failed = 0;
        timer_start(c->loop, &c->retry, 0, on_retry);
    }
}

static void on_end(struct loop_task *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, end);
    void (*closed)(void *user) = c->closed;
    void *user = c->user;
    loop_task_cancel(&c->tell);
    timer_stop(&c->retry);
    timer_stop(&c->probe);
    timer_stop(&c->grace);
    lane_destroy(c->lane);
    sign_key_destroy(c->device_key);
    sign_key_destroy(c->relay_key);
    tls_client_destroy(c->tls);
    mem_free(c->ca_file);
    link_joined_wipe(&c->joined);
    secret_wipe(&c->login, sizeof(c->login));
    mem_free(c);
    if (closed != NULL) {
        closed(user);
    }
}

static void maybe_free(struct link_ctrl *c)
{
    if (c->closing && c->channel == NULL && list_is_empty(&c->streams)) {
        loop_defer(c->loop, &c->end, on_end);
    }
}

void link_ctrl_close(struct link_ctrl *c, void (*done)(void *user))
{
    c->closing = true;
    c->closed = done;
    timer_stop(&c->retry);
    timer_stop(&c->probe);
    drop_streams(c);
    ctrl_channel_close(c->channel, CLOSE_DONE);
    maybe_free(c);
}

bool link_ctrl_is_down(const struct link_ctrl *c)
{
    return c->m.state == LINK_CTRL_ENDED ||
           (c->m.state == LINK_CTRL_WAITING && c->n_failed >= c->joined.n_urls);
}

bool link_ctrl_congested(const struct link_ctrl *c)
{
    return c->congested;
}

/* Stream ids have 16 bits and are never used twice in a lane (protocol.md 5.2): begin
 * another one, as a program that has lost its state would. */
static void renew_lane(struct link_ctrl *c)
{
    log_info("ctrl.lane_spent", "streams=%zu", c->n_streams);
    c->lane_spent = true;
    drop_streams(c);
    if (c->channel != NULL) {
        ctrl_channel_close(c->channel, CLOSE_DONE);
    }
}

enum err link_ctrl_stream_open(struct link_ctrl *c, void *user,
                               struct link_ctrl_stream **out)
{
    if (c->m.state != LINK_CTRL_READY || c->closing) {
        return ERR_CLOSED;
    }
    if (c->n_streams >= LINK_CTRL_STREAMS_MAX) {
        return ERR_LIMIT;
    }
    struct link_ctrl_stream *st = mem_new(sizeof(*st));
    st->ctrl = c;
    st->user = user;
    list_append(&c->streams, &st->node);
    c->n_streams++;
    *out = st;
    return OK;
}

void *link_ctrl_stream_user(const struct link_ctrl_stream *st)
{
    return st->user;
}

/* With its first message, so that streams open in the order of their numbers: the host
 * takes a number that is not above the last for one that is used twice. */
static enum err number_stream(struct link_ctrl_stream *st)
{
    const enum err e = st->id != 0 ? OK : lane_open(st->ctrl->lane, &st->id);
    if (e == ERR_LIMIT) {
        renew_lane(st->ctrl);
        return ERR_CLOSED;
    }
    return e;
}

enum err link_ctrl_stream_send(struct link_ctrl_stream *st, struct bytes text)
{
    struct link_ctrl *c = st->ctrl;
    if (st->closing) {
        return ERR_CLOSED;
    }
    enum err e = number_stream(st);
    if (e != OK) {
        return e;
    }
    struct blob *blob = blob_copy(text);
    if (blob == NULL) {
        return ERR_NOMEM;
    }
    e = lane_send(c->lane, st->id, blob);
    blob_unref(blob);
    if (e == OK) {
        c->congested = c->congested || lane_bytes_queued(c->lane) > CONGESTED_AT;
        if (c->channel != NULL) {
            ctrl_channel_flush_later(c->channel);
        }
    }
    return e;
}

void link_ctrl_stream_close(struct link_ctrl_stream *st)
{
    struct link_ctrl *c = st->ctrl;
    if (st->closing) {
        return;
    }
    if (st->id != 0) {
        lane_close(c->lane, st->id);
    }
    stream_over(st);
    if (c->channel != NULL) {
        ctrl_channel_flush_later(c->channel);
    }
}
