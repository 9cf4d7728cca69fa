#include "way.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "link/link_ctrl.h"
#include "loop/timer.h"
#include "net/dial.h"

#define TEXT_MAX    (16u * 1024 * 1024)
#define LOOK_MS     100
#define MESSAGE_MAX (64u * 1024 * 1024)
#define GREETING                                                                     \
    "{\"clientInfo\":{\"name\":\"farhand-bench\",\"title\":null,\"version\":\"0\"}," \
    "\"capabilities\":{\"experimentalApi\":true}}"

struct way {
    struct loop *loop;
    struct ws_conn *ws; // straight
    struct link_ctrl *link;
    struct link_ctrl_stream *stream;
    bool ready;
    bool closed;
    uint64_t last_id;
    bool answered;
    struct buf answer; // the whole text of the last answer
    struct jsonrpc scanned;
    way_notice_fn *notice;
    void *user;
};

void bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* Ends a turn in which nothing comes, so that patience can end too. */
struct look {
    struct timer timer;
    struct loop *loop;
};

static void on_look(struct timer *t)
{
    struct look *look = CONTAINER_OF(t, struct look, timer);
    timer_start(look->loop, t, LOOK_MS, on_look);
}

void way_wait(struct loop *loop, const bool *flag, const char *what)
{
    struct look look = {.loop = loop};
    const uint64_t late = clock_mono_us() + WAY_PATIENCE_US;
    timer_start(loop, &look.timer, LOOK_MS, on_look);
    while (!*flag && loop_turn(loop)) {
        if (clock_mono_us() > late) {
            bench_fail("waited in vain for %s", what);
        }
    }
    timer_stop(&look.timer);
    if (!*flag) {
        bench_fail("nothing is left to wait for: %s", what);
    }
}

/* ---- texts -------------------------------------------------------------------------- */

static bool is_ours(const struct way *w, struct bytes id)
{
    char want[24];
    const int n = snprintf(want, sizeof(want), "%llu", (unsigned long long)w->last_id);
    return id.len == (size_t)n && memcmp(id.at, want, id.len) == 0;
}

static void take(struct way *w, struct bytes text)
{
    struct jsonrpc m;
    if (jsonrpc_scan(text, &m) != OK) {
        bench_fail("not JSON-RPC: %.*s", (int)(text.len < 200 ? text.len : 200),
                   text.at);
    }
    const bool answers = m.kind == JSONRPC_RESPONSE || m.kind == JSONRPC_ERROR;
    if (answers && is_ours(w, m.id)) {
        buf_clear(&w->answer);
        if (buf_put(&w->answer, text) != OK ||
            jsonrpc_scan(buf_bytes(&w->answer), &w->scanned) != OK) {
            bench_fail("the answer is too long");
        }
        w->answered = true;
    } else if (!answers && w->notice != NULL) {
        w->notice(w->user, &m);
    }
}

static void send_text(struct way *w, struct bytes text)
{
    const enum err e = w->ws != NULL ? ws_conn_send_text(w->ws, text)
                                     : link_ctrl_stream_send(w->stream, text);
    if (e != OK) {
        bench_fail("cannot send: %s", err_text(e));
    }
}

void way_on_notice(struct way *w, way_notice_fn *fn, void *user)
{
    w->notice = fn;
    w->user = user;
}

struct bytes way_call(struct way *w, const char *method, const char *params)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    w->last_id++;
    w->answered = false;
    if (jsonrpc_put_request_u64(&text, w->last_id, method, bytes_from_str(params)) !=
        OK) {
        bench_fail("cannot build %s", method);
    }
    send_text(w, buf_bytes(&text));
    buf_fini(&text);
    way_wait(w->loop, &w->answered, method);
    if (w->scanned.kind == JSONRPC_ERROR) {
        bench_fail("%s: %.*s", method, (int)w->scanned.error.len, w->scanned.error.at);
    }
    return w->scanned.result;
}

void way_answer(struct way *w, struct bytes id, const char *result)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (jsonrpc_put_response(&text, id, bytes_from_str(result)) != OK) {
        bench_fail("cannot build an answer");
    }
    send_text(w, buf_bytes(&text));
    buf_fini(&text);
}

void way_greet(struct way *w)
{
    struct buf text;
    (void)way_call(w, "initialize", GREETING);
    buf_init(&text, 1024);
    if (jsonrpc_put_notification(&text, "initialized", BYTES_NONE) != OK) {
        bench_fail("cannot build initialized");
    }
    send_text(w, buf_bytes(&text));
    buf_fini(&text);
}

/* ---- straight ------------------------------------------------------------------------ */

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    (void)c;
    (void)text;
    take(user, payload);
}

static void on_ws_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct way *w = user;
    (void)c;
    (void)e;
    (void)code;
    w->closed = true;
}

static const struct ws_conn_events ws_events = {on_message, on_ws_closed, NULL};

static void on_dialled(void *user, enum err e, const struct dial_result *r)
{
    struct way *w = user;
    if (e != OK) {
        bench_fail("cannot connect: %s", r->text);
    }
    w->ws = r->ws;
    ws_conn_start(w->ws, &ws_events, w);
    w->ready = true;
}

static struct way *way_new(struct loop *loop)
{
    struct way *w = mem_new(sizeof(*w));
    w->loop = loop;
    buf_init(&w->answer, MESSAGE_MAX);
    return w;
}

struct way *way_open_straight(struct loop *loop, const char *url)
{
    struct way *w = way_new(loop);
    const struct dial_options options = {
        .url = url,
        .ws = {.max_message = MESSAGE_MAX, .ping_ms = UINT32_MAX},
    };
    (void)dial_ws(loop, &options, on_dialled, w);
    way_wait(loop, &w->ready, url);
    return w;
}

/* ---- ours -------------------------------------------------------------------------------- */

static void on_state(void *user, enum link_ctrl_state state, enum link_cause cause,
                     const char *sentence)
{
    struct way *w = user;
    w->ready = w->ready || state == LINK_CTRL_READY;
    if (state == LINK_CTRL_ENDED) {
        bench_fail("the session ended: %s (%s)", sentence, link_cause_name(cause));
    }
}

static void on_renewed(void *user, const struct link_joined *joined)
{
    (void)user;
    (void)joined;
}

static void on_stream_text(void *user, struct link_ctrl_stream *st, struct bytes text)
{
    (void)st;
    take(user, text);
}

static void on_stream_closed(void *user, struct link_ctrl_stream *st)
{
    struct way *w = user;
    (void)st;
    w->stream = NULL;
}

static void on_lane_drained(void *user)
{
    (void)user;
}

static const struct link_ctrl_ops link_ops = {
    .state = on_state,
    .renewed = on_renewed,
    .stream_text = on_stream_text,
    .stream_closed = on_stream_closed,
    .drained = on_lane_drained,
};

struct way *way_open_session(struct loop *loop, const struct link_joined *joined)
{
    struct way *w = way_new(loop);
    w->link = link_ctrl_create(loop, joined, NULL, &link_ops, w);
    link_ctrl_start(w->link);
    way_wait(loop, &w->ready, "the session");
    if (link_ctrl_stream_open(w->link, w, &w->stream) != OK) {
        bench_fail("cannot open a stream");
    }
    return w;
}

static void on_link_closed(void *user)
{
    struct way *w = user;
    w->closed = true;
}

void way_close(struct way *w)
{
    w->notice = NULL;
    if (w->ws != NULL) {
        ws_conn_close(w->ws, 1000, NULL);
    } else {
        link_ctrl_close(w->link, on_link_closed);
    }
    way_wait(w->loop, &w->closed, "the end of a connection");
    buf_fini(&w->answer);
    mem_free(w);
}
