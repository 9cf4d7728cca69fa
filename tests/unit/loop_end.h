/*
 * loop_end: one end of a stream, as the tests of loop/ hold it: it collects what comes,
 * echoes it or not, and counts what happened.
 */
#ifndef TESTS_UNIT_LOOP_END_H
#define TESTS_UNIT_LOOP_END_H

#include "test.h"

#include "base/buf.h"
#include "loop/stream.h"

#define FAR_MS 20000 // a deadline that a passing test never reaches

struct end {
    struct stream *s;
    struct loop *loop;
    struct buf got;
    size_t want; // octets after which the test is over; 0: at the end
    bool close_at_end;
    bool echo;
    unsigned n_data;
    unsigned n_ends;
    unsigned n_drained;
    unsigned n_closed;
    enum err end;
};

static void on_end_closed(void *user)
{
    struct end *e = user;
    e->n_closed++;
    e->s = NULL;
}

static void on_end_data(struct stream *s, void *user, uint8_t *at, size_t len)
{
    struct end *e = user;
    e->n_data++;
    EQ_INT(buf_put(&e->got, (struct bytes){at, len}), OK);
    if (e->echo) {
        EQ_INT(stream_write(s, (struct bytes){at, len}), OK);
    }
    if (e->want != 0 && buf_len(&e->got) >= e->want) {
        stream_close(s, on_end_closed, e);
    }
}

static void on_end_end(struct stream *s, void *user, enum err err)
{
    struct end *e = user;
    e->n_ends++;
    e->end = err;
    if (e->close_at_end) {
        stream_close(s, on_end_closed, e);
    }
}

static void on_end_drained(struct stream *s, void *user)
{
    struct end *e = user;
    (void)s;
    e->n_drained++;
}

__attribute__((unused)) static const struct stream_events end_events = {
    .data = on_end_data,
    .end = on_end_end,
    .drained = on_end_drained,
};

__attribute__((unused)) static void end_init(struct end *e, struct loop *l)
{
    *e = (struct end){.loop = l, .close_at_end = true};
    buf_init(&e->got, 64 << 20);
}

#endif
