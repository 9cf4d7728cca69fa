/*
 * net_site: a small server for the tests of net/, and a client that writes raw octets.
 * /echo upgrades; the rest are plain replies.
 */
#ifndef TESTS_UNIT_NET_SITE_H
#define TESTS_UNIT_NET_SITE_H

#include "test.h"

#include "base/buf.h"
#include "net/http_server.h"

struct site {
    struct loop *loop;
    struct http_server *server;
    uint16_t port;
    struct ws_conn *ws; // the last one accepted
    struct ws_conn_options ws_options;
    struct http_exchange *waiting; // of /later and /stream
    unsigned n_requests;
    unsigned n_gone;
    unsigned n_ws_closed;
    unsigned n_server_closed;
    enum err ws_result;
    uint16_t ws_code;
    bool echo;
    struct http_server_times ms;
};

static void on_site_message(struct ws_conn *c, void *user, bool text,
                            struct bytes payload)
{
    const struct site *s = user;
    if (bytes_equal_str(payload, "close me")) {
        ws_conn_close(c, 4001, "as you wish");
    } else if (s->echo) {
        EQ_INT(text ? ws_conn_send_text(c, payload) : ws_conn_send_binary(c, payload),
               OK);
    }
}

static void on_site_ws_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct site *s = user;
    (void)c;
    s->n_ws_closed++;
    s->ws_result = e;
    s->ws_code = code;
    s->ws = NULL;
}

static const struct ws_conn_events site_ws_events = {
    .message = on_site_message,
    .closed = on_site_ws_closed,
};

static void on_gone(struct http_exchange *x, void *user)
{
    struct site *s = user;
    (void)x;
    s->n_gone++;
    s->waiting = NULL;
}

static void on_request(struct http_exchange *x, void *user)
{
    struct site *s = user;
    s->n_requests++;
    if (http_exchange_is_upgrade(x) && http_exchange_is(x, "GET", "/echo")) {
        s->ws = http_exchange_accept_ws(x, &s->ws_options, "X-Extra: yes\r\n");
        if (s->ws != NULL) {
            ws_conn_start(s->ws, &site_ws_events, s);
        }
    } else if (http_exchange_is(x, "GET", "/secret")) {
        http_reply_text(x, 403, "no");
    } else if (http_exchange_is(x, "POST", "/body")) {
        http_reply(x, 200, "Content-Type: x/y\r\n", http_exchange_body(x));
    } else if (http_exchange_is(x, "GET", "/later") ||
               http_exchange_is(x, "GET", "/stream")) {
        s->waiting = x;
        http_exchange_on_gone(x, on_gone, s);
    } else if (http_exchange_is(x, "GET", "/hello") ||
               http_exchange_is(x, "HEAD", "/hello")) {
        http_reply_text(x, 200, "hello");
    } else {
        http_reply_text(x, 404, "nothing here");
    }
}

static void on_site_closed(void *user)
{
    struct site *s = user;
    s->n_server_closed++;
}

__attribute__((unused)) static void site_open_with(struct site *s,
                                                   const struct http_server_times *ms)
{
    *s = (struct site){.loop = loop_create(), .echo = true};
    const struct http_server_options o = {
        .request = on_request, .user = s, .max_body = 1000, .max_conns = 4, .ms = *ms};
    s->server = http_server_create(s->loop, &o);
    EQ_INT(http_server_listen_tcp(s->server, "127.0.0.1", 0, NULL, &s->port), OK);
}

__attribute__((unused)) static void site_open(struct site *s)
{
    const struct http_server_times none = {.head = 0};
    site_open_with(s, &none);
}

__attribute__((unused)) static void site_close(struct site *s)
{
    http_server_close(s->server, on_site_closed, s);
    loop_run(s->loop);
    EQ_INT(s->n_server_closed, 1);
    loop_destroy(s->loop);
}

/* ---- a client in raw octets ------------------------------------------------------- */

struct raw {
    struct stream *s;
    struct buf got;
    bool ended;
};

__attribute__((unused)) static void on_raw_data(struct stream *s, void *user,
                                                uint8_t *at, size_t len)
{
    struct raw *r = user;
    (void)s;
    EQ_INT(buf_put(&r->got, (struct bytes){at, len}), OK);
}

__attribute__((unused)) static void on_raw_end(struct stream *s, void *user, enum err e)
{
    struct raw *r = user;
    (void)e;
    r->ended = true;
    stream_close(s, NULL, NULL);
    r->s = NULL;
}

__attribute__((unused)) static const struct stream_events raw_events = {
    .data = on_raw_data, .end = on_raw_end};

__attribute__((unused)) static void raw_open(struct raw *r, struct site *s)
{
    struct stream *theirs = NULL;
    *r = (struct raw){.ended = false};
    buf_init(&r->got, 1 << 20);
    EQ_INT(stream_pair(s->loop, &r->s, &theirs), OK);
    stream_start(r->s, &raw_events, r);
    http_server_adopt(s->server, theirs);
}

__attribute__((unused)) static const char *raw_text(struct raw *r)
{
    const char *text = "";
    EQ_INT(buf_cstr(&r->got, &text), OK);
    return text;
}

__attribute__((unused)) static bool raw_has(struct raw *r, const char *what)
{
    return strstr(raw_text(r), what) != NULL;
}

__attribute__((unused)) static void raw_send(struct raw *r, const char *text)
{
    EQ_INT(stream_write(r->s, bytes_from_str(text)), OK);
}

__attribute__((unused)) static void raw_close(struct raw *r)
{
    if (r->s != NULL) {
        stream_close(r->s, NULL, NULL);
        r->s = NULL;
    }
    buf_fini(&r->got);
}

#define UNTIL(site, cond)                  \
    do {                                   \
        while (!(cond)) {                  \
            TRUE(loop_turn((site)->loop)); \
        }                                  \
    } while (0)

#endif
