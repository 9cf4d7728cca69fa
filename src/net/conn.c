#include "net/conn.h"

#include <string.h>

#include "base/mem.h"
#include "net/conn_type.h"

void conn_init(struct conn *c, const struct conn_type *type, struct stream *s)
{
    *c = (struct conn){.type = type, .stream = s};
}

void conn_give_end(struct conn *c, enum err e)
{
    if (!c->ended && !c->closing && c->events != NULL) {
        c->ended = true;
        c->events->end(c, c->user, e);
    }
}

void conn_give_drained(struct conn *c)
{
    if (!c->closing && c->events != NULL && c->events->drained != NULL) {
        c->events->drained(c, c->user);
    }
}

void conn_start(struct conn *c, const struct conn_events *events, void *user)
{
    c->events = events;
    c->user = user;
    if (c->started) {
        return;
    }
    c->started = true;
    stream_start(c->stream, c->type->events, c);
    if (c->type->start != NULL) {
        c->type->start(c);
    }
}

void conn_set_max_queue(struct conn *c, size_t max)
{
    c->type->set_max_queue(c, max);
}

enum err conn_write_space(struct conn *c, size_t len, uint8_t **out)
{
    return c->closing ? ERR_CLOSED : c->type->write_space(c, len, out);
}

enum err conn_write(struct conn *c, struct bytes head, struct bytes body)
{
    uint8_t *to;
    const enum err e = conn_write_space(c, head.len + body.len, &to);
    if (e != OK) {
        return e;
    }
    if (head.len != 0) {
        memcpy(to, head.at, head.len);
    }
    if (body.len != 0) {
        memcpy(to + head.len, body.at, body.len);
    }
    return OK;
}

size_t conn_queued(const struct conn *c)
{
    return c->type->queued(c);
}

void conn_want_drained(struct conn *c)
{
    c->type->want_drained(c);
}

void conn_pause(struct conn *c)
{
    c->type->pause(c);
}

void conn_resume(struct conn *c)
{
    c->type->resume(c);
}

void conn_finish(struct conn *c)
{
    c->type->finish(c);
}

static void on_closed(void *user)
{
    struct conn *c = user;
    if (c->type->fini != NULL) {
        c->type->fini(c);
    }
    if (c->closed != NULL) {
        c->closed(c->closed_user);
    }
    mem_free(c);
}

void conn_close(struct conn *c, stream_closed_fn *closed, void *user)
{
    if (c->closing) {
        return;
    }
    if (c->type->last_words != NULL) {
        c->type->last_words(c);
    }
    c->closing = true;
    c->closed = closed;
    c->closed_user = user;
    stream_close(c->stream, on_closed, c);
}

const struct stream_peer *conn_peer(const struct conn *c)
{
    return stream_peer(c->stream);
}

struct loop *conn_loop(const struct conn *c)
{
    return stream_loop(c->stream);
}

/* ---- the plain kind: everything passes through ---------------------------------- */

static void on_data(struct stream *s, void *user, uint8_t *at, size_t len)
{
    struct conn *c = user;
    (void)s;
    if (c->events != NULL) {
        c->events->data(c, c->user, at, len);
    }
}

static void on_end(struct stream *s, void *user, enum err e)
{
    (void)s;
    conn_give_end(user, e);
}

static void on_drained(struct stream *s, void *user)
{
    (void)s;
    conn_give_drained(user);
}

static const struct stream_events plain_events = {
    .data = on_data,
    .end = on_end,
    .drained = on_drained,
};

static enum err plain_write_space(struct conn *c, size_t len, uint8_t **out)
{
    return stream_write_space(c->stream, len, out);
}

static size_t plain_queued(const struct conn *c)
{
    return stream_queued(c->stream);
}

static void plain_set_max_queue(struct conn *c, size_t max)
{
    stream_set_max_queue(c->stream, max);
}

static void plain_want_drained(struct conn *c)
{
    stream_want_drained(c->stream);
}

static void plain_pause(struct conn *c)
{
    stream_pause(c->stream);
}

static void plain_resume(struct conn *c)
{
    stream_resume(c->stream);
}

static void plain_finish(struct conn *c)
{
    stream_finish(c->stream);
}

static const struct conn_type plain_type = {
    .name = "plain",
    .events = &plain_events,
    .write_space = plain_write_space,
    .queued = plain_queued,
    .set_max_queue = plain_set_max_queue,
    .want_drained = plain_want_drained,
    .pause = plain_pause,
    .resume = plain_resume,
    .finish = plain_finish,
};

struct conn *conn_plain(struct stream *s)
{
    struct conn *c = mem_new(sizeof(*c));
    conn_init(c, &plain_type, s);
    return c;
}

bool conn_is_tls(const struct conn *c)
{
    return c->type != &plain_type;
}
