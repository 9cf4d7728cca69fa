/*
 * conn_type: how a kind of connection plugs in under conn.h. For the files of net/.
 *
 * Shape      a kind embeds `struct conn` as its first member and owns the stream; the
 *            public functions of conn.h keep the books and call the table.
 */
#ifndef NET_CONN_TYPE_H
#define NET_CONN_TYPE_H

#include "net/conn.h"

struct conn_type {
    const char *name;
    const struct stream_events *events; // of the stream below; `user` is the conn
    void (*start)(struct conn *c);      // after stream_start(); may be NULL
    enum err (*write_space)(struct conn *c, size_t len, uint8_t **out);
    size_t (*queued)(const struct conn *c);
    void (*set_max_queue)(struct conn *c, size_t max);
    void (*want_drained)(struct conn *c);
    void (*pause)(struct conn *c);
    void (*resume)(struct conn *c);
    void (*finish)(struct conn *c);
    void (*last_words)(struct conn *c); // just before the stream closes; may be NULL
    void (*fini)(struct conn *c);       // after it closed; may be NULL
};

struct conn {
    const struct conn_type *type;
    struct stream *stream;
    const struct conn_events *events; // NULL until conn_start()
    void *user;
    bool started;
    bool closing;
    bool ended; // `end` was called
    stream_closed_fn *closed;
    void *closed_user;
};

void conn_init(struct conn *c, const struct conn_type *type, struct stream *s);

/* To the user, unless the connection is closing. */
void conn_give_end(struct conn *c, enum err e);
void conn_give_drained(struct conn *c);

#endif
