#include "net/ws_conn.h"

#include <string.h>

#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "crypto/random.h"
#include "loop/timer.h"

#define CLOSE_MS      2000       // for the peer's goodbye
#define CONTROL_ROOM  1024       // of the queue, kept for pongs and the close frame
#define DEFAULT_MAX   (1u << 20) // a message
#define DEFAULT_QUEUE (4u << 20) // unsent
#define DEFAULT_PING  30000
#define HELD_MAX      (4u * LOOP_SCRATCH) // at most a few reads wait while paused

/*
 *   OPEN    messages both ways
 *   CLOSING a close frame was sent or answered; input is read only to find the end
 *   ENDED   the connection below is closing; `closed` follows
 */
enum { OPEN, CLOSING, ENDED };

static const struct machine_state ws_conn_states[] = {
    [OPEN] = {"open", MOVES_TO(CLOSING) | MOVES_TO(ENDED)},
    [CLOSING] = {"closing", MOVES_TO(ENDED)},
    [ENDED] = {"ended", 0},
};

struct ws_conn {
    struct machine m;
    struct conn *conn;
    struct loop *loop;
    const struct ws_conn_events *events; // NULL until ws_conn_start()
    void *user;
    struct ws ws;
    struct buf held; // came before the start or while paused
    struct loop_task go_on;
    struct timer timer; // ping, or the end of patience while closing
    uint64_t last_heard_ms;
    uint64_t n_heard;
    size_t max_queue;
    uint32_t ping_ms;
    bool paused;
    bool pinged;      // and nothing heard since
    bool deaf;        // input means nothing any more
    bool end_is_held; // the stream ended before the start
    enum err result;
    uint16_t code; // the peer's
};

/* ---- sending ----------------------------------------------------------------------- */

static enum err put_frame(struct ws_conn *c, struct wsframe *f, struct bytes head,
                          struct bytes body)
{
    uint8_t header[WSFRAME_HEADER_MAX];
    uint8_t *to;
    f->payload = head.len + body.len;
    f->masked = c->ws.role == WS_CLIENT;
    if (f->masked) {
        random_mask(f->mask);
    }
    const size_t size = wsframe_build(f, header);
    const enum err e = conn_write_space(c->conn, size + head.len + body.len, &to);
    if (e != OK) {
        return e;
    }
    memcpy(to, header, size);
    if (head.len != 0) {
        memcpy(to + size, head.at, head.len);
    }
    if (body.len != 0) {
        memcpy(to + size + head.len, body.at, body.len);
    }
    if (f->masked) {
        wsframe_mask(to + size, head.len + body.len, f->mask, 0);
    }
    return OK;
}

/* Codex refuses frames over 16 MiB: a longer message goes in several. */
static enum err put_fragments(struct ws_conn *c, enum wsframe_op op, struct bytes body)
{
    enum err e = OK;
    struct wsframe f = {.op = op};
    while (e == OK && body.len > WS_FRAME_MAX) {
        e = put_frame(c, &f, BYTES_NONE, bytes_sub(body, 0, WS_FRAME_MAX));
        f.op = WSFRAME_CONT;
        body = bytes_sub(body, WS_FRAME_MAX, body.len);
    }
    f.fin = true;
    return e == OK ? put_frame(c, &f, BYTES_NONE, body) : e;
}

static enum err send_message(struct ws_conn *c, enum wsframe_op op, struct bytes head,
                             struct bytes body)
{
    if (c->m.state != OPEN) {
        return ERR_CLOSED;
    }
    const size_t queued = conn_queued(c->conn);
    const size_t room = c->max_queue > queued ? c->max_queue - queued : 0;
    const size_t headers =
        WSFRAME_HEADER_MAX * (1 + (head.len + body.len) / WS_FRAME_MAX);
    if (headers > room || head.len > room - headers ||
        body.len > room - headers - head.len) {
        conn_want_drained(c->conn);
        return ERR_LIMIT;
    }
    if (head.len == 0 && body.len > WS_FRAME_MAX) {
        return put_fragments(c, op, body);
    }
    struct wsframe f = {.op = op, .fin = true};
    return put_frame(c, &f, head, body);
}

enum err ws_conn_send_text(struct ws_conn *c, struct bytes text)
{
    return send_message(c, WSFRAME_TEXT, BYTES_NONE, text);
}

enum err ws_conn_send_binary(struct ws_conn *c, struct bytes octets)
{
    return send_message(c, WSFRAME_BINARY, BYTES_NONE, octets);
}

enum err ws_conn_send_binary2(struct ws_conn *c, struct bytes head, struct bytes body)
{
    return send_message(c, WSFRAME_BINARY, head, body);
}

void ws_conn_want_drained(struct ws_conn *c)
{
    if (c->m.state == OPEN) {
        conn_want_drained(c->conn);
    }
}

size_t ws_conn_queued(const struct ws_conn *c)
{
    return conn_queued(c->conn);
}

/* A control frame that does not fit is left out: whoever fills our queue by not reading
 * (a flood of pings) has no claim to an answer. */
static void send_control(struct ws_conn *c, enum wsframe_op op, struct bytes payload)
{
    struct wsframe f = {.op = op, .fin = true};
    if (put_frame(c, &f, BYTES_NONE, payload) != OK) {
        log_trace("ws.control", "op=%d dropped=1", (int)op);
    }
}

static void send_close(struct ws_conn *c, uint16_t code, const char *reason)
{
    uint8_t payload[WSFRAME_CONTROL_MAX];
    struct buf frame;
    buf_init(&frame, sizeof(payload) + WSFRAME_HEADER_MAX);
    if (ws_put_close(&frame, NULL, code, reason) == OK) { // for its payload only
        send_control(c, WSFRAME_CLOSE,
                     bytes_sub(buf_bytes(&frame), 2, sizeof(payload)));
    }
    buf_fini(&frame);
}

/* ---- ending -------------------------------------------------------------------------- */

static void on_conn_closed(void *user)
{
    struct ws_conn *c = user;
    if (c->events != NULL) {
        c->events->closed(c, c->user, c->result, c->code);
    }
    ws_fini(&c->ws);
    buf_fini(&c->held);
    mem_free(c);
}

static void end_now(struct ws_conn *c)
{
    if (c->m.state == ENDED) {
        return;
    }
    machine_move(&c->m, ENDED);
    timer_stop(&c->timer);
    loop_task_cancel(&c->go_on);
    conn_close(c->conn, on_conn_closed, c);
}

static void on_timer(struct timer *t);
static void go_on(struct loop_task *t);

/* The close frame leaves behind all else; then the peer has CLOSE_MS to end. */
static void begin_closing(struct ws_conn *c, enum err result)
{
    machine_move(&c->m, CLOSING);
    c->result = result;
    timer_start(c->loop, &c->timer, CLOSE_MS, on_timer);
    conn_resume(c->conn);
    if (buf_len(&c->held) != 0) {
        loop_defer(c->loop, &c->go_on, go_on);
    }
}

static void fail(struct ws_conn *c, enum err e)
{
    if (c->m.state == CLOSING) {
        end_now(c);
        return;
    }
    log_peer("ws.refused", "reason=\"%s\" close=%u", err_text(e),
             ws_close_code(&c->ws, e));
    send_close(c, ws_close_code(&c->ws, e), NULL);
    begin_closing(c, e);
    c->deaf = true;
    conn_finish(c->conn);
}

void ws_conn_close(struct ws_conn *c, uint16_t code, const char *reason)
{
    if (c->m.state != OPEN) {
        return;
    }
    send_close(c, code, reason);
    begin_closing(c, ERR_CLOSED); // until the answer comes
    if (c->events == NULL) {
        c->deaf = true;
        conn_finish(c->conn);
    }
}

void ws_conn_abort(struct ws_conn *c)
{
    if (c->m.state != ENDED) {
        c->result = ERR_CANCELED;
        end_now(c);
    }
}

static void on_timer(struct timer *t)
{
    struct ws_conn *c = CONTAINER_OF(t, struct ws_conn, timer);
    const uint64_t idle = loop_now_ms(c->loop) - c->last_heard_ms;
    if (c->m.state == CLOSING) {
        end_now(c);
        return;
    }
    if (c->paused || idle < c->ping_ms) { // who is not read cannot be judged
        const uint64_t rest = c->paused ? c->ping_ms : c->ping_ms - idle;
        timer_start(c->loop, t, rest, on_timer);
        return;
    }
    if (c->pinged) {
        c->result = ERR_EXPIRED;
        end_now(c);
        return;
    }
    c->pinged = true;
    send_control(c, WSFRAME_PING, BYTES_NONE);
    timer_start(c->loop, t, c->ping_ms, on_timer);
}

void ws_conn_ping(struct ws_conn *c)
{
    if (c->m.state == OPEN) {
        send_control(c, WSFRAME_PING, BYTES_NONE);
    }
}

/* ---- receiving ------------------------------------------------------------------------- */

static void peer_closed(struct ws_conn *c, const struct ws_event *ev)
{
    c->code = ev->code;
    if (c->m.state == CLOSING) { // the answer to ours
        c->result = OK;
        end_now(c);
        return;
    }
    send_close(c, ev->code, NULL);
    begin_closing(c, OK);
    c->deaf = true;
    conn_finish(c->conn);
}

static void handle(struct ws_conn *c, const struct ws_event *ev)
{
    switch (ev->kind) {
    case WS_TEXT:
    case WS_BINARY:
        if (c->m.state == OPEN) {
            c->events->message(c, c->user, ev->kind == WS_TEXT, ev->payload);
        }
        return;
    case WS_PING:
        if (c->m.state == OPEN) {
            send_control(c, WSFRAME_PONG, ev->payload);
        }
        return;
    case WS_PONG:
        return; // every octet counts as a sign of life
    case WS_CLOSED:
        peer_closed(c, ev);
        return;
    }
}

static void hold(struct ws_conn *c, const uint8_t *at, size_t len)
{
    const enum err e = buf_put(&c->held, (struct bytes){at, len});
    if (e != OK) {
        fail(c, e);
    }
}

static bool is_waiting(const struct ws_conn *c)
{
    return c->events == NULL || (c->paused && c->m.state == OPEN);
}

static void input(struct ws_conn *c, uint8_t *at, size_t len)
{
    while (len != 0 && c->m.state != ENDED && !c->deaf) {
        struct ws_event ev;
        size_t used = 0;
        if (is_waiting(c)) {
            hold(c, at, len);
            return;
        }
        const enum err e = ws_next(&c->ws, at, len, &used, &ev);
        if (e == ERR_AGAIN) {
            return;
        }
        if (e != OK) {
            fail(c, e);
            return;
        }
        at += used;
        len -= used;
        handle(c, &ev);
    }
}

static void on_data(struct conn *conn, void *user, uint8_t *at, size_t len)
{
    struct ws_conn *c = user;
    (void)conn;
    c->last_heard_ms = loop_now_ms(c->loop);
    c->n_heard++;
    c->pinged = false;
    if (buf_len(&c->held) != 0 && !c->deaf) {
        hold(c, at, len); // behind what already waits
        return;
    }
    input(c, at, len);
}

static void on_end(struct conn *conn, void *user, enum err e)
{
    struct ws_conn *c = user;
    (void)conn;
    if (c->m.state == OPEN) {
        c->result = e;
    }
    if (c->events == NULL) {
        c->end_is_held = true;
        return;
    }
    end_now(c);
}

static void on_drained(struct conn *conn, void *user)
{
    struct ws_conn *c = user;
    (void)conn;
    if (c->m.state == OPEN && c->events != NULL && c->events->drained != NULL) {
        c->events->drained(c, c->user);
    }
}

static const struct conn_events conn_events = {
    .data = on_data,
    .end = on_end,
    .drained = on_drained,
};

/* ---- starting, pausing -------------------------------------------------------------------- */

static void go_on(struct loop_task *t)
{
    struct ws_conn *c = CONTAINER_OF(t, struct ws_conn, go_on);
    if (is_waiting(c)) {
        return;
    }
    struct buf held = c->held;
    buf_init(&c->held, held.max);
    input(c, held.at == NULL ? NULL : held.at + held.start, buf_len(&held));
    buf_fini(&held);
    if (c->end_is_held) {
        end_now(c);
    } else if (c->m.state == OPEN && !is_waiting(c)) {
        conn_resume(c->conn);
    }
}

void ws_conn_set_max_message(struct ws_conn *c, uint64_t max)
{
    ws_set_max_message(&c->ws, max);
}

void ws_conn_pause(struct ws_conn *c)
{
    c->paused = true;
    if (c->m.state == OPEN) {
        conn_pause(c->conn);
    }
}

void ws_conn_resume(struct ws_conn *c)
{
    c->paused = false;
    if (c->m.state == OPEN && c->events != NULL) {
        loop_defer(c->loop, &c->go_on, go_on);
    }
}

void ws_conn_start(struct ws_conn *c, const struct ws_conn_events *events, void *user)
{
    const bool first = c->events == NULL;
    c->events = events;
    c->user = user;
    if (first && c->m.state != ENDED) {
        loop_defer(c->loop, &c->go_on, go_on);
    }
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

struct ws_conn *ws_conn_create(struct conn *conn, enum ws_role role,
                               const struct ws_conn_options *options,
                               struct bytes first)
{
    const struct ws_conn_options none = {.max_message = 0};
    const struct ws_conn_options *o = options != NULL ? options : &none;
    struct ws_conn *c = mem_new(sizeof(*c));
    c->m = (struct machine){.what = "ws_conn", .table = ws_conn_states, .state = OPEN};
    c->conn = conn;
    c->loop = conn_loop(conn);
    c->max_queue = o->max_queue != 0 ? o->max_queue : DEFAULT_QUEUE;
    c->ping_ms = or_default(o->ping_ms, DEFAULT_PING);
    c->code = WS_CLOSE_ABNORMAL;
    c->last_heard_ms = loop_now_ms(c->loop);
    ws_init(&c->ws, role, o->max_message != 0 ? o->max_message : DEFAULT_MAX);
    buf_init(&c->held, HELD_MAX);
    conn_pause(conn);
    conn_start(conn, &conn_events, c);
    conn_set_max_queue(conn, c->max_queue + CONTROL_ROOM);
    if (c->ping_ms != UINT32_MAX) {
        timer_start(c->loop, &c->timer, c->ping_ms, on_timer);
    }
    hold(c, first.at, first.len);
    return c;
}

const struct stream_peer *ws_conn_peer(const struct ws_conn *c)
{
    return conn_peer(c->conn);
}

uint64_t ws_conn_last_heard_ms(const struct ws_conn *c)
{
    return c->last_heard_ms;
}

uint64_t ws_conn_n_heard(const struct ws_conn *c)
{
    return c->n_heard;
}
