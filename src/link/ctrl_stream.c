#include <string.h>

#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"
#include "link/ctrl_state.h"
#include "wire/jsonrpc.h"

/* ---- what is expected ------------------------------------------------------------------ */

/* An answer, or whatever a turn that runs has to say: silence is asked about then. */
void ctrl_streams_note(struct link_ctrl *c)
{
    const struct link_ctrl_stream *st;
    struct session *s = c->live == NULL ? NULL : ctrl_channel_session(c->live->channel);
    bool expects = false;
    if (s == NULL) {
        return;
    }
    list_each (st, &c->streams, node) {
        expects = expects || (!st->closing && (st->n_asked != 0 || st->n_turns != 0));
    }
    session_expect(s, expects, loop_now_ms(c->loop));
    ctrl_channel_flush_later(c->live->channel); // the deadline may be another now
}

static void note_sent(struct link_ctrl_stream *st, struct bytes text)
{
    struct jsonrpc m;
    if (jsonrpc_scan(text, &m) == OK && m.kind == JSONRPC_REQUEST) {
        st->n_asked++;
        if (st->n_asked == 1) {
            ctrl_streams_note(st->ctrl);
        }
    }
}

static bool begins(struct bytes text, const char *with)
{
    const size_t len = strlen(with);
    return text.len >= len && memcmp(text.at, with, len) == 0;
}

static void note_heard(struct link_ctrl_stream *st, struct bytes text)
{
    struct jsonrpc m;
    const unsigned before = st->n_asked + st->n_turns;
    if (begins(text, "{\"method\":\"turn/started\"")) {
        st->n_turns++;
    } else if (st->n_turns != 0 && begins(text, "{\"method\":\"turn/completed\"")) {
        st->n_turns--;
    } else if (st->n_asked != 0 && !begins(text, "{\"method\":") &&
               jsonrpc_scan(text, &m) == OK && m.method.len == 0) {
        st->n_asked--;
    }
    if ((before == 0) != (st->n_asked + st->n_turns == 0)) {
        ctrl_streams_note(st->ctrl);
    }
}

/* ---- streams ------------------------------------------------------------------------------ */

static void on_stream_end(struct loop_task *t)
{
    struct link_ctrl_stream *st = CONTAINER_OF(t, struct link_ctrl_stream, end);
    struct link_ctrl *c = st->ctrl;
    c->ops->stream_closed(c->user, st);
    list_remove(&st->node);
    c->n_streams--;
    mem_free(st);
    ctrl_maybe_free(c);
}

static void stream_over(struct link_ctrl_stream *st)
{
    if (!st->closing) {
        st->closing = true;
        loop_defer(st->ctrl->loop, &st->end, on_stream_end);
        ctrl_streams_note(st->ctrl);
    }
}

void ctrl_streams_drop(struct link_ctrl *c)
{
    struct link_ctrl_stream *st;
    list_each (st, &c->streams, node) {
        stream_over(st);
    }
}

void ctrl_streams_message(struct link_ctrl *c, const struct session_message *m)
{
    struct link_ctrl_stream *st;
    list_each (st, &c->streams, node) {
        if (st->id != m->stream || st->closing) {
            continue;
        }
        if (m->octets.len != 0) {
            note_heard(st, m->octets);
            c->ops->stream_text(c->user, st, m->octets);
        }
        if (m->closed) {
            stream_over(st);
        }
        return;
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

/* Stream ids have 16 bits and are never used twice in a lane (protocol.md 5.2): begin
 * another one, as a program that has lost its state would. */
static void renew_lane(struct link_ctrl *c)
{
    log_info("ctrl.lane_spent", "streams=%zu", c->n_streams);
    c->lane_spent = true;
    ctrl_streams_drop(c);
    if (c->live != NULL) {
        ctrl_channel_close(c->live->channel, CLOSE_DONE);
    }
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
        note_sent(st, text);
        c->congested = c->congested || lane_bytes_queued(c->lane) > CTRL_CONGESTED_AT;
        if (c->live != NULL) {
            ctrl_channel_flush_later(c->live->channel);
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
    if (c->live != NULL) {
        ctrl_channel_flush_later(c->live->channel);
    }
}
