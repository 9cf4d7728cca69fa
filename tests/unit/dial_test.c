#include "net_site.h"

#include <unistd.h>

#include "base/mem.h"
#include "net/dial.h"

struct caller {
    struct site *site;
    struct ws_conn *ws;
    enum err dialled;
    unsigned http_status;
    unsigned n_dialled;
    struct buf got; // of the last message
    unsigned n_messages;
    unsigned n_drained;
    bool last_was_text;
    bool pause_after; // pauses on each message
    unsigned n_closed;
    enum err result;
    uint16_t code;
};

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct caller *k = user;
    buf_clear(&k->got);
    EQ_INT(buf_put(&k->got, payload), OK);
    k->n_messages++;
    k->last_was_text = text;
    if (k->pause_after) {
        ws_conn_pause(c);
    }
}

static void on_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct caller *k = user;
    (void)c;
    k->n_closed++;
    k->result = e;
    k->code = code;
    k->ws = NULL;
}

static void on_drained(struct ws_conn *c, void *user)
{
    struct caller *k = user;
    (void)c;
    k->n_drained++;
}

static const struct ws_conn_events caller_events = {
    .message = on_message,
    .closed = on_closed,
    .drained = on_drained,
};

static void on_dialled(void *user, enum err e, const struct dial_result *r)
{
    struct caller *k = user;
    k->n_dialled++;
    k->dialled = e;
    k->http_status = r->http_status;
    TRUE(r->text != NULL && r->text[0] != '\0');
    k->ws = r->ws;
    if (r->ws != NULL) {
        ws_conn_start(r->ws, &caller_events, k);
    }
}

static void dial_with(struct caller *k, struct site *s, const char *url,
                      const struct ws_conn_options *ws)
{
    *k = (struct caller){.site = s};
    buf_init(&k->got, 64u << 20);
    struct dial_options o = {.url = url, .headers = "X-Who: me\r\n"};
    if (ws != NULL) {
        o.ws = *ws;
    }
    (void)dial_ws(s->loop, &o, on_dialled, k);
    EQ_INT(k->n_dialled, 0);
    UNTIL(s, k->n_dialled == 1);
}

static void dial_echo(struct caller *k, struct site *s,
                      const struct ws_conn_options *ws)
{
    char url[64];
    EQ_INT(text_format(url, sizeof(url), "ws://127.0.0.1:%u/echo?x=1", s->port), OK);
    dial_with(k, s, url, ws);
    EQ_INT(k->dialled, OK);
    EQ_INT(k->http_status, 101);
}

static void end_call(struct caller *k, struct site *s)
{
    if (k->ws != NULL) {
        ws_conn_close(k->ws, WS_CLOSE_NORMAL, NULL);
    }
    UNTIL(s, k->n_closed == 1);
    buf_fini(&k->got);
}

TEST(messages_echo_and_both_sides_close_orderly)
{
    struct site s;
    struct caller k;
    site_open(&s);
    dial_echo(&k, &s, NULL);
    EQ_INT(ws_conn_send_text(k.ws, BYTES_LIT("gr\xc3\xbc\xc3\x9f")), OK);
    UNTIL(&s, k.n_messages == 1);
    TRUE(k.last_was_text);
    EQ_BYTES(buf_bytes(&k.got), BYTES_LIT("gr\xc3\xbc\xc3\x9f"));
    EQ_INT(ws_conn_send_binary2(k.ws, BYTES_LIT("head"), BYTES_LIT("body")), OK);
    UNTIL(&s, k.n_messages == 2);
    FALSE(k.last_was_text);
    EQ_BYTES(buf_bytes(&k.got), BYTES_LIT("headbody"));
    TRUE(ws_conn_peer(k.ws)->loopback);
    ws_conn_close(k.ws, 4000, "done");
    EQ_INT(ws_conn_send_text(k.ws, BYTES_LIT("late")), ERR_CLOSED);
    UNTIL(&s, k.n_closed == 1 && s.n_ws_closed == 1);
    EQ_INT(k.result, OK);
    EQ_INT(k.code, 4000);
    EQ_INT(s.ws_result, OK);
    EQ_INT(s.ws_code, 4000);
    buf_fini(&k.got);
    site_close(&s);
}

TEST(the_server_may_close_from_inside_a_message)
{
    struct site s;
    struct caller k;
    site_open(&s);
    dial_echo(&k, &s, NULL);
    EQ_INT(ws_conn_send_text(k.ws, BYTES_LIT("close me")), OK);
    EQ_INT(ws_conn_send_text(k.ws, BYTES_LIT("not seen")), OK);
    UNTIL(&s, k.n_closed == 1 && s.n_ws_closed == 1);
    EQ_INT(k.n_messages, 0);
    EQ_INT(k.result, OK);
    EQ_INT(k.code, 4001);
    buf_fini(&k.got);
    site_close(&s);
}

TEST(a_forty_mebibyte_message_goes_in_fragments_and_comes_back)
{
    enum { SIZE = 40 << 20 };
    const struct ws_conn_options large = {.max_message = WS_CONN_MESSAGE_MAX,
                                          .max_queue = 64u << 20};
    struct site s;
    struct caller k;
    uint8_t *big = mem_new(SIZE);
    site_open(&s);
    s.ws_options = large;
    dial_echo(&k, &s, &large);
    for (size_t i = 0; i < SIZE; i += 4096) {
        be32_write(big + i, (uint32_t)i);
    }
    EQ_INT(ws_conn_send_binary(k.ws, (struct bytes){big, SIZE}), OK);
    UNTIL(&s, k.n_messages == 1);
    EQ_BYTES(buf_bytes(&k.got), ((struct bytes){big, SIZE}));
    end_call(&k, &s);
    mem_free(big);
    site_close(&s);
}

TEST(a_message_over_the_maximum_ends_the_connection)
{
    static const uint8_t octets[2000];
    struct site s;
    struct caller k;
    site_open(&s);
    s.ws_options.max_message = 1999;
    dial_echo(&k, &s, NULL);
    EQ_INT(ws_conn_send_binary(k.ws, BYTES_OF(octets)), OK);
    UNTIL(&s, k.n_closed == 1 && s.n_ws_closed == 1);
    EQ_INT(k.code, WS_CLOSE_TOO_BIG);
    EQ_INT(s.ws_result, ERR_LIMIT);
    buf_fini(&k.got);
    site_close(&s);
}

TEST(a_full_queue_refuses_and_says_when_it_is_empty)
{
    static const uint8_t block[300000];
    const struct ws_conn_options small = {.max_queue = 1 << 20};
    struct site s;
    struct caller k;
    unsigned sent = 0;
    site_open(&s);
    s.echo = false;
    dial_echo(&k, &s, &small);
    UNTIL(&s, s.ws != NULL);
    ws_conn_pause(s.ws);
    enum err e = OK;
    while (e == OK) {
        for (int i = 0; i < 3 && e == OK; i++) {
            e = ws_conn_send_binary(k.ws, BYTES_OF(block));
            sent += e == OK ? 1 : 0;
        }
        TRUE(loop_turn(s.loop));
    }
    EQ_INT(e, ERR_LIMIT);
    TRUE(sent >= 3);
    k.n_drained = 0;
    ws_conn_resume(s.ws);
    UNTIL(&s, k.n_drained == 1);
    EQ_INT(ws_conn_send_binary(k.ws, BYTES_OF(block)), OK);
    end_call(&k, &s);
    site_close(&s);
}

TEST(pausing_holds_messages_back_one_by_one)
{
    struct site s;
    struct caller k;
    site_open(&s);
    dial_echo(&k, &s, NULL);
    k.pause_after = true;
    for (int i = 0; i < 5; i++) {
        char text[2] = {(char)('0' + i), '\0'};
        EQ_INT(ws_conn_send_text(k.ws, bytes_from_str(text)), OK);
    }
    for (unsigned i = 1; i <= 5; i++) {
        UNTIL(&s, k.n_messages == i);
        EQ_INT(buf_bytes(&k.got).at[0], '0' + i - 1);
        EQ_INT(ws_conn_send_text(k.ws, BYTES_LIT("x")), OK);
        ws_conn_resume(k.ws);
    }
    k.pause_after = false;
    UNTIL(&s, k.n_messages == 10);
    end_call(&k, &s);
    site_close(&s);
}

TEST(an_abort_is_told_to_both_sides)
{
    struct site s;
    struct caller k;
    site_open(&s);
    dial_echo(&k, &s, NULL);
    UNTIL(&s, s.ws != NULL);
    ws_conn_abort(k.ws);
    ws_conn_abort(k.ws);
    EQ_INT(k.n_closed, 0);
    UNTIL(&s, k.n_closed == 1 && s.n_ws_closed == 1);
    EQ_INT(k.result, ERR_CANCELED);
    EQ_INT(s.ws_code, WS_CLOSE_ABNORMAL);
    TRUE(s.ws_result == ERR_CLOSED || s.ws_result == ERR_IO);
    buf_fini(&k.got);
    site_close(&s);
}

TEST(silence_is_pinged_and_then_ends_the_connection)
{
    const struct ws_conn_options quick = {.ping_ms = 5};
    struct site s;
    struct caller k;
    struct raw r;
    site_open(&s);
    dial_echo(&k, &s, &quick);
    const uint64_t heard = ws_conn_last_heard_ms(k.ws);
    UNTIL(&s, ws_conn_last_heard_ms(k.ws) > heard); // a pong
    EQ_INT(k.n_closed, 0);
    end_call(&k, &s);
    UNTIL(&s, s.n_ws_closed == 1);
    s.ws_options = quick;
    raw_open(&r, &s);
    raw_send(&r, "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    UNTIL(&s, r.ended && s.n_ws_closed == 2);
    TRUE(raw_has(&r, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    TRUE(raw_has(&r, "X-Extra: yes\r\n"));
    TRUE(memmem(r.got.at, buf_len(&r.got), "\r\n\r\n\x89\0", 6) != NULL);
    EQ_INT(s.ws_result, ERR_EXPIRED);
    raw_close(&r);
    site_close(&s);
}

TEST(frames_that_follow_the_upgrade_at_once_are_not_lost)
{
    struct site s;
    struct raw r;
    site_open(&s);
    raw_open(&r, &s);
    EQ_INT(stream_write2(
               r.s,
               BYTES_LIT("GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
               BYTES_LIT("\x81\x82\0\0\0\0hi\x89\x81\1\1\1\1\x60\x81\x01\0\0\0\0x")),
           OK);
    UNTIL(&s, r.ended);
    /* hi comes back, the ping is answered, the unmasked frame ends it with 1002 */
    static const char want[] = "\x81\x02hi\x8a\x01\x61\x88\x02\x03\xea";
    TRUE(memmem(r.got.at, buf_len(&r.got), want, sizeof(want) - 1) != NULL);
    UNTIL(&s, s.n_ws_closed == 1);
    EQ_INT(s.ws_result, ERR_PROTO);
    raw_close(&r);
    site_close(&s);
}

TEST(dialling_what_does_not_answer_says_why)
{
    struct site s;
    char ok[64];
    site_open(&s);
    EQ_INT(text_format(ok, sizeof(ok), "ws://127.0.0.1:%u", s.port), OK);
    static const struct {
        const char *name;
        const char *url; // NULL: the server
        const char *path;
        enum err want;
        unsigned status;
    } cases[] = {
        {"refused by the handler", NULL, "/secret", ERR_AUTH, 403},
        {"not there", NULL, "/elsewhere", ERR_PROTO, 404},
        {"not an address", "nonsense", "", ERR_USAGE, 0},
        {"TLS without a context", "wss://127.0.0.1/", "", ERR_USAGE, 0},
        {"no socket file", "unix:///nonexistent", "", ERR_NOT_FOUND, 0},
        {"no such name", "ws://no-such-name.invalid/", "", ERR_NOT_FOUND, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct caller k;
        char url[128];
        CASE(cases[i].name);
        EQ_INT(text_format(url, sizeof(url), "%s%s",
                           cases[i].url != NULL ? cases[i].url : ok, cases[i].path),
               OK);
        dial_with(&k, &s, url, NULL);
        EQ_INT(k.dialled, cases[i].want);
        EQ_INT(k.http_status, cases[i].status);
        TRUE(k.ws == NULL);
        buf_fini(&k.got);
    }
    site_close(&s);
}

static void on_accept_silent(void *user, struct stream *s)
{
    *(struct stream **)user = s;
}

TEST(dialling_can_be_cancelled_at_every_stage_and_has_a_deadline)
{
    struct loop *l = loop_create();
    struct listener *listener = NULL;
    struct stream *theirs = NULL;
    const struct listener_handler to = {on_accept_silent, &theirs};
    struct caller early = {.n_dialled = 0};
    struct caller late = {.n_dialled = 0};
    struct caller slow = {.n_dialled = 0};
    char url[64];
    EQ_INT(listener_tcp(l, "127.0.0.1", 0, &to, NULL, &listener), OK);
    EQ_INT(text_format(url, sizeof(url), "ws://127.0.0.1:%u/", listener_port(listener)),
           OK);
    const struct dial_options o = {.url = url};
    const struct dial_options quick = {.url = url, .timeout_ms = 20};
    dial_cancel(dial_ws(l, &o, on_dialled, &early));
    struct dial *d = dial_ws(l, &o, on_dialled, &late);
    while (theirs == NULL) {
        TRUE(loop_turn(l));
    }
    EQ_INT(early.dialled, ERR_CANCELED);
    EQ_INT(late.n_dialled, 0);
    dial_cancel(d);
    stream_close(theirs, NULL, NULL);
    theirs = NULL;
    (void)dial_ws(l, &quick, on_dialled, &slow);
    while (slow.n_dialled == 0) {
        TRUE(loop_turn(l));
    }
    EQ_INT(late.dialled, ERR_CANCELED);
    EQ_INT(slow.dialled, ERR_EXPIRED);
    if (theirs != NULL) {
        stream_close(theirs, NULL, NULL);
    }
    listener_close(listener, NULL, NULL);
    loop_run(l);
    loop_destroy(l);
}

TEST(websocket_over_a_unix_socket_asks_for_rpc_at_localhost)
{
    char dir[] = "/tmp/farhand-test-XXXXXX";
    char path[64];
    char url[80];
    struct site s;
    struct caller k;
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(text_format(path, sizeof(path), "%s/s", dir), OK);
    EQ_INT(text_format(url, sizeof(url), "unix://%s", path), OK);
    site_open(&s);
    EQ_INT(http_server_listen_unix(s.server, path, NULL), OK);
    dial_with(&k, &s, url, NULL);
    EQ_INT(k.dialled, ERR_PROTO); // /rpc is not there, /echo is
    EQ_INT(k.http_status, 404);
    buf_fini(&k.got);
    site_close(&s);
    EQ_INT(rmdir(dir), 0);
}

RUN_TESTS(T(messages_echo_and_both_sides_close_orderly),
          T(the_server_may_close_from_inside_a_message),
          T(a_forty_mebibyte_message_goes_in_fragments_and_comes_back),
          T(a_message_over_the_maximum_ends_the_connection),
          T(a_full_queue_refuses_and_says_when_it_is_empty),
          T(pausing_holds_messages_back_one_by_one), T(an_abort_is_told_to_both_sides),
          T(silence_is_pinged_and_then_ends_the_connection),
          T(frames_that_follow_the_upgrade_at_once_are_not_lost),
          T(dialling_what_does_not_answer_says_why),
          T(dialling_can_be_cancelled_at_every_stage_and_has_a_deadline),
          T(websocket_over_a_unix_socket_asks_for_rpc_at_localhost))
