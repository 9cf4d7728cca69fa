/*
 * connect: open one stream to a named peer, or say why not.
 *
 *   RESOLVING --> CONNECTING --> DONE
 *       |             |  ^ |      ^
 *       |             |  +-+ next address
 *       +-------------+-----------+   error, timeout or cancel
 *
 * Ownership  connect_*() gives an object that frees itself after `done` returned.
 *            On OK `done` takes the stream.
 * Errors     ERR_NOT_FOUND  the name does not resolve, or no such socket file
 *            ERR_IO         refused, unreachable; ERR_EXPIRED  timeout
 *            ERR_CANCELED   connect_cancel() was called
 * Reentry    `done` runs exactly once, from the loop, never from inside a call.
 */
#ifndef LOOP_CONNECT_H
#define LOOP_CONNECT_H

#include "loop/stream.h"

struct connect;
typedef void connect_done_fn(void *user, enum err e, struct stream *s);

/* `host` is a name or an address; every address of a name is tried in turn. */
struct connect *connect_tcp(struct loop *l, const char *host, uint16_t port,
                            uint64_t timeout_ms, connect_done_fn *done, void *user);
struct connect *connect_unix(struct loop *l, const char *path, uint64_t timeout_ms,
                             connect_done_fn *done, void *user);

/* `done` still runs, with ERR_CANCELED. Not after `done`. */
void connect_cancel(struct connect *c);

#endif
