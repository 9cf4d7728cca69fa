#include "test.h"

#include "wire/http1.h"
#include "wire/url.h"
#include "wire/ws_handshake.h"

/* ---- requests ------------------------------------------------------------------------ */

#define H "Host: h\r\n"

static const struct {
    const char *name;
    const char *text;
    enum err want;
} requests[] = {
    {"plain", "GET / HTTP/1.1\r\n" H "\r\n", OK},
    {"HTTP/1.0 needs no host", "GET / HTTP/1.0\r\n\r\n", OK},
    {"star", "OPTIONS * HTTP/1.1\r\n" H "\r\n", OK},
    {"empty value", "GET / HTTP/1.1\r\n" H "A:\r\n\r\n", OK},
    {"UTF-8 value", "GET / HTTP/1.1\r\n" H "A: \xc3\xa9\r\n\r\n", OK},
    {"nothing", "", ERR_AGAIN},
    {"no blank line", "GET / HTTP/1.1\r\n" H, ERR_AGAIN},
    {"no host", "GET / HTTP/1.1\r\n\r\n", ERR_PROTO},
    {"two hosts", "GET / HTTP/1.1\r\n" H H "\r\n", ERR_PROTO},
    {"host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", ERR_PROTO},
    {"host with user", "GET / HTTP/1.1\r\nHost: a@h\r\n\r\n", ERR_PROTO},
    {"bare LF", "GET / HTTP/1.1\n" H "\n", ERR_PROTO},
    {"bare CR", "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", ERR_PROTO},
    {"folded line", "GET / HTTP/1.1\r\n" H " more\r\n\r\n", ERR_PROTO},
    {"space before colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", ERR_PROTO},
    {"no colon", "GET / HTTP/1.1\r\n" H "abc\r\n\r\n", ERR_PROTO},
    {"NUL in a value", NULL, ERR_PROTO},
    {"two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", ERR_PROTO},
    {"no version", "GET /\r\n" H "\r\n", ERR_PROTO},
    {"version 2", "GET / HTTP/2.0\r\n" H "\r\n", ERR_PROTO},
    {"absolute form", "GET http://h/ HTTP/1.1\r\n" H "\r\n", ERR_PROTO},
    {"fragment", "GET /#a HTTP/1.1\r\n" H "\r\n", ERR_PROTO},
    {"target not ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", ERR_PROTO},
    {"length twice",
     "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
     ERR_PROTO},
    {"length and coding",
     "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     ERR_PROTO},
    {"unknown coding",
     "GET / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_PROTO},
    {"signed length", "GET / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", ERR_PROTO},
    {"length in a list", "GET / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n",
     ERR_PROTO},
};

static struct bytes request_text(size_t i)
{
    static const char with_nul[] = "GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n";
    return requests[i].text != NULL ? bytes_from_str(requests[i].text)
                                    : BYTES_LIT(with_nul);
}

TEST(http1_request_table)
{
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct http1_head h;
        CASE(requests[i].name);
        EQ_INT(http1_parse_request(request_text(i), &h), requests[i].want);
    }
}

TEST(http1_fields_of_a_request)
{
    static const char text[] = "POST /a/b?c=d&e HTTP/1.1\r\nhOST: ex.org:80\r\n"
                               "Content-Length:  12 \r\nX-A: one\r\nx-a: two, Three\r\n"
                               "Connection: keep-alive, Upgrade\r\n"
                               "Expect: 100-Continue\r\n\r\nbody";
    struct http1_head h;
    EQ_INT(http1_parse_request(BYTES_LIT(text), &h), OK);
    EQ_BYTES(h.method, BYTES_LIT("POST"));
    EQ_BYTES(h.path, BYTES_LIT("/a/b"));
    EQ_BYTES(h.query, BYTES_LIT("c=d&e"));
    EQ_BYTES(h.host, BYTES_LIT("ex.org:80"));
    EQ_U64(h.length, 12);
    TRUE(h.has_length && h.keep_alive && h.expects_continue && !h.chunked);
    EQ_U64(h.size, sizeof(text) - 1 - 4);
    EQ_BYTES(http1_get(&h, "X-A"), BYTES_LIT("one"));
    EQ_U64(http1_count(&h, "X-A"), 2);
    TRUE(http1_has_token(&h, "X-A", "three"));
    FALSE(http1_has_token(&h, "X-A", "tw"));
    TRUE(http1_get(&h, "None").at == NULL);
    TRUE(http1_host_is(h.host, "EX.org"));
    FALSE(http1_host_is(h.host, "ex.or"));
    FALSE(http1_host_is(BYTES_LIT("ex.org.evil"), "ex.org"));
    FALSE(http1_host_is(BYTES_LIT("ex.org:8a"), "ex.org"));
}

TEST(http1_every_prefix_waits_and_no_bit_flip_reads_past_the_end)
{
    static const char text[] =
        "GET /x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n";
    uint8_t copy[sizeof(text) - 1];
    struct http1_head h;
    for (size_t n = 0; n + 1 < sizeof(text); n++) {
        EQ_INT(http1_parse_request(bytes_sub(BYTES_LIT(text), 0, n), &h), ERR_AGAIN);
    }
    for (size_t bit = 0; bit < sizeof(copy) * 8; bit++) {
        memcpy(copy, text, sizeof(copy));
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (http1_parse_request(BYTES_OF(copy), &h) == OK) {
            TRUE(h.size <= sizeof(copy) && h.host.len <= 2);
        }
    }
}

TEST(http1_limits)
{
    static char text[HTTP1_HEAD_MAX + 100] = "GET / HTTP/1.1\r\nHost: h\r\n";
    struct http1_head h;
    size_t len = strlen(text);
    for (unsigned i = 0; i < HTTP1_HEADERS_MAX; i++) {
        memcpy(text + len, "a: b\r\n", 7);
        len += 6;
    }
    memcpy(text + len, "\r\n", 3);
    EQ_INT(http1_parse_request(bytes_from_str(text), &h), ERR_LIMIT);
    memset(text + 20, 'a', sizeof(text) - 21);
    EQ_INT(http1_parse_request((struct bytes){(uint8_t *)text, HTTP1_HEAD_MAX - 1}, &h),
           ERR_AGAIN);
    EQ_INT(http1_parse_request((struct bytes){(uint8_t *)text, HTTP1_HEAD_MAX}, &h),
           ERR_LIMIT);
}

TEST(http1_responses)
{
    struct http1_head h;
    EQ_INT(http1_parse_response(BYTES_LIT("HTTP/1.1 404 Not Here\r\nA: b\r\n\r\n"), &h),
           OK);
    EQ_INT(h.status, 404);
    EQ_BYTES(h.reason, BYTES_LIT("Not Here"));
    EQ_INT(http1_parse_response(BYTES_LIT("HTTP/1.1 200 \r\n\r\n"), &h), OK);
    EQ_INT(http1_parse_response(BYTES_LIT("HTTP/1.1 200\r\n\r\n"), &h), OK);
    EQ_INT(http1_parse_response(BYTES_LIT("HTTP/1.1 99 x\r\n\r\n"), &h), ERR_PROTO);
    EQ_INT(http1_parse_response(BYTES_LIT("HTTP/1.1 2000 x\r\n\r\n"), &h), ERR_PROTO);
    EQ_INT(http1_parse_response(BYTES_LIT("ICY 200 OK\r\n\r\n"), &h), ERR_PROTO);
}

TEST(http1_header_values_cannot_break_the_line)
{
    struct buf out;
    buf_init(&out, 100);
    EQ_INT(http1_put_header(&out, "A", BYTES_LIT("b\r\nC: d")), ERR_USAGE);
    EQ_INT(http1_put_header(&out, "A", BYTES_LIT("b c")), OK);
    EQ_BYTES(buf_bytes(&out), BYTES_LIT("A: b c\r\n"));
    buf_fini(&out);
}

/* ---- the opening handshake ------------------------------------------------------------- */

TEST(ws_handshake_request_round_trips)
{
    static const uint8_t random[16] = {1, 2, 3};
    char key[WS_HANDSHAKE_KEY_LEN + 1];
    struct buf out;
    struct http1_head h;
    struct bytes found;
    ws_handshake_key(random, key);
    buf_init(&out, 1000);
    EQ_INT(ws_handshake_put_request(&out, BYTES_LIT("h:1"), BYTES_LIT("/relay"), key,
                                    "Authorization: Bearer x\r\n"),
           OK);
    EQ_INT(http1_parse_request(buf_bytes(&out), &h), OK);
    TRUE(ws_handshake_is_upgrade(&h));
    EQ_INT(ws_handshake_check_request(&h, &found), OK);
    EQ_BYTES(found, bytes_from_str(key));
    EQ_BYTES(http1_get(&h, "Authorization"), BYTES_LIT("Bearer x"));
    buf_fini(&out);
}

#define UPGRADE "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13     "Sec-WebSocket-Version: 13\r\n"

TEST(ws_handshake_request_table)
{
    static const struct {
        const char *name;
        const char *text;
        enum err want;
    } cases[] = {
        {"good", "GET / HTTP/1.1\r\n" H UPGRADE KEY V13 "\r\n", OK},
        {"POST", "POST / HTTP/1.1\r\n" H UPGRADE KEY V13 "\r\n", ERR_PROTO},
        {"1.0", "GET / HTTP/1.0\r\n" H UPGRADE KEY V13 "\r\n", ERR_PROTO},
        {"no upgrade", "GET / HTTP/1.1\r\n" H KEY V13 "\r\n", ERR_PROTO},
        {"no key", "GET / HTTP/1.1\r\n" H UPGRADE V13 "\r\n", ERR_PROTO},
        {"two keys", "GET / HTTP/1.1\r\n" H UPGRADE KEY KEY V13 "\r\n", ERR_PROTO},
        {"key of 15 octets",
         "GET / HTTP/1.1\r\n" H UPGRADE V13
         "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n\r\n",
         ERR_PROTO},
        {"key with loose bits",
         "GET / HTTP/1.1\r\n" H UPGRADE V13
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n",
         ERR_PROTO},
        {"version 8",
         "GET / HTTP/1.1\r\n" H UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n",
         ERR_PROTO},
        {"with a body",
         "GET / HTTP/1.1\r\n" H UPGRADE KEY V13 "Content-Length: 1\r\n\r\n", ERR_PROTO},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http1_head h;
        struct bytes key;
        CASE(cases[i].name);
        EQ_INT(http1_parse_request(bytes_from_str(cases[i].text), &h), OK);
        EQ_INT(ws_handshake_check_request(&h, &key), cases[i].want);
    }
}

/* RFC 6455 section 1.3: the example. */
TEST(ws_handshake_response_is_the_one_of_the_rfc)
{
    uint8_t digest[20];
    char accept[WS_HANDSHAKE_ACCEPT_LEN + 1];
    struct buf out;
    struct http1_head h;
    (void)test_unhex("b37a4f2cc0624f1690f64606cf385945b2bec4ea", digest,
                     sizeof(digest));
    ws_handshake_accept(digest, accept);
    EQ_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    buf_init(&out, 1000);
    EQ_INT(ws_handshake_put_response(&out, accept, NULL), OK);
    EQ_INT(http1_parse_response(buf_bytes(&out), &h), OK);
    EQ_INT(ws_handshake_check_response(&h, accept), OK);
    EQ_INT(ws_handshake_check_response(&h, "s3pPLMBiTxaQ9kYGzzhZRbK+xOa="), ERR_PROTO);
    buf_clear(&out);
    EQ_INT(ws_handshake_put_response(&out, accept, "Sec-WebSocket-Extensions: x\r\n"),
           OK);
    EQ_INT(http1_parse_response(buf_bytes(&out), &h), OK);
    EQ_INT(ws_handshake_check_response(&h, accept), ERR_PROTO);
    buf_fini(&out);
}

/* ---- addresses ----------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum err want;
    enum url_scheme scheme;
    const char *host;
    uint16_t port;
    const char *target;
} urls[] = {
    {"ws://127.0.0.1:4317/relay", OK, URL_WS, "127.0.0.1", 4317, "/relay"},
    {"WSS://R.example", OK, URL_WSS, "R.example", 443, "/"},
    {"http://h/?a=b", OK, URL_HTTP, "h", 80, "/?a=b"},
    {"https://[fd00::1]:8443/x", OK, URL_HTTPS, "fd00::1", 8443, "/x"},
    {"unix:///run/a b.sock", OK, URL_UNIX, "", 0, "/run/a b.sock"},
    {"unix:/run/s", OK, URL_UNIX, "", 0, "/run/s"},
    {"unix://relative", ERR_PROTO, URL_UNIX, "", 0, ""},
    {"unix://", ERR_PROTO, URL_UNIX, "", 0, ""},
    {"ftp://h/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws:///x", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://user@h/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h/#f", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h?x", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h:0/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h:65536/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h:/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h:1x/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://[::1", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://[::1]x/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h/ x", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h\\x/", ERR_PROTO, URL_WS, "", 0, ""},
    {"ws://h/\x01", ERR_PROTO, URL_WS, "", 0, ""},
};

TEST(url_table)
{
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct url u = {.port = 0};
        CASE(urls[i].text);
        EQ_INT(url_parse(bytes_from_str(urls[i].text), &u), urls[i].want);
        if (urls[i].want == OK) {
            EQ_INT(u.scheme, urls[i].scheme);
            EQ_BYTES(u.host, bytes_from_str(urls[i].host));
            EQ_INT(u.port, urls[i].port);
            EQ_BYTES(u.target, bytes_from_str(urls[i].target));
        }
    }
}

TEST(url_loopback_is_this_machine_and_nothing_that_looks_like_it)
{
    TRUE(url_is_loopback(BYTES_LIT("LocalHost")));
    TRUE(url_is_loopback(BYTES_LIT("127.9.9.9")));
    TRUE(url_is_loopback(BYTES_LIT("::1")));
    FALSE(url_is_loopback(BYTES_LIT("127.0.0.1.evil.example")));
    FALSE(url_is_loopback(BYTES_LIT("localhost.evil.example")));
    FALSE(url_is_loopback(BYTES_LIT("10.0.0.1")));
}

RUN_TESTS(T(http1_request_table), T(http1_fields_of_a_request),
          T(http1_every_prefix_waits_and_no_bit_flip_reads_past_the_end),
          T(http1_limits), T(http1_responses),
          T(http1_header_values_cannot_break_the_line),
          T(ws_handshake_request_round_trips), T(ws_handshake_request_table),
          T(ws_handshake_response_is_the_one_of_the_rfc), T(url_table),
          T(url_loopback_is_this_machine_and_nothing_that_looks_like_it))
