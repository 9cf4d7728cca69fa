#include "net/http_exchange.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/ws_accept.h"

#define LINGER_MS 5000                // for a peer to end after our last reply
#define AHEAD_MAX (64u * 1024)        // pipelined input while a request is handled
#define QUEUE_MAX (32u * 1024 * 1024) // unsent reply

static const struct machine_state states[] = {
    [HTTP_HEAD] = {"head", MOVES_TO(HTTP_BODY) | MOVES_TO(HTTP_HANDLING) |
                               MOVES_TO(HTTP_DRAINING) | MOVES_TO(HTTP_CLOSED)},
    [HTTP_BODY] = {"body", MOVES_TO(HTTP_HANDLING) | MOVES_TO(HTTP_DRAINING) |
                               MOVES_TO(HTTP_CLOSED)},
    [HTTP_HANDLING] = {"handling", MOVES_TO(HTTP_SENDING) | MOVES_TO(HTTP_HEAD) |
                                       MOVES_TO(HTTP_DRAINING) |
                                       MOVES_TO(HTTP_UPGRADED) | MOVES_TO(HTTP_CLOSED)},
    [HTTP_SENDING] = {"sending", MOVES_TO(HTTP_HEAD) | MOVES_TO(HTTP_DRAINING) |
                                     MOVES_TO(HTTP_CLOSED)},
    [HTTP_DRAINING] = {"draining", MOVES_TO(HTTP_CLOSED)},
    [HTTP_UPGRADED] = {"upgraded", 0},
    [HTTP_CLOSED] = {"closed", 0},
};

/* ---- ending ------------------------------------------------------------------------- */

static void exchange_free(struct http_exchange *x)
{
    mem_free(x->head);
    buf_fini(&x->in);
    buf_fini(&x->ahead);
    mem_free(x);
}

static void on_conn_closed(void *user)
{
    struct http_exchange *x = user;
    if (x->gone != NULL) {
        x->gone(x, x->gone_user);
    }
    http_server_left(x->server, x);
    exchange_free(x);
}

void http_exchange_drop(struct http_exchange *x)
{
    if (x->m.state == HTTP_CLOSED || x->m.state == HTTP_UPGRADED) {
        return;
    }
    machine_move(&x->m, HTTP_CLOSED);
    timer_stop(&x->deadline);
    loop_task_cancel(&x->next);
    conn_close(x->conn, on_conn_closed, x);
}

static void drain(struct http_exchange *x)
{
    machine_move(&x->m, HTTP_DRAINING);
    conn_finish(x->conn);
}

/* The server's own answer to what never reaches the handler. */
static void refuse(struct http_exchange *x, unsigned status)
{
    log_peer("http.refused", "peer=%s status=%u", conn_peer(x->conn)->text, status);
    if (x->m.state == HTTP_HEAD) {
        machine_move(&x->m, HTTP_BODY);
    }
    machine_move(&x->m, HTTP_HANDLING);
    if (x->head != NULL) {
        x->head->keep_alive = false;
    }
    http_reply_text(x, status, http1_reason(status));
}

static void set_deadline(struct http_exchange *x, uint64_t ms);

static const struct http_server_times *times(const struct http_exchange *x)
{
    return &http_server_options(x->server)->ms;
}

static int64_t taken(const struct http_exchange *x)
{
    return (int64_t)x->written - (int64_t)conn_queued(x->conn);
}

static void on_deadline(struct timer *t)
{
    struct http_exchange *x = CONTAINER_OF(t, struct http_exchange, deadline);
    const bool unsent = conn_queued(x->conn) != 0;
    if (unsent && taken(x) > x->taken) { // a slow reader has time as long as it reads
        set_deadline(x, times(x)->send);
        return;
    }
    if (x->m.state == HTTP_SENDING && !unsent) {
        return; // a stream with nothing to say at the moment
    }
    const bool begun = buf_len(&x->in) != 0;
    if ((x->m.state == HTTP_HEAD && begun) || x->m.state == HTTP_BODY) {
        refuse(x, 408);
        return;
    }
    http_exchange_drop(x); // idle between requests, or a reply that nobody reads
}

static void set_deadline(struct http_exchange *x, uint64_t ms)
{
    x->taken = taken(x);
    timer_start(http_server_loop(x->server), &x->deadline, ms, on_deadline);
}

/* ---- from octets to a request ----------------------------------------------------------- */

static void handle(struct http_exchange *x)
{
    const struct http_server_options *o = http_server_options(x->server);
    machine_move(&x->m, HTTP_HANDLING);
    timer_stop(&x->deadline);
    x->answered = false;
    x->no_body = bytes_equal_str(x->head->method, "HEAD");
    const struct bytes all = buf_bytes(&x->in);
    const size_t size = x->head->size + (size_t)x->head->length;
    if (all.len > size) { // the beginning of the next request
        if (buf_put(&x->ahead, bytes_sub(all, size, all.len)) != OK) {
            http_exchange_drop(x);
            return;
        }
        buf_truncate(&x->in, size);
    }
    o->request(x, o->user); // last: x may be answered, upgraded, dropped
}

static void read_body(struct http_exchange *x)
{
    if (buf_len(&x->in) - x->head->size >= x->head->length) {
        /* The buffer moved while the body grew: the spans are read again. */
        if (http1_parse_request(buf_bytes(&x->in), x->head) != OK) {
            http_exchange_drop(x);
            return;
        }
        handle(x);
    }
}

/* What of a well-formed head we do not take; 0: nothing. */
static unsigned refusal_of(const struct http_exchange *x)
{
    const struct http_server_options *o = http_server_options(x->server);
    if (x->head->chunked) {
        return 411;
    }
    return x->head->length > o->max_body ? 413 : 0;
}

static void head_is_read(struct http_exchange *x)
{
    const unsigned status = refusal_of(x);
    if (status != 0) {
        refuse(x, status);
        return;
    }
    machine_move(&x->m, HTTP_BODY);
    if (x->head->length != 0) {
        set_deadline(x, times(x)->body);
    }
    if (x->head->expects_continue && buf_len(&x->in) == x->head->size &&
        conn_write(x->conn, BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n"), BYTES_NONE) !=
            OK) {
        http_exchange_drop(x);
        return;
    }
    read_body(x);
}

static void read_head(struct http_exchange *x)
{
    struct http1_head *head = mem_try(1, sizeof(*head));
    if (head == NULL) {
        http_exchange_drop(x);
        return;
    }
    const enum err e = http1_parse_request(buf_bytes(&x->in), head);
    if (e == OK) {
        x->head = head;
        head_is_read(x);
        return;
    }
    mem_free(head);
    if (e != ERR_AGAIN) {
        refuse(x, e == ERR_LIMIT ? 431 : 400);
    }
}

/* Empty lines before a request are tolerated (RFC 9112 section 2.2), once. */
static void skip_empty_line(struct buf *in)
{
    const struct bytes all = buf_bytes(in);
    if (all.len >= 2 && all.at[0] == '\r' && all.at[1] == '\n') {
        buf_consume(in, 2);
    }
}

static void take(struct http_exchange *x, struct bytes octets)
{
    const bool first = buf_len(&x->in) == 0;
    if (buf_put(&x->in, octets) != OK) {
        refuse(x, x->m.state == HTTP_HEAD ? 431 : 413);
        return;
    }
    if (x->m.state == HTTP_BODY) {
        read_body(x);
        return;
    }
    if (first) {
        skip_empty_line(&x->in);
    }
    if (first && buf_len(&x->in) != 0) { // empty lines buy no time
        set_deadline(x, times(x)->head);
    }
    if (memchr(octets.at, '\n', octets.len) != NULL) {
        read_head(x); // a line ended: the only time something can be new
    } else if (buf_len(&x->in) >= HTTP1_HEAD_MAX) {
        refuse(x, 431);
    }
}

/* Octets of a later request wait until this one is over. */
static void hold(struct http_exchange *x, struct bytes octets)
{
    if (buf_put(&x->ahead, octets) != OK) {
        http_exchange_drop(x); // it talks on and on and does not wait for answers
    } else if (buf_len(&x->ahead) > AHEAD_MAX / 2) {
        conn_pause(x->conn);
    }
}

// NOLINTNEXTLINE(readability-non-const-parameter): the type is conn.h's
static void on_data(struct conn *c, void *user, uint8_t *at, size_t len)
{
    struct http_exchange *x = user;
    const struct bytes octets = {at, len};
    (void)c;
    switch ((enum http_state)x->m.state) {
    case HTTP_HEAD:
    case HTTP_BODY:
        if (loop_task_is_pending(&x->next)) {
            hold(x,
                 octets); // TLS gives several records a turn: next_task() comes first
        } else {
            take(x, octets);
        }
        return;
    case HTTP_HANDLING:
    case HTTP_SENDING:
        hold(x, octets);
        return;
    case HTTP_DRAINING:
    case HTTP_UPGRADED:
    case HTTP_CLOSED:
        return;
    }
}

static void on_end(struct conn *c, void *user, enum err e)
{
    (void)c;
    (void)e;
    http_exchange_drop(user);
}

static const struct conn_events events = {.data = on_data, .end = on_end};

/* ---- between exchanges ---------------------------------------------------------------------- */

static void next_task(struct loop_task *t)
{
    struct http_exchange *x = CONTAINER_OF(t, struct http_exchange, next);
    struct buf ahead = x->ahead;
    buf_init(&x->ahead, AHEAD_MAX);
    conn_resume(x->conn);
    if (buf_len(&ahead) != 0) {
        take(x, buf_bytes(&ahead));
    }
    buf_fini(&ahead);
}

enum err http_exchange_write(struct http_exchange *x, struct bytes head,
                             struct bytes body)
{
    const enum err e = conn_write(x->conn, head, body);
    if (e == OK) {
        x->written += head.len + body.len;
    }
    if (!timer_is_armed(&x->deadline)) {
        set_deadline(x, times(x)->send);
    }
    return e;
}

void http_exchange_sent(struct http_exchange *x)
{
    const bool keep = x->head != NULL && x->head->keep_alive;
    x->gone = NULL;
    if (!keep) {
        set_deadline(x, LINGER_MS);
        drain(x);
        return;
    }
    machine_move(&x->m, HTTP_HEAD);
    mem_free(x->head);
    x->head = NULL;
    buf_release(&x->in);
    set_deadline(x, times(x)->keep);
    loop_defer(http_server_loop(x->server), &x->next, next_task);
}

void http_exchange_begin(struct http_server *s, struct stream *stream)
{
    const struct http_server_options *o = http_server_options(s);
    struct http_exchange *x = mem_new(sizeof(*x));
    x->m = (struct machine){.what = "http", .table = states, .state = HTTP_HEAD};
    x->server = s;
    x->conn = o->tls != NULL ? tls_accept(o->tls, stream) : conn_plain(stream);
    buf_init(&x->in, HTTP1_HEAD_MAX + o->max_body + LOOP_SCRATCH);
    buf_init(&x->ahead, AHEAD_MAX);
    conn_set_max_queue(x->conn, QUEUE_MAX);
    http_server_joined(s, x);
    set_deadline(x, times(x)->head);
    conn_start(x->conn, &events, x);
}

/* ---- leaving HTTP ----------------------------------------------------------------------------- */

static void free_task(struct loop_task *t)
{
    struct http_exchange *x = CONTAINER_OF(t, struct http_exchange, next);
    http_server_left(x->server, x);
    exchange_free(x);
}

struct ws_conn *http_exchange_accept_ws(struct http_exchange *x,
                                        const struct ws_conn_options *options,
                                        const char *headers)
{
    struct bytes key;
    char accept[WS_HANDSHAKE_ACCEPT_LEN + 1];
    struct buf out;
    if (ws_handshake_check_request(x->head, &key) != OK) {
        http_reply(x, 400, "Sec-WebSocket-Version: 13\r\n", BYTES_NONE);
        return NULL;
    }
    ws_accept(key, accept);
    buf_init(&out, HTTP1_HEAD_MAX);
    enum err e = ws_handshake_put_response(&out, accept, headers);
    if (e == OK) {
        e = conn_write(x->conn, buf_bytes(&out), BYTES_NONE);
    }
    buf_fini(&out);
    if (e != OK) {
        http_exchange_drop(x);
        return NULL;
    }
    machine_move(&x->m, HTTP_UPGRADED);
    x->gone = NULL;
    struct ws_conn *ws =
        ws_conn_create(x->conn, WS_SERVER, options, buf_bytes(&x->ahead));
    loop_task_cancel(&x->next); // nothing else may stand in the way of its end
    loop_defer(http_server_loop(x->server), &x->next, free_task);
    return ws;
}

/* ---- reading ------------------------------------------------------------------------------------ */

const struct http1_head *http_exchange_head(const struct http_exchange *x)
{
    return x->head;
}

bool http_exchange_is(const struct http_exchange *x, const char *method,
                      const char *path)
{
    return bytes_equal_str(x->head->method, method) &&
           bytes_equal_str(x->head->path, path);
}

struct bytes http_exchange_header(const struct http_exchange *x, const char *name)
{
    return http1_get(x->head, name);
}

struct bytes http_exchange_body(const struct http_exchange *x)
{
    return bytes_sub(buf_bytes(&x->in), x->head->size, (size_t)x->head->length);
}

const struct stream_peer *http_exchange_peer(const struct http_exchange *x)
{
    return conn_peer(x->conn);
}

bool http_exchange_is_tls(const struct http_exchange *x)
{
    return conn_is_tls(x->conn);
}

bool http_exchange_is_upgrade(const struct http_exchange *x)
{
    return ws_handshake_is_upgrade(x->head);
}

void http_exchange_on_gone(struct http_exchange *x,
                           void (*gone)(struct http_exchange *x, void *user),
                           void *user)
{
    x->gone = gone;
    x->gone_user = user;
}
