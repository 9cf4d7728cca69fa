#include "test.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "crypto/certauth.h"
#include "crypto/random.h"
#include "net/dial.h"
#include "net/http_server.h"

#define UNTIL(loop, cond)          \
    do {                           \
        while (!(cond)) {          \
            TRUE(loop_turn(loop)); \
        }                          \
    } while (0)

/* ---- the authority ------------------------------------------------------------------ */

struct pair {
    struct buf cert;
    struct buf key;
};

static void pair_init(struct pair *p)
{
    buf_init(&p->cert, CERTAUTH_PEM_MAX);
    buf_init(&p->key, CERTAUTH_PEM_MAX);
}

static void pair_fini(struct pair *p)
{
    buf_fini(&p->cert);
    buf_wipe(&p->key);
}

static enum err issue_for(const struct pair *ca, const char *name, struct pair *out)
{
    const struct certauth_pem pem = {buf_bytes(&ca->cert), buf_bytes(&ca->key)};
    return certauth_issue(&pem, &name, 1, clock_wall_ms() / 1000, &out->cert,
                          &out->key);
}

TEST(the_authority_vouches_for_private_addresses_and_local_names_only)
{
    static const struct {
        const char *name;
        enum err want;
    } cases[] = {
        {"127.0.0.1", OK},
        {"192.168.1.20", OK},
        {"10.9.8.7", OK},
        {"100.101.102.103", OK},
        {"fd00::1", OK},
        {"::1", OK},
        {"localhost", OK},
        {"desk.local", OK},
        {"desk.tail1234.ts.net", OK},
        {"8.8.8.8", ERR_USAGE},
        {"2001:db8::1", ERR_USAGE},
        {"example.org", ERR_USAGE},
        {"notlocal", ERR_USAGE},
        {"desk.local,DNS:example.org", ERR_USAGE},
        {"", ERR_USAGE},
    };
    struct pair ca;
    pair_init(&ca);
    EQ_INT(certauth_make(clock_wall_ms() / 1000, &ca.cert, &ca.key), OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair leaf;
        CASE(cases[i].name);
        pair_init(&leaf);
        EQ_INT(issue_for(&ca, cases[i].name, &leaf), cases[i].want);
        EQ_INT(buf_len(&leaf.key) != 0, cases[i].want == OK);
        pair_fini(&leaf);
    }
    pair_fini(&ca);
}

TEST(a_certificate_says_when_it_expires)
{
    const uint64_t now = 1800000000;
    struct pair ca;
    uint64_t expiry = 0;
    pair_init(&ca);
    EQ_INT(certauth_make(now, &ca.cert, &ca.key), OK);
    EQ_INT(certauth_expiry(buf_bytes(&ca.cert), &expiry), OK);
    EQ_U64(expiry, now + (uint64_t)CERTAUTH_CA_DAYS * 86400);
    EQ_INT(certauth_expiry(BYTES_LIT("nonsense"), &expiry), ERR_PROTO);
    pair_fini(&ca);
}

TEST(keys_that_do_not_belong_together_issue_nothing)
{
    struct pair a;
    struct pair b;
    struct pair leaf;
    const char *name = "localhost";
    pair_init(&a);
    pair_init(&b);
    pair_init(&leaf);
    EQ_INT(certauth_make(1800000000, &a.cert, &a.key), OK);
    EQ_INT(certauth_make(1800000000, &b.cert, &b.key), OK);
    const struct certauth_pem mixed = {buf_bytes(&a.cert), buf_bytes(&b.key)};
    EQ_INT(certauth_issue(&mixed, &name, 1, 1800000000, &leaf.cert, &leaf.key),
           ERR_PROTO);
    pair_fini(&a);
    pair_fini(&b);
    pair_fini(&leaf);
}

/* ---- a TLS server that echoes ----------------------------------------------------------- */

struct site {
    char dir[32];
    char ca_path[64];
    char cert_path[64];
    char key_path[64];
    struct pair ca;
    struct loop *loop;
    struct tls_server *tls;
    struct http_server *server;
    uint16_t port;
    unsigned n_ws_closed;
};

static void on_echo(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    (void)user;
    (void)text;
    EQ_INT(ws_conn_send_binary(c, payload), OK);
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

static void on_request(struct http_exchange *x, void *user)
{
    const struct ws_conn_options o = {.max_message = 64u << 20, .max_queue = 64u << 20};
    TRUE(http_exchange_is_tls(x));
    if (!http_exchange_is_upgrade(x)) {
        http_reply(x, 200, NULL, http_exchange_head(x)->path);
        return;
    }
    struct ws_conn *ws = http_exchange_accept_ws(x, &o, NULL);
    TRUE(ws != NULL);
    ws_conn_start(ws, &echo_events, user);
}

static void write_leaf(struct site *s, const char *name)
{
    struct pair leaf;
    pair_init(&leaf);
    EQ_INT(issue_for(&s->ca, name, &leaf), OK);
    EQ_INT(file_replace(s->cert_path, buf_bytes(&leaf.cert), 0600), OK);
    EQ_INT(file_replace(s->key_path, buf_bytes(&leaf.key), 0600), OK);
    pair_fini(&leaf);
}

static void site_open(struct site *s, const char *name)
{
    *s = (struct site){.dir = "/tmp/farhand-test-XXXXXX"};
    TRUE(mkdtemp(s->dir) != NULL);
    EQ_INT(text_format(s->ca_path, sizeof(s->ca_path), "%s/ca", s->dir), OK);
    EQ_INT(text_format(s->cert_path, sizeof(s->cert_path), "%s/cert", s->dir), OK);
    EQ_INT(text_format(s->key_path, sizeof(s->key_path), "%s/key", s->dir), OK);
    pair_init(&s->ca);
    EQ_INT(certauth_make(clock_wall_ms() / 1000, &s->ca.cert, &s->ca.key), OK);
    EQ_INT(file_replace(s->ca_path, buf_bytes(&s->ca.cert), 0600), OK);
    write_leaf(s, name);
    s->loop = loop_create();
    EQ_INT(tls_server_create(s->cert_path, s->key_path, NULL, &s->tls), OK);
    const struct http_server_options o = {
        .request = on_request, .user = s, .tls = s->tls};
    s->server = http_server_create(s->loop, &o);
    EQ_INT(http_server_listen_tcp(s->server, "127.0.0.1", 0, NULL, &s->port), OK);
}

static void site_close(struct site *s)
{
    http_server_close(s->server, NULL, NULL);
    loop_run(s->loop);
    loop_destroy(s->loop);
    tls_server_destroy(s->tls);
    pair_fini(&s->ca);
    (void)unlink(s->ca_path);
    (void)unlink(s->cert_path);
    (void)unlink(s->key_path);
    EQ_INT(rmdir(s->dir), 0);
}

/* ---- a caller ------------------------------------------------------------------------------ */

struct caller {
    struct ws_conn *ws;
    enum err dialled;
    unsigned n_dialled;
    char text[256];
    struct buf got;
    unsigned n_messages;
    unsigned n_closed;
    enum err result;
};

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct caller *k = user;
    (void)c;
    (void)text;
    k->n_messages++;
    buf_clear(&k->got);
    EQ_INT(buf_put(&k->got, payload), OK);
}

static void on_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct caller *k = user;
    (void)c;
    (void)code;
    k->n_closed++;
    k->result = e;
}

static const struct ws_conn_events caller_events = {
    .message = on_message,
    .closed = on_closed,
};

static void on_dialled(void *user, enum err e, const struct dial_result *r)
{
    struct caller *k = user;
    k->n_dialled++;
    k->dialled = e;
    k->ws = r->ws;
    EQ_INT(text_format(k->text, sizeof(k->text), "%s", r->text), OK);
    if (r->ws != NULL) {
        ws_conn_start(r->ws, &caller_events, k);
    }
}

static void call(struct caller *k, struct site *s, const char *host, const char *ca)
{
    char url[64];
    struct tls_client *tls = NULL;
    *k = (struct caller){.ws = NULL};
    buf_init(&k->got, 64u << 20);
    EQ_INT(tls_client_create(ca, NULL, &tls), OK);
    EQ_INT(text_format(url, sizeof(url), "wss://%s:%u/", host, s->port), OK);
    const struct dial_options o = {
        .url = url,
        .tls = tls,
        .ws = {.max_message = 64u << 20, .max_queue = 64u << 20},
    };
    (void)dial_ws(s->loop, &o, on_dialled, k);
    UNTIL(s->loop, k->n_dialled == 1);
    tls_client_destroy(tls); // connections hold their own reference
}

static void hang_up(struct caller *k, struct site *s)
{
    if (k->ws != NULL) {
        ws_conn_close(k->ws, WS_CLOSE_NORMAL, NULL);
        UNTIL(s->loop, k->n_closed == 1 && s->n_ws_closed == 1);
        EQ_INT(k->result, OK);
    }
    buf_fini(&k->got);
}

TEST(messages_of_every_size_echo_through_tls)
{
    enum { SIZE = 5 << 20 };
    static uint8_t octets[SIZE];
    static const size_t sizes[] = {0, 1, 125, 126, 16384, 16385, 65536, SIZE};
    struct site s;
    struct caller k;
    random_bytes(octets, sizeof(octets));
    site_open(&s, "127.0.0.1");
    call(&k, &s, "127.0.0.1", s.ca_path);
    EQ_INT(k.dialled, OK);
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        const struct bytes message = {octets, sizes[i]};
        EQ_INT(ws_conn_send_binary(k.ws, message), OK);
        UNTIL(s.loop, k.n_messages == i + 1);
        EQ_BYTES(buf_bytes(&k.got), message);
    }
    hang_up(&k, &s);
    site_close(&s);
}

static void on_records_data(struct conn *c, void *user, uint8_t *at, size_t len)
{
    struct caller *k = user;
    (void)c;
    EQ_INT(buf_put(&k->got, (struct bytes){at, len}), OK);
}

static void on_records_end(struct conn *c, void *user, enum err e)
{
    struct caller *k = user;
    (void)c;
    (void)e;
    k->n_closed++;
}

static const struct conn_events records_events = {.data = on_records_data,
                                                  .end = on_records_end};

/* What a turn writes goes in records of 16 KiB, and both arrive in one turn: the first
 * ends a request whose answer goes out at once, so the second comes before what is left
 * of the first was looked at. */
TEST(records_that_come_in_one_turn_keep_their_order)
{
    enum { RECORD = 16384, LEFT = 6 }; // the first record ends in "GET /t"
    static const char first[] = "GET /one HTTP/1.1\r\nHost: a\r\nX: ";
    static const char next[] = "\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n";
    static char octets[RECORD + sizeof(next)];
    struct site s;
    struct caller k = {.ws = NULL};
    struct tls_client *tls = NULL;
    struct stream *ours = NULL;
    struct stream *theirs = NULL;
    const char *text = "";
    memset(octets, 'a', sizeof(octets));
    memcpy(octets, first, sizeof(first) - 1);
    memcpy(octets + RECORD - LEFT - 4, next, sizeof(next));
    site_open(&s, "localhost");
    buf_init(&k.got, 1 << 20);
    EQ_INT(tls_client_create(s.ca_path, NULL, &tls), OK);
    EQ_INT(stream_pair(s.loop, &ours, &theirs), OK);
    http_server_adopt(s.server, theirs);
    struct conn *c = tls_connect(tls, ours, "localhost");
    conn_start(c, &records_events, &k);
    EQ_INT(conn_write(c, bytes_from_str(octets), BYTES_NONE), OK);
    UNTIL(s.loop, buf_cstr(&k.got, &text) == OK &&
                      (strstr(text, "/two") != NULL || k.n_closed > 0));
    TRUE(strstr(text, "/one") != NULL && strstr(text, "/two") != NULL);
    TRUE(strstr(text, "/one") < strstr(text, "/two"));
    TRUE(strstr(text, " 400 ") == NULL);
    conn_close(c, NULL, NULL);
    tls_client_destroy(tls);
    buf_fini(&k.got);
    site_close(&s);
}

TEST(a_paused_tls_connection_loses_nothing)
{
    enum { N = 200 };
    static uint8_t octets[3000];
    struct site s;
    struct caller k;
    site_open(&s, "localhost");
    call(&k, &s, "localhost", s.ca_path);
    EQ_INT(k.dialled, OK);
    ws_conn_pause(k.ws);
    for (unsigned i = 0; i < N; i++) {
        EQ_INT(ws_conn_send_binary(k.ws, (struct bytes){octets, i * 15}), OK);
    }
    for (int i = 0; i < 20; i++) {
        TRUE(ws_conn_queued(k.ws) == 0 || loop_turn(s.loop));
    }
    EQ_INT(k.n_messages, 0);
    ws_conn_resume(k.ws);
    UNTIL(s.loop, k.n_messages == N);
    EQ_U64(buf_len(&k.got), (N - 1) * 15);
    hang_up(&k, &s);
    site_close(&s);
}

TEST(a_certificate_for_another_name_or_of_another_authority_is_refused)
{
    struct site s;
    struct caller k;
    site_open(&s, "127.0.0.1");
    call(&k, &s, "localhost", s.ca_path);
    EQ_INT(k.dialled, ERR_AUTH);
    TRUE(strstr(k.text, "TLS: ") == k.text);
    TRUE(strstr(k.text, "ostname mismatch") != NULL);
    hang_up(&k, &s);
    call(&k, &s, "127.0.0.1", NULL);
    EQ_INT(k.dialled, ERR_AUTH);
    TRUE(strstr(k.text, "self-signed") != NULL ||
         strstr(k.text, "local issuer") != NULL);
    hang_up(&k, &s);
    site_close(&s);
}

TEST(a_reload_serves_the_new_certificate_and_keeps_the_old_when_it_is_bad)
{
    struct site s;
    struct caller k;
    struct diag diag = {""};
    site_open(&s, "127.0.0.1");
    EQ_INT(file_replace(s.key_path, BYTES_LIT("nonsense"), 0600), OK);
    EQ_INT(tls_server_reload(s.tls, &diag), ERR_IO);
    TRUE(strstr(diag.text, s.key_path) != NULL);
    call(&k, &s, "127.0.0.1", s.ca_path);
    EQ_INT(k.dialled, OK);
    write_leaf(&s, "localhost");
    EQ_INT(tls_server_reload(s.tls, NULL), OK);
    hang_up(&k, &s);
    call(&k, &s, "localhost", s.ca_path);
    EQ_INT(k.dialled, OK);
    s.n_ws_closed = 0;
    hang_up(&k, &s);
    site_close(&s);
}

TEST(dialling_tls_where_there_is_none_says_so)
{
    struct site s;
    struct caller k;
    struct tls_client *tls = NULL;
    struct diag diag = {""};
    site_open(&s, "127.0.0.1");
    struct http_server *plain = http_server_create(
        s.loop, &(struct http_server_options){.request = on_request});
    const uint16_t before = s.port;
    EQ_INT(http_server_listen_tcp(plain, "127.0.0.1", 0, NULL, &s.port), OK);
    call(&k, &s, "127.0.0.1", s.ca_path);
    EQ_INT(k.dialled, ERR_PROTO);
    TRUE(strstr(k.text, "TLS: ") == k.text);
    hang_up(&k, &s);
    s.port = before;
    EQ_INT(tls_client_create("/nonexistent", &diag, &tls), ERR_IO);
    TRUE(strstr(diag.text, "/nonexistent") != NULL);
    http_server_close(plain, NULL, NULL);
    site_close(&s);
}

RUN_TESTS(T(the_authority_vouches_for_private_addresses_and_local_names_only),
          T(a_certificate_says_when_it_expires),
          T(keys_that_do_not_belong_together_issue_nothing),
          T(messages_of_every_size_echo_through_tls),
          T(records_that_come_in_one_turn_keep_their_order),
          T(a_paused_tls_connection_loses_nothing),
          T(a_certificate_for_another_name_or_of_another_authority_is_refused),
          T(a_reload_serves_the_new_certificate_and_keeps_the_old_when_it_is_bad),
          T(dialling_tls_where_there_is_none_says_so))
