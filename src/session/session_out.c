#include <string.h>

#include "session/session_priv.h"

enum { SMALL_BUFFER = 8 * 1024 }; // kept between records; larger ones are given back

enum err session_put_raw(struct session *s, struct bytes message)
{
    if (buf_len(&s->raw) != 0) {
        return session_hs_fail(s, "the other end is ahead of what was sent");
    }
    const enum err e = buf_put(&s->raw, message);
    return e == OK ? OK : session_die(s, e, CLOSE_HANDSHAKE, "no memory for a message");
}

/* ---- sealing ------------------------------------------------------------------------------- */

struct plain {
    enum itype itype;
    uint64_t seq;
    struct bytes head; // of the body
    struct bytes body;
};

static uint64_t ack_of(struct session *s)
{
    if (s->lane == NULL || s->m.state == STATE_ENDING || !lane_serves(s->lane, s)) {
        return 0;
    }
    s->ack_due = false;
    return lane_ack(s->lane);
}

/* Builds and seals one record in s->out. */
static enum err seal(struct session *s, const struct plain *p)
{
    uint8_t *at = NULL;
    const size_t len = PLAIN_HEADER + p->head.len + p->body.len;
    const size_t padded = pad_size(s->padding, len);
    buf_clear(&s->out);
    enum err e = buf_reserve(&s->out, padded + RECORD_OVERHEAD, &at);
    if (e != OK) {
        return e;
    }
    uint8_t *plain = at + RECORD_HEADER;
    plain[0] = (uint8_t)p->itype;
    be64_write(plain + 1, p->seq);
    be64_write(plain + 9, p->itype <= ITYPE_DENIED ? 0 : ack_of(s));
    if (p->head.len != 0) {
        memcpy(plain + PLAIN_HEADER, p->head.at, p->head.len);
    }
    if (p->body.len != 0) {
        memcpy(plain + PLAIN_HEADER + p->head.len, p->body.at, p->body.len);
    }
    pad_apply(plain, len, padded);
    e = record_seal(&s->tx, at, padded);
    if (e == OK) {
        buf_grew(&s->out, padded + RECORD_OVERHEAD);
    }
    return e;
}

static enum err seal_small(struct session *s, enum itype itype, struct bytes body)
{
    return seal(s, &(struct plain){.itype = itype, .body = body});
}

/* ---- what comes next, in the order in which it matters ---------------------------------------- */

static enum err seal_control(struct session *s)
{
    const enum err e = seal_small(s, s->control.itype, buf_bytes(&s->control.body));
    s->control.due = false;
    if (s->control.itype == ITYPE_READY) {
        s->padding = s->next_padding; // READY itself still goes under the default
    }
    buf_release(&s->control.body);
    return e;
}

static enum err seal_keyupdate(struct session *s, uint64_t now_ms)
{
    const enum err e = seal_small(s, ITYPE_KEYUPDATE, BYTES_NONE);
    return e == OK ? record_rekey(&s->tx, now_ms) : e;
}

static enum err seal_epoch(struct session *s, uint32_t epoch)
{
    uint8_t raw[4];
    be32_write(raw, epoch);
    return seal_small(s, ITYPE_SNAPSHOT_REQUIRED, BYTES_OF(raw));
}

static enum err seal_last(struct session *s)
{
    if (s->revoke_due) {
        s->revoke_due = false;
        return seal_small(s, ITYPE_REVOKED, BYTES_NONE);
    }
    const uint8_t code = (uint8_t)s->code;
    s->close_due = false;
    return seal_small(s, ITYPE_CLOSE, (struct bytes){&code, 1});
}

/* ERR_AGAIN: there is nothing. */
static enum err seal_lane(struct session *s)
{
    uint32_t epoch = 0;
    uint64_t seq = 0;
    struct fragment f;
    uint8_t head[STREAM_HEADER];
    if (s->lane == NULL || !lane_serves(s->lane, s)) {
        return ERR_AGAIN;
    }
    if (lane_must_tell(s->lane, &epoch)) {
        lane_told(s->lane);
        return seal_epoch(s, epoch);
    }
    if (!lane_take(s->lane, &f, &seq)) {
        return ERR_AGAIN;
    }
    fragment_write_header(&f, head);
    session_note_waiting(s, s->now_ms);
    return seal(s, &(struct plain){ITYPE_APP, seq, BYTES_OF(head), f.octets});
}

static enum err seal_signal(struct session *s)
{
    if (s->echo_due) {
        s->echo_due = false;
        return seal_epoch(s, lane_claim(s->lane).epoch);
    }
    if (s->pong_due) {
        s->pong_due = false;
        return seal_small(s, ITYPE_PING, BYTES_OF(s->pong));
    }
    if (s->ping_due) {
        s->ping_due = false;
        return seal_small(s, ITYPE_PING, BYTES_OF(s->ping));
    }
    return ERR_AGAIN;
}

static enum err seal_next(struct session *s, uint64_t now_ms)
{
    if (s->control.due) {
        return seal_control(s);
    }
    if (s->revoke_due || s->close_due) {
        return seal_last(s);
    }
    if (s->m.state != STATE_OPEN) {
        return ERR_AGAIN;
    }
    enum err e = seal_signal(s);
    if (e == ERR_AGAIN) {
        e = seal_lane(s);
    }
    const bool owes = s->lane != NULL && lane_ack_at(s->lane) <= now_ms;
    if (e == ERR_AGAIN && (s->ack_due || owes)) {
        s->ack_due = false;
        e = seal_small(s, ITYPE_ACK, BYTES_NONE);
    }
    return e;
}

static bool has_something(const struct session *s, uint64_t now_ms)
{
    if (s->control.due || s->revoke_due || s->close_due) {
        return true;
    }
    if (s->m.state != STATE_OPEN) {
        return false;
    }
    if (s->echo_due || s->pong_due || s->ping_due || s->ack_due) {
        return true;
    }
    return s->lane != NULL && lane_serves(s->lane, s) &&
           (lane_has_output(s->lane) || lane_ack_at(s->lane) <= now_ms);
}

static enum err produce(struct session *s, uint64_t now_ms)
{
    if (buf_len(&s->raw) != 0) {
        buf_clear(&s->out);
        const enum err e = buf_put(&s->out, buf_bytes(&s->raw));
        buf_release(&s->raw);
        return e;
    }
    if (!s->has_keys || !has_something(s, now_ms)) {
        return ERR_AGAIN;
    }
    return record_wants_rekey(&s->tx, now_ms) ? seal_keyupdate(s, now_ms)
                                              : seal_next(s, now_ms);
}

bool session_output(struct session *s, uint64_t now_ms, struct bytes *body)
{
    if (!s->out_waits) {
        s->now_ms = now_ms;
        const enum err e = produce(s, now_ms);
        if (e == ERR_AGAIN) {
            return false;
        }
        if (e != OK) {
            (void)session_die(s, e, CLOSE_PROTO, "a record could not be sealed");
            return false;
        }
        s->out_waits = true;
    }
    *body = buf_bytes(&s->out);
    return true;
}

void session_sent(struct session *s)
{
    s->out_waits = false;
    if (s->out.cap > SMALL_BUFFER) {
        buf_release(&s->out);
    }
    if (s->in.cap > SMALL_BUFFER && s->n_events == 0) {
        buf_release(&s->in);
    }
    const bool more = s->control.due || s->revoke_due || s->close_due;
    if (s->m.state == STATE_ENDING && !more) {
        (void)session_die(s, OK, s->code, s->why == NULL ? "closed here" : s->why);
    }
}
