/*
 * http_exchange: one connection of the HTTP server and the exchange on it. For the
 * files of net/ only; users see http_server.h.
 *
 *     HEAD --> BODY --> HANDLING --> SENDING --> HEAD | DRAINING --> CLOSED
 *       \________\__________\___________\____________/        \--> UPGRADED
 */
#ifndef NET_HTTP_EXCHANGE_H
#define NET_HTTP_EXCHANGE_H

#include "base/machine.h"
#include "loop/timer.h"
#include "net/http_server.h"

enum http_state {
    HTTP_HEAD,     // waiting for a head
    HTTP_BODY,     // waiting for the rest of its body
    HTTP_HANDLING, // the handler has it
    HTTP_SENDING,  // a reply of unknown length has begun
    HTTP_DRAINING, // the last reply is leaving; input is ignored
    HTTP_UPGRADED, // the connection belongs to a ws_conn
    HTTP_CLOSED,   // the connection is closing
};

struct http_exchange {
    struct machine m;
    struct list node; // of the server's connections
    struct http_server *server;
    uint8_t from[16]; // whom it counts for: an IPv4 address, or the /64 of an IPv6 one
    struct conn *conn;
    struct loop_task next; // looks at what is left of the input, or frees
    struct timer deadline;
    struct http1_head *head; // from BODY on; borrows from `in`
    struct buf in;           // head and body of this exchange
    struct buf ahead;        // came while the exchange was handled
    uint64_t written;        // octets of replies, ever
    int64_t taken;           // of them by the system when the deadline was set
    bool chunked;            // the reply that has begun
    bool no_body;            // HEAD was asked
    bool answered;           // a reply, or its beginning, was queued
    void (*gone)(struct http_exchange *x, void *user);
    void *gone_user;
};

/* Takes the stream. */
void http_exchange_begin(struct http_server *s, struct stream *stream);
void http_exchange_drop(struct http_exchange *x);

/* For http_reply.c: all octets of replies go through here; and the reply is complete. */
NODISCARD enum err http_exchange_write(struct http_exchange *x, struct bytes head,
                                       struct bytes body);
void http_exchange_sent(struct http_exchange *x);

/* The server's side, http_server.c. */
const struct http_server_options *http_server_options(const struct http_server *s);
struct loop *http_server_loop(const struct http_server *s);
void http_server_joined(struct http_server *s, struct http_exchange *x);
void http_server_left(struct http_server *s, struct http_exchange *x);

#endif
