#include "session/session.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "session/session_priv.h"

#define TO_OVER (MOVES_TO(STATE_ENDING) | MOVES_TO(STATE_OVER))

static const struct machine_state states[] = {
    [CTRL_CPACE] = {"cpace", MOVES_TO(CTRL_HELLO) | TO_OVER},
    [CTRL_HELLO] = {"hello", MOVES_TO(CTRL_WAITING) | TO_OVER},
    [CTRL_WAITING] = {"waiting", MOVES_TO(STATE_OPEN) | TO_OVER},
    [HOST_FIRST] = {"first", MOVES_TO(HOST_HELLO) | MOVES_TO(HOST_AUTH) | TO_OVER},
    [HOST_HELLO] = {"hello", MOVES_TO(HOST_AUTH) | TO_OVER},
    [HOST_AUTH] = {"auth", MOVES_TO(HOST_DECIDING) | TO_OVER},
    [HOST_DECIDING] = {"deciding", MOVES_TO(STATE_OPEN) | TO_OVER},
    [STATE_OPEN] = {"open", TO_OVER},
    [STATE_ENDING] = {"ending", MOVES_TO(STATE_OVER)},
    [STATE_OVER] = {"over", 0},
};

/* ---- life --------------------------------------------------------------------------- */

struct session *session_new(bool is_host, uint64_t now_ms)
{
    struct session *s = mem_new(sizeof(*s));
    s->is_host = is_host;
    s->m = (struct machine){
        .what = "session",
        .table = states,
        .state = is_host ? HOST_FIRST : CTRL_HELLO,
    };
    s->now_ms = now_ms;
    s->deadline_ms = now_ms + HANDSHAKE_MS;
    s->padding = PADDING_PADME;
    s->code = CLOSE_HANDSHAKE;
    buf_init(&s->raw, HANDSHAKE_MAX);
    buf_init(&s->out, SESSION_BODY_MAX);
    buf_init(&s->in, RECORD_MAX);
    buf_init(&s->ready, CONTROL_MAX);
    buf_init(&s->control.body, CONTROL_MAX);
    return s;
}

static void end_handshake(struct session *s)
{
    if (s->hs != NULL) {
        handshake_fini(s->hs);
        mem_free(s->hs);
        s->hs = NULL;
    }
    if (s->run != NULL) {
        run_fini(s->run);
        mem_free(s->run);
        s->run = NULL;
    }
}

static void forget_keys(struct session *s)
{
    end_handshake(s);
    record_fini(&s->tx);
    record_fini(&s->rx);
    secret_wipe(s->keys.exporter, sizeof(s->keys.exporter));
    s->has_keys = false;
}

void session_destroy(struct session *s)
{
    if (s == NULL) {
        return;
    }
    session_host_release(s);
    pairing_unref(s->pairing);
    if (s->lane != NULL) {
        lane_end(s->lane, s);
    }
    forget_keys(s);
    buf_wipe(&s->raw);
    buf_wipe(&s->out);
    buf_wipe(&s->in);
    buf_wipe(&s->ready);
    buf_wipe(&s->control.body);
    secret_wipe(s, sizeof(*s));
    mem_free(s);
}

void session_move(struct session *s, enum session_state to)
{
    machine_move(&s->m, to);
}

struct session_event *session_emit(struct session *s, enum session_event_kind kind)
{
    assert(s->n_events < EVENTS_MAX);
    struct session_event *ev = &s->events[s->n_events++];
    *ev = (struct session_event){.kind = kind};
    return ev;
}

/* The last thing that happens: keys go at once, memory when it is destroyed. */
static void be_over(struct session *s)
{
    session_host_release(s);
    if (s->lane != NULL) {
        lane_end(s->lane, s);
        s->lane = NULL;
    }
    forget_keys(s);
    session_move(s, STATE_OVER);
    session_emit(s, SESSION_CLOSED)->closed.code = s->code;
}

enum err session_die(struct session *s, enum err e, enum close_code code,
                     const char *why)
{
    if (s->m.state != STATE_OVER) {
        s->why = why;
        s->code = code;
        log_debug("session.over", "state=%s code=%d why=\"%s\"", machine_name(&s->m),
                  (int)code, why);
        be_over(s);
    }
    return e;
}

/* Rule 6: one answer to every failure before there are keys. */
enum err session_hs_fail(struct session *s, const char *why)
{
    return session_die(s, ERR_AUTH, CLOSE_HANDSHAKE, why);
}

void session_take_keys(struct session *s, uint64_t now_ms)
{
    record_init(&s->tx, s->is_host ? s->keys.r2i : s->keys.i2r, now_ms);
    record_init(&s->rx, s->is_host ? s->keys.i2r : s->keys.r2i, now_ms);
    secret_wipe(s->keys.i2r, sizeof(s->keys.i2r));
    secret_wipe(s->keys.r2i, sizeof(s->keys.r2i));
    s->has_keys = true;
    s->is_agreed = true;
    s->code = CLOSE_PROTO;
    end_handshake(s);
}

void session_open(struct session *s, uint64_t now_ms)
{
    session_move(s, STATE_OPEN);
    s->began_ms = now_ms;
    s->deadline_ms = now_ms + HANDSHAKE_MS; // in a box: to say goodbye
    proof_heard(&s->proof, now_ms);
    session_host_release(s);
}

/* ---- octets in, events out ----------------------------------------------------------- */

static enum err check_box(struct session *s, struct bytes body)
{
    if (!s->in_box) {
        return OK;
    }
    s->n_received++;
    if (s->n_received > BOX_MESSAGES_MAX || body.len > BOX_MESSAGE_MAX) {
        return session_die(s, ERR_LIMIT, s->has_keys ? CLOSE_LIMIT : CLOSE_HANDSHAKE,
                           "more than a pairing needs");
    }
    return OK;
}

enum err session_feed(struct session *s, struct bytes body, uint64_t now_ms)
{
    s->now_ms = now_ms;
    const enum err e = check_box(s, body);
    if (e != OK) {
        return e;
    }
    switch ((enum session_state)s->m.state) {
    case CTRL_CPACE:
    case CTRL_HELLO:
        return session_ctrl_feed(s, body, now_ms);
    case HOST_FIRST:
    case HOST_HELLO:
    case HOST_AUTH:
        return session_host_feed(s, body, now_ms);
    case HOST_DECIDING:
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "a record before READY");
    case CTRL_WAITING:
    case STATE_OPEN:
        return session_feed_record(s, body, now_ms);
    case STATE_ENDING:
        return OK; // what still arrives is of no interest
    case STATE_OVER:
        break;
    }
    return ERR_CLOSED;
}

bool session_next(struct session *s, struct session_event *out)
{
    if (s->next_event == s->n_events) {
        s->next_event = 0;
        s->n_events = 0;
        return false;
    }
    *out = s->events[s->next_event++];
    return true;
}

/* ---- timers ---------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t age_deadline(const struct session *s)
{
    if (s->is_host) {
        return s->began_ms + SESSION_AGE_MS + SESSION_GRACE_MS;
    }
    return s->began_ms + SESSION_AGE_MS - (s->renew_told ? 0 : SESSION_GRACE_MS);
}

uint64_t session_deadline(const struct session *s)
{
    if (s->m.state == STATE_OVER || s->m.state == STATE_ENDING) {
        return UINT64_MAX;
    }
    if (s->m.state != STATE_OPEN || s->in_box) {
        return s->deadline_ms;
    }
    uint64_t at = earlier(age_deadline(s), proof_deadline(&s->proof));
    if (s->lane != NULL && !s->ack_due) {
        at = earlier(at, lane_ack_at(s->lane));
    }
    return s->cover ? earlier(at, s->cover_at_ms) : at;
}

/* A stalled reader and one that is gone look alike, but for what could not be sent. */
static enum err check_proof(struct session *s, uint64_t now_ms)
{
    switch (proof_check(&s->proof, now_ms)) {
    case PROOF_FINE:
        break;
    case PROOF_ASK:
        session_ping(s, now_ms);
        (void)session_emit(s, SESSION_SILENT);
        break;
    case PROOF_DEAD:
        return session_die(s, ERR_EXPIRED, s->out_waits ? CLOSE_STALLED : CLOSE_IDLE,
                           "the other end fell silent");
    }
    return OK;
}

static enum err tick_open(struct session *s, uint64_t now_ms)
{
    const enum err e = check_proof(s, now_ms);
    if (e != OK) {
        return e;
    }
    const bool spent =
        s->tx.epoch >= SESSION_RENEW_EPOCHS || s->rx.epoch >= SESSION_RENEW_EPOCHS;
    if (now_ms >= age_deadline(s) || (spent && !s->renew_told)) {
        if (s->is_host || s->renew_told) {
            return session_die(s, ERR_EXPIRED, CLOSE_SHUTDOWN, "it is 12 hours old");
        }
        s->renew_told = true;
        (void)session_emit(s, SESSION_RENEW);
    }
    if (s->lane != NULL && now_ms >= lane_ack_at(s->lane)) {
        s->ack_due = true;
    }
    if (s->cover && now_ms >= s->cover_at_ms) {
        s->ack_due = true; // an ACK is as long as anything else under this padding
        s->cover_at_ms = now_ms + COVER_MS;
    }
    return OK;
}

enum err session_tick(struct session *s, uint64_t now_ms)
{
    s->now_ms = now_ms;
    switch ((enum session_state)s->m.state) {
    case STATE_OPEN:
        if (!s->in_box) {
            return tick_open(s, now_ms);
        }
        break;
    case STATE_ENDING:
        return OK;
    case STATE_OVER:
        return ERR_CLOSED;
    case CTRL_CPACE:
    case CTRL_HELLO:
    case CTRL_WAITING:
    case HOST_FIRST:
    case HOST_HELLO:
    case HOST_AUTH:
    case HOST_DECIDING:
        break;
    }
    if (now_ms < s->deadline_ms) {
        return OK;
    }
    return session_die(s, ERR_EXPIRED, s->has_keys ? CLOSE_IDLE : CLOSE_HANDSHAKE,
                       "the other end took too long");
}

/* ---- small requests and questions -------------------------------------------------------- */

void session_close(struct session *s, enum close_code code)
{
    if (s->m.state == STATE_OVER || s->m.state == STATE_ENDING) {
        return;
    }
    s->code = code;
    // A controller may say nothing before READY (section 2); without keys nobody can.
    const bool may_speak =
        s->m.state == STATE_OPEN || (s->is_host && s->m.state == HOST_DECIDING);
    if (!may_speak) {
        (void)session_die(s, OK, code, "closed here");
        return;
    }
    session_move(s, STATE_ENDING);
    s->close_due = true;
}

void session_revoke(struct session *s)
{
    s->revoke_due = s->m.state == STATE_OPEN || s->m.state == HOST_DECIDING;
    session_close(s, CLOSE_REVOKED);
}

void session_ping(struct session *s, uint64_t now_ms)
{
    if (s->m.state != STATE_OPEN || s->in_box) {
        return;
    }
    random_bytes(s->ping, sizeof(s->ping));
    s->ping[0] &= (uint8_t)~PING_REPLY;
    s->ping_at_ms = now_ms == 0 ? 1 : now_ms;
    s->ping_due = true;
    session_note_waiting(s, now_ms);
}

void session_note_waiting(struct session *s, uint64_t now_ms)
{
    const bool open = s->m.state == STATE_OPEN && !s->in_box;
    const bool acks =
        open && s->lane != NULL && lane_serves(s->lane, s) && lane_awaits_ack(s->lane);
    proof_waits(&s->proof, open && (acks || s->expects || s->ping_at_ms != 0), now_ms);
}

void session_expect(struct session *s, bool answer, uint64_t now_ms)
{
    if (s->expects != answer) {
        s->expects = answer;
        session_note_waiting(s, now_ms);
    }
}

void session_moved(struct session *s, uint64_t now_ms)
{
    proof_moved(&s->proof, now_ms);
}

uint64_t session_heard_ms(const struct session *s)
{
    return s->proof.heard_ms;
}

void session_set_cover(struct session *s, bool on, uint64_t now_ms)
{
    const enum session_padding padding = s->is_host ? s->next_padding : s->padding;
    const bool wanted = on && padding == PADDING_B1K && s->m.state == STATE_OPEN;
    if (wanted && !s->cover) {
        s->cover_at_ms = now_ms + COVER_MS;
    }
    s->cover = wanted;
}

bool session_is_ready(const struct session *s)
{
    return s->m.state == STATE_OPEN;
}

enum close_code session_close_code(const struct session *s)
{
    return s->code;
}

const char *session_why(const struct session *s)
{
    return s->why == NULL ? "" : s->why;
}

struct bytes session_th4(const struct session *s)
{
    const struct bytes th4 = BYTES_OF(s->keys.th4);
    return s->is_agreed ? th4 : BYTES_NONE;
}

struct bytes session_pair_root(const struct session *s)
{
    const struct bytes root = BYTES_OF(s->keys.pair_root);
    return s->in_box && s->is_agreed ? root : BYTES_NONE;
}
