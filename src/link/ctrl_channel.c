#include "link/ctrl_channel.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/timer.h"

#define SLOW_LINE (64u * 1024) // so much of ours in the relay: it moves, slowly

struct ctrl_channel {
    struct loop *loop;
    const struct ctrl_channel_ops *ops;
    void *user;
    struct uplink *leg;
    struct session *session; // NULL until begin()
    uint64_t window;         // octets of DATA that may still be sent
    struct timer deadline;
    struct loop_task flush;
    bool ending; // the leg is closing: nothing is sent or delivered any more
    bool is_door;
    bool was_answered;
    bool was_ready;
    bool proven;
    enum link_cause cause; // LINK_OK: the leg's own
    const char *sentence;  // static
};

static void pump(struct ctrl_channel *c);

/* ---- the end ------------------------------------------------------------------- */

static const struct {
    enum close_code code;
    enum link_cause cause;
    const char *sentence;
} endings[] = {
    {CLOSE_DONE, LINK_LOST, "the host closed the session"},
    {CLOSE_REPLACED, LINK_REPLACED, "another session of this device took over"},
    {CLOSE_SHUTDOWN, LINK_HOST_OFFLINE, "the host is shutting down or restarting"},
    {CLOSE_PROTO, LINK_BROKEN, "the session broke off: protocol error"},
    {CLOSE_HANDSHAKE, LINK_UNTRUSTED,
     "the host does not accept this pairing (removed there, or reset): pair again"},
    {CLOSE_STALLED, LINK_LOST, "the session broke off: this side did not keep up"},
    {CLOSE_IDLE, LINK_LOST, "the session was idle"},
    {CLOSE_REVOKED, LINK_REVOKED, "the host has removed this device: pair again"},
    {CLOSE_LIMIT, LINK_TOO_MANY,
     "the host or the relay is at a limit; try again later"},
    {CLOSE_HOST_OFFLINE, LINK_HOST_OFFLINE,
     "the host is offline: start 'farhand up' or 'farhand host' there"},
};

static void end(struct ctrl_channel *c, enum link_cause cause, const char *sentence,
                bool proven)
{
    if (c->ending) {
        return;
    }
    c->ending = true;
    c->cause = cause;
    c->sentence = sentence;
    c->proven = proven;
    timer_stop(&c->deadline);
    loop_task_cancel(&c->flush);
    uplink_close(c->leg);
}

static void end_with_code(struct ctrl_channel *c, unsigned code, bool proven)
{
    for (size_t i = 0; i < COUNT(endings); i++) {
        if ((unsigned)endings[i].code == code) {
            end(c, endings[i].cause, endings[i].sentence, proven);
            return;
        }
    }
    end(c, LINK_LOST, "the session broke off", proven);
}

static void on_leg_ended(void *user, enum link_cause cause, const char *sentence)
{
    struct ctrl_channel *c = user;
    timer_stop(&c->deadline);
    loop_task_cancel(&c->flush);
    session_destroy(c->session);
    c->session = NULL;
    if (c->ending) {
        c->ops->ended(c->user, c->cause, c->sentence, c->proven);
    } else {
        c->ops->ended(c->user, cause, sentence, false);
    }
    mem_free(c);
}

/* ---- octets ----------------------------------------------------------------------- */

static void fail(struct ctrl_channel *c)
{
    log_info("channel.failed", "reason=\"%s\"", session_why(c->session));
    if (c->was_ready) {
        end(c, LINK_BROKEN, "the session broke off: protocol error", false);
    } else {
        end(c, LINK_UNTRUSTED, "what answered is not the host that was paired", false);
    }
}

static void on_deadline(struct timer *t)
{
    struct ctrl_channel *c = CONTAINER_OF(t, struct ctrl_channel, deadline);
    if (session_tick(c->session, loop_now_ms(c->loop)) == OK) {
        pump(c);
    } else if (c->was_ready && session_close_code(c->session) == CLOSE_SHUTDOWN) {
        end(c, LINK_LOST, "the session was too old", false);
    } else if (c->was_ready) {
        log_info("channel.silent", "reason=\"%s\"", session_why(c->session));
        end(c, LINK_TIMEOUT, "the host fell silent", false);
    } else {
        end(c, LINK_TIMEOUT, "the host does not answer", false);
    }
}

static void arm(struct ctrl_channel *c)
{
    const uint64_t due_ms = session_deadline(c->session);
    const uint64_t now_ms = loop_now_ms(c->loop);
    if (due_ms == UINT64_MAX) {
        timer_stop(&c->deadline);
    } else if (!timer_is_armed(&c->deadline) || c->deadline.due_ms != due_ms) {
        timer_start(c->loop, &c->deadline, due_ms > now_ms ? due_ms - now_ms : 0,
                    on_deadline);
    }
}

static void flush(struct ctrl_channel *c)
{
    struct bytes body;
    enum err e = OK;
    while (e == OK && session_output(c->session, loop_now_ms(c->loop), &body) &&
           body.len <= c->window) { // else credit goes on
        e = uplink_send_body(c->leg, ENVELOPE_DATA, 0, body);
        if (e == OK) {
            c->window -= c->is_door ? 0 : body.len;
            session_sent(c->session);
        }
    }
    if (e == ERR_NOMEM) { // ERR_LIMIT: `drained` goes on
        end(c, LINK_LOST, "the session broke off: out of memory", false);
        return;
    }
    arm(c);
}

static void on_flush(struct loop_task *t)
{
    pump(CONTAINER_OF(t, struct ctrl_channel, flush));
}

void ctrl_channel_flush_later(struct ctrl_channel *c)
{
    if (!c->ending && c->session != NULL) {
        loop_defer(c->loop, &c->flush, on_flush);
    }
}

static void on_event(struct ctrl_channel *c, const struct session_event *ev)
{
    c->was_ready = c->was_ready || ev->kind == SESSION_READY;
    if (ev->kind == SESSION_CLOSED) {
        end_with_code(c, (unsigned)ev->closed.code, true);
    } else {
        c->ops->event(c->user, ev);
    }
    if (ev->kind == SESSION_SILENT && !c->ending) {
        uplink_probe(c->leg); // the host, or the relay before it?
    }
}

/* Sending may end a session: then that is the next event. */
static bool next_event(struct ctrl_channel *c, struct session_event *out)
{
    if (session_next(c->session, out)) {
        return true;
    }
    flush(c);
    return !c->ending && session_next(c->session, out);
}

static void pump(struct ctrl_channel *c)
{
    struct session_event ev;
    while (!c->ending && next_event(c, &ev)) {
        on_event(c, &ev);
    }
}

/* ---- frames ------------------------------------------------------------------------- */

static void broken(struct ctrl_channel *c)
{
    end(c, LINK_BROKEN,
        c->is_door ? "the host broke the protocol" : "the relay broke the protocol",
        false);
}

static void on_data(struct ctrl_channel *c, struct bytes body)
{
    if (c->session == NULL) {
        broken(c);
    } else if (session_feed(c->session, body, loop_now_ms(c->loop)) != OK) {
        fail(c);
    } else {
        if (!c->was_answered && c->ops->answered != NULL) {
            c->ops->answered(c->user);
        }
        c->was_answered = true;
        pump(c);
        if (!c->ending && c->ops->progress != NULL) {
            c->ops->progress(c->user);
        }
    }
}

static void on_credit(struct ctrl_channel *c, struct bytes body)
{
    uint32_t octets;
    if (envelope_credit_parse(body, &octets) != OK) {
        broken(c);
        return;
    }
    const bool slow = c->window < ENVELOPE_WINDOW - SLOW_LINE;
    c->window += octets;
    if (c->session != NULL) {
        if (slow) {
            session_moved(c->session, loop_now_ms(c->loop));
        }
        pump(c);
    }
}

static void on_close(struct ctrl_channel *c, struct bytes body)
{
    uint8_t reason;
    if (envelope_close_parse(body, &reason) != OK) {
        broken(c);
        return;
    }
    end_with_code(c, reason, false);
}

static void on_err(struct ctrl_channel *c, struct bytes body)
{
    struct envelope_err err;
    const char *sentence;
    if (envelope_err_parse(body, &err) != OK) {
        broken(c);
        return;
    }
    const enum link_cause cause = uplink_refusal(err.code, &sentence);
    end(c, cause, sentence, false);
}

static void on_claimed(struct ctrl_channel *c, struct bytes body)
{
    struct bytes offer;
    if (c->ops->claimed == NULL || c->session != NULL ||
        envelope_claimed_parse(body, &offer) != OK) {
        broken(c);
        return;
    }
    c->ops->claimed(c->user, offer);
}

static void on_frame(void *user, const struct envelope *f)
{
    struct ctrl_channel *c = user;
    if (c->ending) {
        return;
    }
    if (f->chan != 0) {
        broken(c);
        return;
    }
    if (f->type == ENVELOPE_DATA) {
        on_data(c, f->body);
    } else if (f->type == ENVELOPE_CREDIT && !c->is_door) {
        on_credit(c, f->body);
    } else if (f->type == ENVELOPE_CLOSE) {
        on_close(c, f->body);
    } else if (f->type == ENVELOPE_ERR) {
        on_err(c, f->body);
    } else if (f->type == ENVELOPE_CLAIM) {
        on_claimed(c, f->body);
    } else {
        broken(c);
    }
}

static void on_leg_ready(void *user)
{
    struct ctrl_channel *c = user;
    c->ops->ready(c->user);
}

static void on_drained(void *user)
{
    ctrl_channel_flush_later(user);
}

static const struct uplink_ops uplink_ops = {
    .ready = on_leg_ready,
    .frame = on_frame,
    .ended = on_leg_ended,
    .drained = on_drained,
};

/* ---- the calls ------------------------------------------------------------------------ */

struct ctrl_channel *ctrl_channel_open(struct loop *loop, const char *url,
                                       struct tls_client *tls, struct login *login,
                                       const struct ctrl_channel_ops *ops, void *user)
{
    struct ctrl_channel *c = mem_new(sizeof(*c));
    c->loop = loop;
    c->ops = ops;
    c->user = user;
    c->is_door = uplink_is_door(url);
    c->window = c->is_door ? UINT64_MAX : ENVELOPE_WINDOW; // the socket holds us back
    c->leg = uplink_open(loop, url, tls, login, &uplink_ops, c);
    return c;
}

void ctrl_channel_claim(struct ctrl_channel *c, struct bytes digits_or_pair_id)
{
    struct buf frame;
    buf_init(&frame, ENVELOPE_HEAD + 16);
    if (envelope_put_claim(&frame, digits_or_pair_id) != OK ||
        uplink_send(c->leg, buf_bytes(&frame)) != OK) {
        broken(c);
    }
    buf_fini(&frame);
}

bool ctrl_channel_is_door(const struct ctrl_channel *c)
{
    return c->is_door;
}

void ctrl_channel_open_door(struct ctrl_channel *c, enum envelope_kind kind,
                            const uint8_t id[16])
{
    struct envelope_open o = {.kind = kind};
    struct buf frame;
    if (!c->is_door) {
        return;
    }
    memcpy(o.id, id, sizeof(o.id));
    buf_init(&frame, ENVELOPE_HEAD + 1 + sizeof(o.id));
    if (envelope_put_open(&frame, 0, &o) != OK ||
        uplink_send(c->leg, buf_bytes(&frame)) != OK) {
        broken(c);
    }
    buf_fini(&frame);
}

void ctrl_channel_begin(struct ctrl_channel *c, struct session *s)
{
    if (s == NULL) {
        broken(c);
        return;
    }
    c->session = s;
    ctrl_channel_flush_later(c);
}

struct session *ctrl_channel_session(struct ctrl_channel *c)
{
    return c->ending ? NULL : c->session;
}

void ctrl_channel_close(struct ctrl_channel *c, enum close_code code)
{
    if (c == NULL || c->ending) {
        return;
    }
    if (c->session != NULL) {
        session_close(c->session, code);
        flush(c);
    }
    end(c, LINK_CANCELED, "cancelled", false);
}
