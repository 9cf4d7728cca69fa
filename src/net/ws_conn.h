/*
 * ws_conn: one open WebSocket connection, server or client.
 *
 *   OPEN --ws_conn_close()/peer's close/error--> CLOSING --> closed(), memory gone
 *
 * Shape      whole messages in and out. Several sends of one turn leave in one system
 *            call. A payload over 16 MiB is sent in fragments. Pings keep the
 *            connection alive and prove it: when nothing at all came for ping_ms a
 *            ping goes out, when nothing came for another ping_ms it is dead.
 * Ownership  given by http_exchange_accept_ws() and dial. It frees itself after
 *            `closed` returned; there is nothing to destroy. Payloads are borrowed
 *            for the call.
 * Errors     ws_conn_send*: ERR_LIMIT  the queue is full: nothing was queued; wait for
 *            `drained`, or drop this peer (a message over max_queue never fits).
 *            ERR_CLOSED  no longer open. ERR_NOMEM.
 * Reentry    callbacks come from the loop only. In any of them ws_conn_close() and
 *            ws_conn_abort() are fine; `message` does not come after either.
 *            `closed` comes exactly once, never from inside a call.
 * Limits     max_message octets in, max_queue octets out. Idle: no buffers, one timer.
 */
#ifndef NET_WS_CONN_H
#define NET_WS_CONN_H

#include "net/conn.h"
#include "wire/ws.h"

#define WS_CONN_MESSAGE_MAX (64u * 1024 * 1024) // what Codex may send

struct ws_conn;

struct ws_conn_events {
    void (*message)(struct ws_conn *c, void *user, bool text, struct bytes payload);
    /* e: OK          our ws_conn_close() was answered, or the peer closed orderly
     *    ERR_CLOSED  the stream ended without a close frame; ERR_IO likewise
     *    ERR_EXPIRED the peer fell silent; ERR_PROTO, ERR_LIMIT, ERR_NOMEM
     *    ERR_CANCELED ws_conn_abort()
     * code: the peer's close code, or WS_CLOSE_ABNORMAL. */
    void (*closed)(struct ws_conn *c, void *user, enum err e, uint16_t code);
    void (*drained)(struct ws_conn *c, void *user); // the queue is empty; may be NULL
};

/* Zero means the default. */
struct ws_conn_options {
    uint64_t max_message; // default 1 MiB
    size_t max_queue;     // default 4 MiB
    uint32_t ping_ms;     // default 30 s; UINT32_MAX: never
};

/* Takes `c`, whose handshake is done; `first` are octets that came after the
 * handshake (borrowed). `events` is kept. Nothing is delivered from inside. */
struct ws_conn *ws_conn_create(struct conn *c, enum ws_role role,
                               const struct ws_conn_options *options,
                               struct bytes first);

/* May be called again to hand the connection to another owner. Until the first call
 * nothing is read. */
void ws_conn_start(struct ws_conn *c, const struct ws_conn_events *events, void *user);

NODISCARD enum err ws_conn_send_text(struct ws_conn *c, struct bytes text);
NODISCARD enum err ws_conn_send_binary(struct ws_conn *c, struct bytes octets);
/* One binary message head||body: an envelope without a copy of its own. */
NODISCARD enum err ws_conn_send_binary2(struct ws_conn *c, struct bytes head,
                                        struct bytes body);
size_t ws_conn_queued(const struct ws_conn *c);
/* `drained` comes when the queue is empty next; without asking, only after ERR_LIMIT or
 * when more than half of max_queue was waiting. */
void ws_conn_want_drained(struct ws_conn *c);

/* From the next message on: a stranger may send less than a peer who is known. */
void ws_conn_set_max_message(struct ws_conn *c, uint64_t max);

void ws_conn_pause(struct ws_conn *c); // the peer feels it
void ws_conn_resume(struct ws_conn *c);

/* Sends a close frame behind what is queued and waits up to 2 s for the answer.
 * `reason` may be NULL. Idempotent. */
void ws_conn_close(struct ws_conn *c, uint16_t code, const char *reason);
void ws_conn_abort(struct ws_conn *c); // no goodbye

/* Asks whether the peer is there: what it answers moves ws_conn_last_heard_ms(). */
void ws_conn_ping(struct ws_conn *c);

const struct stream_peer *ws_conn_peer(const struct ws_conn *c);
uint64_t ws_conn_last_heard_ms(const struct ws_conn *c); // loop time of the last octet
/* How often octets came: a quick answer comes in the very millisecond of its question. */
uint64_t ws_conn_n_heard(const struct ws_conn *c);

#endif
