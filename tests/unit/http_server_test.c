#include "net_site.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "loop/timer.h"

/* ---- HTTP --------------------------------------------------------------------------- */

TEST(requests_are_answered_and_the_connection_kept)
{
    struct site s;
    struct raw r;
    site_open(&s);
    raw_open(&r, &s);
    raw_send(&r, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, raw_has(&r, "hello"));
    EQ_STR(raw_text(&r), "HTTP/1.1 200 OK\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Length: 5\r\n\r\nhello");
    buf_clear(&r.got);
    raw_send(&r, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                 "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"
                 "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    UNTIL(&s, r.ended);
    EQ_STR(raw_text(&r), "HTTP/1.1 200 OK\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Length: 5\r\n\r\n"
                         "HTTP/1.1 200 OK\r\n"
                         "Content-Type: x/y\r\n"
                         "Content-Length: 4\r\n\r\nabcd"
                         "HTTP/1.1 404 Not Found\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Connection: close\r\n"
                         "Content-Length: 12\r\n\r\nnothing here");
    raw_close(&r);
    site_close(&s);
}

TEST(a_request_in_single_octets_is_the_same_request)
{
    static const char request[] =
        "POST /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        "Content-Length: 3\r\n\r\nabc";
    struct site s;
    struct raw r;
    site_open(&s);
    raw_open(&r, &s);
    for (size_t i = 0; i + 1 < sizeof(request); i++) {
        EQ_INT(stream_write(r.s, bytes_sub(BYTES_LIT(request), i, 1)), OK);
        TRUE(loop_turn(s.loop));
    }
    UNTIL(&s, r.ended);
    TRUE(raw_has(&r, "\r\n\r\nabc"));
    EQ_INT(s.n_requests, 1);
    raw_close(&r);
    site_close(&s);
}

TEST(what_cannot_be_served_is_refused_and_never_reaches_the_handler)
{
    static char long_line[17000];
    memset(long_line, 'a', sizeof(long_line) - 1);
    static const struct {
        const char *name;
        const char *request;
        const char *answer;
    } cases[] = {
        {"garbage", "\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 "},
        {"bare line feed", "GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 "},
        {"no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 411 "},
        {"large body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
         "HTTP/1.1 413 "},
        {"head without end", long_line, "HTTP/1.1 431 "},
        {"upgrade without key",
         "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
         "Connection: upgrade, close\r\nSec-WebSocket-Version: 13\r\n\r\n",
         "HTTP/1.1 400 "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct site s;
        struct raw r;
        CASE(cases[i].name);
        site_open(&s);
        raw_open(&r, &s);
        raw_send(&r, cases[i].request);
        UNTIL(&s, r.ended);
        TRUE(strncmp(raw_text(&r), cases[i].answer, strlen(cases[i].answer)) == 0);
        EQ_INT(s.n_requests, i + 1 == COUNT(cases) ? 1 : 0);
        raw_close(&r);
        site_close(&s);
    }
}

TEST(a_reply_may_come_later_and_in_pieces)
{
    struct site s;
    struct raw r;
    site_open(&s);
    raw_open(&r, &s);
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, s.waiting != NULL);
    http_reply_begin(s.waiting, 200, "Content-Type: text/event-stream\r\n");
    EQ_INT(http_reply_write(s.waiting, BYTES_LIT("data: 1\n\n")), OK);
    UNTIL(&s, raw_has(&r, "data: 1"));
    EQ_INT(http_reply_write(s.waiting, BYTES_LIT("data: 2\n\n")), OK);
    http_reply_end(s.waiting);
    raw_send(&r, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    s.waiting = NULL;
    UNTIL(&s, s.waiting != NULL);
    http_reply_text(s.waiting, 200, "at last");
    UNTIL(&s, raw_has(&r, "at last"));
    TRUE(raw_has(&r, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n"
                     "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"));
    EQ_INT(s.n_gone, 0);
    raw_close(&r);
    site_close(&s);
}

TEST(the_handler_learns_that_the_peer_is_gone)
{
    struct site s;
    struct raw r;
    site_open(&s);
    raw_open(&r, &s);
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, s.waiting != NULL);
    http_reply_begin(s.waiting, 200, NULL);
    raw_close(&r);
    UNTIL(&s, s.n_gone == 1);
    raw_open(&r, &s);
    raw_send(&r, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, s.waiting != NULL);
    site_close(&s);
    EQ_INT(s.n_gone, 2);
    buf_fini(&r.got);
}

TEST(more_connections_than_allowed_are_dropped)
{
    struct site s;
    struct raw r[5];
    site_open(&s);
    for (size_t i = 0; i < COUNT(r); i++) {
        raw_open(&r[i], &s);
    }
    UNTIL(&s, r[4].ended);
    for (size_t i = 0; i < COUNT(r); i++) {
        EQ_INT(r[i].ended, i == 4);
        raw_close(&r[i]);
    }
    site_close(&s);
}

/* A stream of this process that says it comes from elsewhere. */
static void raw_open_from(struct raw *r, struct http_server *server, struct loop *loop,
                          const char *address)
{
    struct stream *theirs = NULL;
    *r = (struct raw){.ended = false};
    buf_init(&r->got, 1 << 20);
    EQ_INT(stream_pair(loop, &r->s, &theirs), OK);
    struct stream_peer *peer = (struct stream_peer *)(uintptr_t)stream_peer(theirs);
    peer->loopback = strcmp(address, "127.0.0.1") == 0;
    EQ_INT(text_format(peer->text, sizeof(peer->text), "%s", address), OK);
    stream_start(r->s, &raw_events, r);
    http_server_adopt(server, theirs);
}

TEST(one_address_does_not_take_every_connection)
{
    static const struct {
        const char *address;
        bool refused;
    } cases[] = {
        {"192.0.2.1", false},       {"192.0.2.1", false},       {"192.0.2.1", true},
        {"192.0.2.2", false},       {"::ffff:192.0.2.1", true}, {"2001:db8::1", false},
        {"2001:db8::ffff", false},  {"2001:db8::2:1", true}, // one /64 is one stranger
        {"2001:db8:0:1::1", false}, {"127.0.0.1", false},       {"127.0.0.1", false},
        {"127.0.0.1", false},       {"127.0.0.1", true},        {"192.0.2.3", false},
    };
    struct site s = {.loop = loop_create()};
    struct raw r[COUNT(cases)];
    const struct http_server_options o = {
        .request = on_request, .user = &s, .max_each = 2, .max_local = 3};
    s.server = http_server_create(s.loop, &o);
    for (size_t i = 0; i < COUNT(cases); i++) {
        raw_open_from(&r[i], s.server, s.loop, cases[i].address);
    }
    UNTIL(&s, r[COUNT(cases) - 2].ended);
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].address);
        EQ_INT(r[i].ended, cases[i].refused);
        raw_close(&r[i]);
    }
    site_close(&s);
}

static void on_later(struct timer *t)
{
    (void)t; // being no longer armed is all it says
}

/* Against slow-loris: each stage has its own time. The times not under test are long. */
TEST(whoever_is_slow_at_any_stage_is_dropped)
{
    enum { FAR = 60000, SOON = 15 };
    static const struct {
        const char *name;
        struct http_server_times ms;
        const char *sent;
        const char *answer; // begins with; empty: none
    } cases[] = {
        {"no head at all", {SOON, FAR, FAR, FAR}, "", ""},
        {"half a head", {SOON, FAR, FAR, FAR}, "GET / HT", "HTTP/1.1 408 "},
        {"half a body",
         {FAR, SOON, FAR, FAR},
         "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
         "HTTP/1.1 408 "},
        {"idle after a reply",
         {FAR, FAR, SOON, FAR},
         "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct site s;
        struct raw r;
        CASE(cases[i].name);
        site_open_with(&s, &cases[i].ms);
        raw_open(&r, &s);
        raw_send(&r, cases[i].sent);
        UNTIL(&s, r.ended);
        TRUE(strncmp(raw_text(&r), cases[i].answer, strlen(cases[i].answer)) == 0);
        EQ_INT(buf_len(&r.got) != 0, cases[i].answer[0] != '\0');
        raw_close(&r);
        site_close(&s);
    }
}

TEST(a_stream_that_nobody_reads_is_dropped_and_a_quiet_one_is_not)
{
    static const uint8_t block[1 << 20];
    const struct http_server_times quick = {.send = 15};
    struct site s;
    struct raw r;
    site_open_with(&s, &quick);
    raw_open(&r, &s);
    raw_send(&r, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, s.waiting != NULL);
    http_reply_begin(s.waiting, 200, NULL);
    EQ_INT(http_reply_write(s.waiting, BYTES_LIT("one")), OK);
    UNTIL(&s, raw_has(&r, "one"));
    struct timer later = {.loop = NULL};
    timer_start(s.loop, &later, 60, on_later);
    UNTIL(&s, !timer_is_armed(&later));
    EQ_INT(s.n_gone, 0);
    stream_pause(r.s);
    EQ_INT(http_reply_write(s.waiting, BYTES_OF(block)), OK);
    UNTIL(&s, s.n_gone == 1);
    raw_close(&r);
    site_close(&s);
}

RUN_TESTS(T(requests_are_answered_and_the_connection_kept),
          T(a_request_in_single_octets_is_the_same_request),
          T(what_cannot_be_served_is_refused_and_never_reaches_the_handler),
          T(a_reply_may_come_later_and_in_pieces),
          T(the_handler_learns_that_the_peer_is_gone),
          T(more_connections_than_allowed_are_dropped),
          T(one_address_does_not_take_every_connection),
          T(whoever_is_slow_at_any_stage_is_dropped),
          T(a_stream_that_nobody_reads_is_dropped_and_a_quiet_one_is_not))
