/*
 * http_server: HTTP/1.1 and WebSocket upgrades on one or more listeners.
 *
 * Shape      a connection carries one exchange at a time:
 *
 *     HEAD --> BODY --> HANDLING --> SENDING --> HEAD (keep-alive) | end
 *                          \--> upgraded: a ws_conn, no longer ours
 *
 *            `request` is called with a whole request (body included, bounded). It
 *            answers now or later: http_reply(), or http_reply_begin() +
 *            http_reply_write()… + http_reply_end() for a stream (SSE).
 *            A WebSocket upgrade calls `request` too, with
 *            http_exchange_is_upgrade() true: answer with
 *            http_exchange_accept_ws(), or with an ordinary reply to refuse.
 * Ownership  an exchange belongs to the server. It is valid until its reply ended, it
 *            was upgraded, or `gone` was called.
 * Errors     a malformed, too large or too slow request is answered by the server
 *            itself (400, 408, 413, 431, 501, 503) and never reaches `request`.
 * Limits     below; all per connection unless said.
 * Reentry    `request` and `gone` come from the loop only. Replying inside `request`
 *            is fine; the exchange must not be touched after its reply ended.
 * Security   no CORS header is ever sent. Which Host and Origin are welcome is the
 *            handler's to say (http_exchange_header()).
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "loop/listener.h"
#include "net/tls.h"
#include "net/ws_conn.h"
#include "wire/http1.h"

#define HTTP_SERVER_HEAD_MS   10000        // slow-loris: a whole head within
#define HTTP_SERVER_BODY_MS   30000        // and its body within
#define HTTP_SERVER_KEEP_MS   30000        // idle between requests
#define HTTP_SERVER_SEND_MS   30000        // a reply of which nothing is read any more
#define HTTP_SERVER_BODY_MAX  (64u * 1024) // default
#define HTTP_SERVER_CONNS_MAX 1024 // default, of the server, upgraded not counted
#define HTTP_SERVER_EACH_MAX  128  // … of one address: it must not take all of them
#define HTTP_SERVER_LOCAL_MAX 512 // … of this machine: a proxy in front is one address

struct http_server;
struct http_exchange;

/* Milliseconds; 0: the default. */
struct http_server_times {
    uint32_t head;
    uint32_t body;
    uint32_t keep;
    uint32_t send;
};

struct http_server_options {
    void (*request)(struct http_exchange *x, void *user); // required
    void *user;
    struct tls_server *tls; // keep; NULL: plain
    size_t max_body;        // 0: the default
    unsigned max_conns;     // 0: the default
    unsigned max_each;      // 0: the default
    unsigned max_local;     // 0: the default
    struct http_server_times ms;
};

NODISCARD struct http_server *http_server_create(struct loop *l,
                                                 const struct http_server_options *o);

/* Any number of either. */
NODISCARD enum err http_server_listen_tcp(struct http_server *s, const char *host,
                                          uint16_t port, struct diag *diag,
                                          uint16_t *out_port);
NODISCARD enum err http_server_listen_unix(struct http_server *s, const char *path,
                                           struct diag *diag);

/* A stream accepted elsewhere (taken): tests, inherited sockets. */
void http_server_adopt(struct http_server *s, struct stream *stream);

/* Stops listening, drops connections (not upgraded ones), frees, then `closed`. */
void http_server_close(struct http_server *s, stream_closed_fn *closed, void *user);

/* ---- reading an exchange: everything borrowed while it lives --------------- */

const struct http1_head *http_exchange_head(const struct http_exchange *x);
bool http_exchange_is(const struct http_exchange *x, const char *method,
                      const char *path);
struct bytes http_exchange_header(const struct http_exchange *x, const char *name);
struct bytes http_exchange_body(const struct http_exchange *x);
const struct stream_peer *http_exchange_peer(const struct http_exchange *x);
bool http_exchange_is_tls(const struct http_exchange *x);
bool http_exchange_is_upgrade(const struct http_exchange *x);

/* Called once if the peer goes away before the reply ended; not after. */
void http_exchange_on_gone(struct http_exchange *x,
                           void (*gone)(struct http_exchange *x, void *user),
                           void *user);

/* ---- answering: each ends, or begins, the reply ----------------------------- */

/* `headers`: lines with CRLF, or NULL. Content-Length, Connection and Date-free
 * framing are the server's. A HEAD request gets no body. */
void http_reply(struct http_exchange *x, unsigned status, const char *headers,
                struct bytes body);
void http_reply_text(struct http_exchange *x, unsigned status, const char *text);

/* A reply of unknown length (chunked). Writes are refused with ERR_LIMIT when the
 * peer does not read; ERR_CLOSED when it is gone. */
void http_reply_begin(struct http_exchange *x, unsigned status, const char *headers);
NODISCARD enum err http_reply_write(struct http_exchange *x, struct bytes octets);
void http_reply_end(struct http_exchange *x);

/* Drops the connection in the middle of the exchange; `gone` does not come. */
void http_reply_cut(struct http_exchange *x);

/* Ends the exchange; gives the connection (see ws_conn_start()). NULL: the request
 * was not a proper handshake and has been refused. `headers` may be NULL. */
struct ws_conn *http_exchange_accept_ws(struct http_exchange *x,
                                        const struct ws_conn_options *options,
                                        const char *headers);

#endif
