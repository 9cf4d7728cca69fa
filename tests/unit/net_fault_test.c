/*
 * The scenarios of net/ rerun with every allocation failing in turn: whatever happens, both
 * sides learn of it, nothing leaks, nothing hangs.
 */
#include "net_site.h"

#include "base/mem.h"
#include "loop/timer.h"
#include "net/dial.h"

enum { PATIENCE_MS = 8000, SIZE = 200000 };

struct call {
    struct site site;
    struct timer patience;
    struct ws_conn *ws;
    bool dialled;
    bool answered;
    bool over;
};

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct call *k = user;
    (void)text;
    k->answered = payload.len == SIZE;
    ws_conn_close(c, WS_CLOSE_NORMAL, NULL);
}

static void on_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct call *k = user;
    (void)c;
    (void)e;
    (void)code;
    k->over = true;
}

static const struct ws_conn_events call_events = {
    .message = on_message,
    .closed = on_closed,
};

static void on_dialled(void *user, enum err e, const struct dial_result *r)
{
    static const uint8_t octets[SIZE];
    struct call *k = user;
    k->dialled = true;
    k->over = e != OK;
    k->ws = r->ws;
    if (e == OK) {
        ws_conn_start(r->ws, &call_events, k);
        if (ws_conn_send_binary(r->ws, BYTES_OF(octets)) != OK) {
            ws_conn_abort(r->ws);
        }
    }
}

static void on_impatient(struct timer *t)
{
    (void)t;
    fail_msg("nothing happens any more");
}

/* The echo of the site must not fail the test when memory ends: it closes. */
static void on_echo(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    (void)user;
    (void)text;
    if (ws_conn_send_binary(c, payload) != OK) {
        ws_conn_close(c, WS_CLOSE_INTERNAL, NULL);
    }
}

static void on_echo_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct site *s = user;
    (void)c;
    (void)e;
    (void)code;
    s->n_ws_closed++;
}

static const struct ws_conn_events echo_events = {
    .message = on_echo,
    .closed = on_echo_closed,
};

static void on_echo_request(struct http_exchange *x, void *user)
{
    struct ws_conn *ws = http_exchange_accept_ws(x, NULL, NULL);
    if (ws != NULL) {
        ws_conn_start(ws, &echo_events, user);
    }
}

/* One call with the n-th allocation failing; how many there were. */
static unsigned call_with(unsigned n, bool *answered)
{
    struct call k = {.ws = NULL};
    char url[64];
    const struct http_server_options o = {.request = on_echo_request, .user = &k.site};
    k.site.loop = loop_create();
    k.site.server = http_server_create(k.site.loop, &o);
    EQ_INT(http_server_listen_tcp(k.site.server, "127.0.0.1", 0, NULL, &k.site.port),
           OK);
    EQ_INT(text_format(url, sizeof(url), "ws://127.0.0.1:%u/", k.site.port), OK);
    const struct dial_options dial = {.url = url, .timeout_ms = PATIENCE_MS / 2};
    timer_start(k.site.loop, &k.patience, PATIENCE_MS, on_impatient);
    mem_fail_at(n);
    (void)dial_ws(k.site.loop, &dial, on_dialled, &k);
    UNTIL(&k.site, k.over);
    const unsigned tries = mem_tries();
    mem_fail_at(0);
    timer_stop(&k.patience);
    *answered = k.answered;
    site_close(&k.site);
    return tries;
}

TEST(a_call_survives_every_failing_allocation)
{
    bool answered = false;
    const unsigned n = call_with(0, &answered);
    TRUE(answered);
    TRUE(n > 5);
    for (unsigned i = 1; i <= n; i++) {
        (void)call_with(i, &answered);
    }
}

static unsigned exchange_with(unsigned n, bool *answered)
{
    struct site s;
    struct raw r;
    struct timer patience = {.loop = NULL};
    site_open(&s);
    raw_open(&r, &s);
    timer_start(s.loop, &patience, PATIENCE_MS, on_impatient);
    EQ_INT(stream_write(r.s, BYTES_LIT("POST /body HTTP/1.1\r\nHost: a\r\n"
                                       "Connection: close\r\nContent-Length: 300\r\n"
                                       "\r\n")),
           OK);
    UNTIL(&s, stream_queued(r.s) == 0);
    uint8_t body[300];
    memset(body, 'b', sizeof(body));
    EQ_INT(stream_write(r.s, BYTES_OF(body)), OK);
    uint8_t *room;
    EQ_INT(buf_reserve(&r.got, 4096, &room), OK); // the test's own memory comes first
    mem_fail_at(n);
    UNTIL(&s, r.ended);
    const unsigned tries = mem_tries();
    mem_fail_at(0);
    timer_stop(&patience);
    *answered = raw_has(&r, "HTTP/1.1 200 OK");
    raw_close(&r);
    site_close(&s);
    return tries;
}

TEST(an_exchange_survives_every_failing_allocation)
{
    bool answered = false;
    const unsigned n = exchange_with(0, &answered);
    TRUE(answered);
    for (unsigned i = 1; i <= n; i++) {
        (void)exchange_with(i, &answered);
    }
}

RUN_TESTS(T(a_call_survives_every_failing_allocation),
          T(an_exchange_survives_every_failing_allocation))
