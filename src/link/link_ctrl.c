#include "link/link_ctrl.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"
#include "link/ctrl_state.h"
#include "session/approval.h"

#define STABLE_MS       10000u
#define CONTESTED_TRIES 6u      // some seconds
#define STREAM_GRACE_MS 600000u // protocol.md 5.2
#define PROBE_MS        30000u  // READY and streams open: one ping end to end
#define RENEW_AGAIN_MS  60000u  // a session that could not be renewed

static const struct machine_state ctrl_states[] = {
    [LINK_CTRL_OFF] = {"off", MOVES_TO(LINK_CTRL_DIALING) | MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_DIALING] = {"dialing", MOVES_TO(LINK_CTRL_HANDSHAKE) |
                                          MOVES_TO(LINK_CTRL_WAITING) |
                                          MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_HANDSHAKE] = {"handshake", MOVES_TO(LINK_CTRL_READY) |
                                              MOVES_TO(LINK_CTRL_WAITING) |
                                              MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_READY] = {"ready", MOVES_TO(LINK_CTRL_READY) |
                                      MOVES_TO(LINK_CTRL_WAITING) |
                                      MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_WAITING] = {"waiting",
                           MOVES_TO(LINK_CTRL_DIALING) | MOVES_TO(LINK_CTRL_ENDED)},
    [LINK_CTRL_ENDED] = {"ended", 0},
};

/* ---- state ------------------------------------------------------------------------ */

static void on_tell(struct loop_task *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, tell);
    if (!c->closing) {
        c->ops->state(c->user, (enum link_ctrl_state)c->m.state, c->cause, c->sentence);
    }
}

void ctrl_move(struct link_ctrl *c, enum link_ctrl_state to, enum link_cause cause,
               const char *sentence)
{
    machine_move(&c->m, to);
    c->cause = cause;
    text_sanitize(bytes_from_str(sentence), c->sentence, sizeof(c->sentence));
    loop_defer(c->loop, &c->tell, on_tell);
}

/* ---- READY --------------------------------------------------------------------------- */

static void on_probe(struct timer *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, probe);
    struct session *s = c->live == NULL ? NULL : ctrl_channel_session(c->live->channel);
    const uint64_t now_ms = loop_now_ms(c->loop);
    if (s == NULL) {
        return;
    }
    if (c->n_streams != 0 && now_ms - c->heard_ms >= PROBE_MS) {
        session_ping(s, now_ms); // no answer in 10 s is the end of it
        ctrl_channel_flush_later(c->live->channel);
    }
    timer_start(c->loop, &c->probe, PROBE_MS, on_probe);
}

static void note_th4(struct link_ctrl *c, const struct ctrl_try *t)
{
    const struct bytes th4 = session_th4(ctrl_channel_session(t->channel));
    if (th4.len == sizeof(c->th4)) {
        memcpy(c->th4, th4.at, sizeof(c->th4));
        c->has_th4 = true;
    }
}

enum err link_ctrl_proof(const struct link_ctrl *c, struct approval *out)
{
    if (!c->has_th4) {
        return ERR_CLOSED;
    }
    memcpy(out->host_id, c->joined.host_id, sizeof(out->host_id));
    memcpy(out->th4, c->th4, sizeof(out->th4));
    out->grant_serial = c->grant_serial;
    return OK;
}

enum err link_ctrl_sign(const struct link_ctrl *c, struct bytes a, uint8_t sig[64])
{
    struct approval read;
    const enum err e = approval_read(a, &read);
    if (e == OK) {
        approval_sign(c->device_key, a, sig);
    }
    return e;
}

static void on_session_ready(struct ctrl_try *t, const struct session_ready *r)
{
    struct link_ctrl *c = t->ctrl;
    if (!r->resumed) {
        ctrl_streams_drop(c);
    }
    if (r->has_grant) {
        c->grant_serial = r->grant.serial;
    }
    note_th4(c, t);
    ctrl_try_win(t);
    const bool news = ctrl_joined_update(&c->joined, r);
    c->n_failed = 0;
    c->heard_ms = loop_now_ms(c->loop);
    c->ready_ms = c->heard_ms;
    timer_stop(&c->grace);
    timer_stop(&c->retry);
    timer_start(c->loop, &c->probe, PROBE_MS, on_probe);
    if (c->m.state ==
        LINK_CTRL_WAITING) { // the old session ended before this one began
        ctrl_move(c, LINK_CTRL_DIALING, LINK_OK, "reached");
    }
    if (c->m.state == LINK_CTRL_DIALING) {
        ctrl_move(c, LINK_CTRL_HANDSHAKE, LINK_OK, "reached");
    }
    ctrl_move(c, LINK_CTRL_READY, LINK_OK, "connected");
    ctrl_streams_note(c);
    if (news) {
        secret_wipe(c->tickets, sizeof(c->tickets)); // the addresses may be others now
        c->ops->renewed(c->user, &c->joined);
    }
    if (r->welcome.audit.known && c->ops->audit_head != NULL) {
        c->ops->audit_head(c->user, r->welcome.audit.idx, r->welcome.audit.head);
    }
}

/* Refused by the host, inside the session: nothing to try again. */
static void give_up(struct link_ctrl *c, enum link_cause cause, const char *sentence)
{
    timer_stop(&c->retry);
    timer_stop(&c->probe);
    ctrl_move(c, LINK_CTRL_ENDED, cause, sentence);
    ctrl_streams_drop(c);
    ctrl_tries_drop(c, NULL);
}

/* protocol.md 5.1: a new session beside the old one, which carries on until READY. */
bool link_ctrl_renew(struct link_ctrl *c)
{
    if (c->live == NULL || ctrl_is_racing(c)) {
        return false;
    }
    log_info("ctrl.renew", "age_ms=%llu",
             (unsigned long long)(loop_now_ms(c->loop) - c->ready_ms));
    ctrl_race(c);
    return true;
}

void ctrl_event(struct ctrl_try *t, const struct session_event *ev)
{
    struct link_ctrl *c = t->ctrl;
    switch (ev->kind) {
    case SESSION_READY:
        on_session_ready(t, &ev->ready);
        return;
    case SESSION_MESSAGE:
        ctrl_streams_message(c, &ev->message);
        return;
    case SESSION_RESET:
        ctrl_streams_drop(c);
        return;
    case SESSION_DENIED:
        give_up(c, ctrl_denial(ev->denied.code), ev->denied.text);
        return;
    case SESSION_RENEW:
        (void)link_ctrl_renew(c);
        return;
    case SESSION_SILENT:
    case SESSION_PONG:
    case SESSION_PENDING:
    case SESSION_PEER:
    case SESSION_CLOSED:
        return;
    }
}

/* ---- the loss -------------------------------------------------------------------------- */

/* Without a session long enough: the host has dropped the streams by now, too. */
static void on_grace(struct timer *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, grace);
    struct link_ctrl_stream *st;
    list_each (st, &c->streams, node) {
        link_ctrl_stream_close(st);
    }
}

static void dial(struct link_ctrl *c)
{
    if (!ctrl_is_racing(c) && !c->lane_spent) {
        ctrl_move(c, LINK_CTRL_DIALING, LINK_OK, "reaching the host");
        ctrl_race(c);
    }
}

static void on_retry(struct timer *t)
{
    struct link_ctrl *c = CONTAINER_OF(t, struct link_ctrl, retry);
    if (c->m.state == LINK_CTRL_READY) {
        (void)link_ctrl_renew(c);
    } else {
        dial(c);
    }
}

static void wait_and_dial(struct link_ctrl *c)
{
    uint32_t random;
    random_bytes((uint8_t *)&random, sizeof(random));
    timer_start(c->loop, &c->retry, backoff_next_ms(&c->backoff, random), on_retry);
}

/* What another process of this device took over would only be taken back and forth:
 * wait longer, and until a session has lasted. */
static void note_loss(struct link_ctrl *c, enum link_cause cause)
{
    if (loop_now_ms(c->loop) - c->ready_ms >= STABLE_MS) {
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
    if (c->n_streams != 0) {
        timer_start(c->loop, &c->grace, STREAM_GRACE_MS, on_grace);
    }
}

/* While it is renewed the host may end the old session before READY of the new one is
 * here: the race decides, and until then nobody notices. */
void ctrl_lost(struct link_ctrl *c, enum link_cause cause, const char *sentence,
               bool proven)
{
    timer_stop(&c->probe);
    if (c->m.state == LINK_CTRL_ENDED ||
        (cause == LINK_REPLACED && ctrl_is_racing(c))) {
        return;
    }
    log_info("ctrl.lost", "cause=%s", link_cause_name(cause));
    if (proven && cause == LINK_REVOKED) {
        give_up(c, cause, sentence);
        return;
    }
    ctrl_move(c, LINK_CTRL_WAITING, cause, sentence);
    note_loss(c, cause);
    if (c->lane_spent) {
        ctrl_tries_drop(c, NULL); // none may hold the lane: ctrl_maybe_free() goes on
        ctrl_maybe_free(c);
    } else if (!ctrl_is_racing(c)) {
        wait_and_dial(c);
    }
}

void ctrl_race_lost(struct link_ctrl *c)
{
    if (c->m.state == LINK_CTRL_ENDED) {
        return;
    }
    log_info("ctrl.unreached", "cause=%s", link_cause_name(c->blame));
    if (c->blame_proven && c->blame == LINK_REVOKED) {
        give_up(c, c->blame, c->blame_text);
        return;
    }
    if (c->live != NULL) { // the old session is good for some minutes yet
        timer_start(c->loop, &c->retry, RENEW_AGAIN_MS, on_retry);
        return;
    }
    c->n_failed++;
    if (c->m.state == LINK_CTRL_READY) {
        note_loss(c, LINK_REPLACED); // it was given up for the new one
    }
    if (c->m.state != LINK_CTRL_WAITING) {
        ctrl_move(c, LINK_CTRL_WAITING, c->blame, c->blame_text);
    }
    wait_and_dial(c);
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
    list_init(&c->tries);
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
    secret_wipe(c->tickets, sizeof(c->tickets));
    mem_free(c);
    if (closed != NULL) {
        closed(user);
    }
}

/* Nothing holds the lane any more, a fresh one may begin. */
static void begin_lane(struct link_ctrl *c)
{
    const struct lane_state fresh = {.epoch = 0};
    lane_destroy(c->lane);
    c->lane = lane_create(LANE_DEVICE, &fresh);
    c->lane_spent = false;
    wait_and_dial(c);
}

void ctrl_maybe_free(struct link_ctrl *c)
{
    if (!list_is_empty(&c->tries)) {
        return;
    }
    if (!c->closing && c->lane_spent && c->m.state == LINK_CTRL_WAITING) {
        begin_lane(c);
    }
    if (c->closing && list_is_empty(&c->streams)) {
        loop_defer(c->loop, &c->end, on_end);
    }
}

void link_ctrl_close(struct link_ctrl *c, void (*done)(void *user))
{
    c->closing = true;
    c->closed = done;
    timer_stop(&c->retry);
    timer_stop(&c->probe);
    ctrl_streams_drop(c);
    ctrl_tries_drop(c, NULL);
    ctrl_maybe_free(c);
}

bool link_ctrl_is_down(const struct link_ctrl *c)
{
    return c->m.state == LINK_CTRL_ENDED ||
           (c->m.state == LINK_CTRL_WAITING && c->n_failed != 0);
}

bool link_ctrl_congested(const struct link_ctrl *c)
{
    return c->congested;
}
