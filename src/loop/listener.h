/*
 * listener: accept streams on a TCP address or a unix socket.
 *
 * Shape      a unix socket is made 0600; a stale socket file is replaced, a live one
 *            is ERR_EXISTS. The peer's uid and pid are read at once (stream_peer()).
 *            When descriptors run out, newcomers are dropped instead of waiting in
 *            a loop.
 * Ownership  `accept` takes the stream and must stream_start() or stream_close() it.
 *            listener_close() frees the listener after `closed`; it removes the
 *            socket file that it made.
 * Errors     ERR_EXISTS  somebody listens there already
 *            ERR_DENIED  not permitted; ERR_USAGE  not an address; ERR_LIMIT  path too
 *            long; ERR_IO  anything else. `diag` (may be NULL) says it in words.
 */
#ifndef LOOP_LISTENER_H
#define LOOP_LISTENER_H

#include "loop/stream.h"

struct listener;
typedef void listener_accept_fn(void *user, struct stream *s);

struct listener_handler { // who is given the streams; borrowed for the call
    listener_accept_fn *accept;
    void *user;
};

/* `host` is a numeric address ("127.0.0.1", "::1", "0.0.0.0"); port 0 asks the
 * system for a free one. */
NODISCARD enum err listener_tcp(struct loop *l, const char *host, uint16_t port,
                                const struct listener_handler *to, struct diag *diag,
                                struct listener **out);
NODISCARD enum err listener_unix(struct loop *l, const char *path,
                                 const struct listener_handler *to, struct diag *diag,
                                 struct listener **out);

uint16_t listener_port(const struct listener *s); // 0 for a unix socket
void listener_close(struct listener *s, stream_closed_fn *closed, void *user);

#endif
