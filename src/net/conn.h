/*
 * conn: a connection as its user sees it: octets, whatever carries them.
 *
 *     plain   conn -> stream
 *     TLS     conn -> tls -> stream        (tls.h)
 *
 * Shape      the same words as stream.h; a table of functions per kind.
 * Ownership  conn_plain() and tls_*() take the stream. conn_close() frees after
 *            `closed`.
 * Errors     as stream.h; ERR_AUTH at `end`: the peer's certificate is not accepted.
 * Reentry    as stream.h.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "loop/stream.h"

struct conn;

struct conn_events {
    void (*data)(struct conn *c, void *user, uint8_t *at, size_t len);
    void (*end)(struct conn *c, void *user, enum err e);
    void (*drained)(struct conn *c, void *user); // may be NULL
};

struct conn *conn_plain(struct stream *s);

void conn_start(struct conn *c, const struct conn_events *events, void *user);
void conn_set_max_queue(struct conn *c, size_t max);
NODISCARD enum err conn_write(struct conn *c, struct bytes head, struct bytes body);
NODISCARD enum err conn_write_space(struct conn *c, size_t len, uint8_t **out);
size_t conn_queued(const struct conn *c);
void conn_want_drained(struct conn *c);
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
void conn_finish(struct conn *c);
void conn_close(struct conn *c, stream_closed_fn *closed, void *user);
const struct stream_peer *conn_peer(const struct conn *c);
struct loop *conn_loop(const struct conn *c);
bool conn_is_tls(const struct conn *c);

#endif
