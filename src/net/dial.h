/*
 * dial: from a URL to an open connection.
 *
 *   CONNECTING --> (TLS inside) --> UPGRADING --> DONE
 *        |                              |          ^
 *        +------------------------------+----------+   error, timeout or cancel
 *
 * Source     wire/url.h: ws:// wss:// unix://PATH (WebSocket over a unix socket).
 * Ownership  dial_ws() gives an object that frees itself after `done` returned. The
 *            options are borrowed for the call, but `tls` is kept. On OK `done` takes
 *            the ws_conn: call ws_conn_start() on it at once.
 * Errors     ERR_USAGE      not such a URL, or wss without `tls`
 *            ERR_NOT_FOUND  no such name or socket file
 *            ERR_IO         refused, unreachable, ended early
 *            ERR_AUTH       TLS certificate not accepted, or HTTP 401/403
 *            ERR_PROTO      the answer is no WebSocket; result->http_status may say why
 *            ERR_EXPIRED    timeout_ms went by; ERR_CANCELED  dial_cancel()
 * Reentry    `done` runs exactly once, from the loop, never from inside a call.
 * Limits     one deadline for all stages together.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/tls.h"
#include "net/ws_conn.h"

#define DIAL_TIMEOUT_MS 15000

struct dial;

struct dial_result {
    struct ws_conn *ws;    // OK only; taken by `done`
    unsigned http_status;  // the answer's status, 0 when there was none
    const char *text;      // a sentence for people; never NULL
    uint64_t cert_until_s; // of the peer's certificate, since 1970; 0: none seen
};

typedef void dial_done_fn(void *user, enum err e, const struct dial_result *r);

struct dial_options {
    const char *url;        // borrowed
    const char *target;     // request target; NULL: the URL's (unix: "/rpc")
    const char *headers;    // more header lines, each with CRLF; NULL: none
    struct tls_client *tls; // keep; needed for wss
    uint64_t timeout_ms;    // 0: DIAL_TIMEOUT_MS
    struct ws_conn_options ws;
};

struct dial *dial_ws(struct loop *l, const struct dial_options *o, dial_done_fn *done,
                     void *user);

/* `done` still runs, with ERR_CANCELED. Not after `done`. */
void dial_cancel(struct dial *d);

#endif
