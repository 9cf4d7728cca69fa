#include <string.h>

#include "base/secret.h"
#include "session/session_priv.h"

/* ---- one opened record ---------------------------------------------------------------------- */

static enum err take_app(struct session *s, uint64_t seq, struct bytes body,
                         uint64_t now_ms)
{
    struct lane_message m;
    if (s->lane == NULL) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "a message without a lane");
    }
    const enum err e = lane_receive(s->lane, seq, body, now_ms, &m);
    if (e == ERR_AGAIN) {
        return OK;
    }
    if (e != OK) {
        return session_die(s, e, e == ERR_PROTO ? CLOSE_PROTO : CLOSE_LIMIT,
                           "a message that the lane refuses");
    }
    session_emit(s, SESSION_MESSAGE)->message = (struct session_message){
        .stream = m.stream,
        .opened = m.opened,
        .closed = m.closed,
        .seq = seq,
        .octets = m.octets,
    };
    return OK;
}

static enum err take_snapshot(struct session *s, struct bytes body)
{
    bool unknown = false;
    if (s->lane == NULL || body.len != 4) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "SNAPSHOT_REQUIRED is malformed");
    }
    const bool restarted = lane_snapshot(s->lane, be32_read(body.at), &unknown);
    if (!s->is_host) {
        s->echo_due = true;
    }
    if (restarted) {
        session_emit(s, SESSION_RESET)->reset.unknown = unknown;
    }
    return OK;
}

static enum err take_ping(struct session *s, struct bytes body, uint64_t now_ms)
{
    if (body.len != PING_BODY) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "PING is malformed");
    }
    if ((body.at[0] & PING_REPLY) == 0) {
        memcpy(s->pong, body.at, PING_BODY);
        s->pong[0] |= PING_REPLY;
        s->pong_due = true; // a flood of them gets one answer
        return OK;
    }
    uint8_t asked[PING_BODY];
    memcpy(asked, body.at, PING_BODY);
    asked[0] &= (uint8_t)~PING_REPLY;
    if (s->ping_at_ms != 0 && bytes_equal(BYTES_OF(asked), BYTES_OF(s->ping))) {
        session_emit(s, SESSION_PONG)->pong.rtt_ms = now_ms - s->ping_at_ms;
        s->ping_at_ms = 0;
    }
    return OK;
}

static enum err take_ack(struct session *s, uint64_t ack)
{
    if (s->lane == NULL || lane_acked(s->lane, ack) == OK) {
        return OK;
    }
    return session_die(s, ERR_PROTO, CLOSE_PROTO, "an ack of what was never sent");
}

/* A record of an open session, its ack already taken. */
static enum err take_open(struct session *s, enum itype itype, uint64_t seq,
                          struct bytes body, uint64_t now_ms)
{
    switch (itype) {
    case ITYPE_APP:
        return take_app(s, seq, body, now_ms);
    case ITYPE_ACK:
        return OK;
    case ITYPE_KEYUPDATE:
        if (record_rekey(&s->rx, now_ms) != OK) {
            return session_die(s, ERR_EXPIRED, CLOSE_SHUTDOWN,
                               "the epochs are used up");
        }
        return OK;
    case ITYPE_SNAPSHOT_REQUIRED:
        return take_snapshot(s, body);
    case ITYPE_PING:
        return take_ping(s, body, now_ms);
    case ITYPE_REVOKED:
        if (s->is_host) {
            break;
        }
        return session_die(s, OK, CLOSE_REVOKED, "revoked");
    case ITYPE_CLOSE:
        return session_die(s, OK,
                           body.len == 0 ? CLOSE_DONE : (enum close_code)body.at[0],
                           "the other end closed");
    case ITYPE_READY:
    case ITYPE_PENDING:
    case ITYPE_DENIED:
        break;
    }
    return session_die(s, ERR_PROTO, CLOSE_PROTO, "a record out of place");
}

static enum err take_plain(struct session *s, struct bytes plain, uint64_t now_ms)
{
    struct cursor c = {plain};
    uint8_t itype = 0;
    uint64_t seq = 0;
    uint64_t ack = 0;
    if (cursor_u8(&c, &itype) != OK || cursor_u64(&c, &seq) != OK ||
        cursor_u64(&c, &ack) != OK) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "a record too short");
    }
    if (itype > ITYPE_CLOSE || itype == 6 || (itype != ITYPE_APP && seq != 0)) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "a record of no known kind");
    }
    if (s->m.state == CTRL_WAITING) {
        return session_ctrl_first(s, (enum itype)itype, c.left, now_ms);
    }
    const enum err e = take_ack(s, ack);
    return e != OK ? e : take_open(s, (enum itype)itype, seq, c.left, now_ms);
}

enum err session_feed_record(struct session *s, struct bytes record, uint64_t now_ms)
{
    struct bytes padded = BYTES_NONE;
    struct bytes plain = BYTES_NONE;
    uint8_t *at = NULL;
    if (record.len > RECORD_MAX || record.len < RECORD_OVERHEAD) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "a record of a wrong size");
    }
    if (s->lane != NULL && s->m.state == STATE_OPEN && !lane_serves(s->lane, s)) {
        return session_die(s, ERR_CANCELED, CLOSE_REPLACED, "a newer session is there");
    }
    buf_clear(&s->in);
    const enum err e = buf_reserve(&s->in, record.len, &at);
    if (e != OK) {
        return session_die(s, e, CLOSE_LIMIT, "no memory for a record");
    }
    memcpy(at, record.at, record.len);
    if (record_open(&s->rx, at, record.len, &padded) != OK) {
        return session_die(s, ERR_AUTH, CLOSE_PROTO, "not the next record");
    }
    if (pad_strip(padded, &plain) != OK) {
        return session_die(s, ERR_PROTO, CLOSE_PROTO, "the padding is broken");
    }
    const bool was_open = s->m.state == STATE_OPEN;
    const enum err r = take_plain(s, plain, now_ms);
    if (was_open && r == OK) {
        proof_heard(&s->proof, now_ms);
        session_note_waiting(s, now_ms);
    }
    return r;
}
