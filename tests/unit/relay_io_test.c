#include "relay_rig.h"
#include "test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "loop/connect.h"
#include "loop/timer.h"
#include "net/dial.h"
#include "relay/keyfile.h"
#include "relay/relay.h"

/* The relay on real sockets of the loopback: what the core's tests cannot see. */

#define PATIENCE_MS 5000

static struct loop *loop;
static struct http_server *http;
static struct relay *relay;
static struct timer patience;
static char url[64];
static bool late;

static void on_request(struct http_exchange *x, void *user)
{
    (void)user;
    if (!relay_handle(relay, x)) {
        http_reply_text(x, 404, "no\n");
    }
}

static void on_late(struct timer *t)
{
    (void)t;
    late = true;
}

static void begin(void)
{
    static const char *const proxies[] = {"127.0.0.1"};
    const char *const urls[] = {url};
    const struct relay_options options = {
        .urls = urls,
        .n_urls = 1,
        .admission = ADMISSION_OPEN,
        .proxies = proxies,
        .n_proxies = COUNT(proxies),
    };
    const struct http_server_options server = {.request = on_request};
    uint16_t port = 0;
    crypto_init();
    log_set_level(LOG_ERROR);
    loop = loop_create();
    late = false;
    http = http_server_create(loop, &server);
    EQ_INT(http_server_listen_tcp(http, "127.0.0.1", 0, NULL, &port), OK);
    EQ_INT(text_format(url, sizeof(url), "ws://127.0.0.1:%u" RELAY_PATH, port), OK);
    EQ_INT(relay_create(loop, &options, NULL, &relay), OK);
    timer_start(loop, &patience, PATIENCE_MS, on_late);
}

static void count_down(void *user)
{
    int *open = user;
    (*open)--;
}

static void end(void)
{
    int open = 2;
    http_server_close(http, count_down, &open);
    relay_close(relay, count_down, &open);
    while (open != 0 && !late && loop_turn(loop)) {
    }
    FALSE(late);
    timer_stop(&patience);
    loop_destroy(loop);
}

#define WAIT_FOR(cond)                                  \
    do {                                                \
        while (!(cond) && !late && loop_turn(loop)) {   \
        }                                               \
        TEST_CHECK(!late, "waited in vain for " #cond); \
    } while (0)

/* ---- a client ---------------------------------------------------------------------- */

struct client {
    struct ws_conn *ws;
    struct buf in; // u32 length, frame, …
    bool closed;
    uint16_t code;
    unsigned http_status;
    bool answered;
    struct envelope f;
    uint8_t frame[ENVELOPE_MAX];
    uint8_t nonce[32];
};

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct client *k = user;
    (void)c;
    FALSE(text);
    EQ_INT(buf_put_lv(&k->in, payload), OK);
}

static void on_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct client *k = user;
    (void)c;
    (void)e;
    k->closed = true;
    k->code = code;
    k->ws = NULL;
}

static const struct ws_conn_events events = {on_message, on_closed, NULL};

static void on_dialled(void *user, enum err e, const struct dial_result *r)
{
    struct client *k = user;
    k->answered = true;
    k->http_status = r->http_status;
    if (e == OK) {
        k->ws = r->ws;
        ws_conn_start(k->ws, &events, k);
    }
}

static bool next(struct client *k)
{
    const struct bytes in = buf_bytes(&k->in);
    if (in.len < 4) {
        return false;
    }
    const size_t len = be32_read(in.at);
    memcpy(k->frame, in.at + 4, len);
    EQ_INT(envelope_parse((struct bytes){k->frame, len}, &k->f), OK);
    buf_consume(&k->in, 4 + len);
    return true;
}

/* Takes frames until one of this type; others are dropped. */
static bool next_of(struct client *k, enum envelope_type type)
{
    while (next(k)) {
        if (k->f.type == type) {
            return true;
        }
    }
    return false;
}

static void open_client(struct client *k)
{
    const struct dial_options options = {.url = url};
    memset(k, 0, sizeof(*k));
    buf_init(&k->in, 16 << 20);
    (void)!dial_ws(loop, &options, on_dialled, k);
    WAIT_FOR(next(k));
    EQ_INT(k->f.type, ENVELOPE_CHALLENGE);
    memcpy(k->nonce, k->f.body.at, sizeof(k->nonce));
}

static void close_client(struct client *k)
{
    if (k->ws != NULL) {
        ws_conn_close(k->ws, 1000, NULL);
    }
    WAIT_FOR(k->closed);
    buf_fini(&k->in);
}

static void put(struct client *k, enum envelope_type type, uint32_t chan,
                struct bytes body)
{
    uint8_t head[ENVELOPE_HEAD];
    envelope_head(head, type, chan);
    EQ_INT(ws_conn_send_binary2(k->ws, BYTES_OF(head), body), OK);
}

static void login(struct client *k, enum envelope_role role, const struct rig_key *key,
                  const uint8_t mailbox[16])
{
    struct envelope_auth a = {
        .variant = 1, .role = role, .ts_ms = clock_wall_ms(), .counter = 1};
    struct buf text = rig_buf();
    memcpy(a.pub, key->pub, sizeof(a.pub));
    memcpy(a.mailbox, mailbox, sizeof(a.mailbox));
    EQ_INT(envelope_put_auth_signed(&text, url, k->nonce, &a, NULL), OK);
    sign_make(key->key, buf_bytes(&text), a.sig);
    text = rig_buf();
    EQ_INT(envelope_put_auth(&text, &a), OK);
    EQ_INT(ws_conn_send_binary(k->ws, buf_bytes(&text)), OK);
    WAIT_FOR(next(k));
    EQ_INT(k->f.type, ENVELOPE_AUTH_OK);
}

/* The answer to an upgrade that comes through the proxy; 101: it is open. */
static unsigned knock(const char *headers)
{
    const struct dial_options options = {.url = url, .headers = headers};
    struct client k = {.answered = false};
    buf_init(&k.in, 16 << 20);
    (void)!dial_ws(loop, &options, on_dialled, &k);
    while (!k.answered && !late && loop_turn(loop)) {
    }
    FALSE(late);
    const unsigned status = k.ws != NULL ? 101 : k.http_status;
    if (k.ws != NULL) {
        close_client(&k);
    } else {
        buf_fini(&k.in);
    }
    return status;
}

static struct client host;
static struct client device;
static struct rig_key keys[2];

static void pair_up(void)
{
    uint8_t acl[3 + 32] = {ENVELOPE_REPLACE, 0, 1};
    rig_key_init(&keys[0], 1);
    rig_key_init(&keys[1], 2);
    memcpy(acl + 3, keys[1].hash, 32);
    open_client(&host);
    login(&host, ENVELOPE_HOST, &keys[0], keys[0].mailbox);
    put(&host, ENVELOPE_ACL, 0, BYTES_OF(acl));
    WAIT_FOR(next(&host));
    open_client(&device);
    login(&device, ENVELOPE_DEVICE, &keys[1], keys[0].mailbox);
    WAIT_FOR(next(&host));
    EQ_INT(host.f.type, ENVELOPE_OPEN);
}

static void part(void)
{
    close_client(&device);
    close_client(&host);
    rig_key_fini(&keys[0]);
    rig_key_fini(&keys[1]);
}

/* ---- tests ----------------------------------------------------------------------------- */

TEST(a_megabyte_crosses_in_order_under_its_window)
{
    static uint8_t block[16384];
    begin();
    pair_up();
    const uint32_t chan = host.f.chan;
    size_t allowed = ENVELOPE_WINDOW;
    size_t got = 0;
    for (uint32_t n = 0; n < 64; n++) {
        while (allowed < sizeof(block)) {
            WAIT_FOR(next(&host));
            EQ_INT(host.f.type, ENVELOPE_CREDIT);
            allowed += be32_read(host.f.body.at);
        }
        be32_write(block, n);
        put(&host, ENVELOPE_DATA, chan, BYTES_OF(block));
        allowed -= sizeof(block);
    }
    for (uint32_t n = 0; n < 64; n++) {
        WAIT_FOR(next(&device));
        EQ_INT(device.f.type, ENVELOPE_DATA);
        EQ_INT(be32_read(device.f.body.at), n);
        got += device.f.body.len;
    }
    EQ_U64(got, 64 * sizeof(block));
    part();
    end();
}

TEST(a_device_that_does_not_read_does_not_stop_its_host)
{
    static uint8_t block[65536];
    begin();
    pair_up();
    const uint32_t chan = host.f.chan;
    ws_conn_pause(device.ws);
    for (size_t sent = 0; sent < ENVELOPE_WINDOW; sent += sizeof(block)) {
        put(&host, ENVELOPE_DATA, chan, BYTES_OF(block));
    }
    put(&host, ENVELOPE_PING, 0, BYTES_LIT("12345678"));
    WAIT_FOR(next_of(&host, ENVELOPE_PING));
    ws_conn_resume(device.ws);
    for (size_t got = 0; got < ENVELOPE_WINDOW; got += device.f.body.len) {
        WAIT_FOR(next(&device));
    }
    part();
    end();
}

TEST(a_peer_that_vanishes_is_told_to_the_other)
{
    begin();
    pair_up();
    ws_conn_abort(device.ws);
    WAIT_FOR(next(&host));
    EQ_INT(host.f.type, ENVELOPE_CLOSE);
    part();
    EQ_U64(relay_stats(relay).channels, 0);
    end();
}

TEST(a_text_message_gets_err_1_and_close_1002)
{
    struct client k;
    begin();
    open_client(&k);
    EQ_INT(ws_conn_send_text(k.ws, BYTES_LIT("hello")), OK);
    WAIT_FOR(next(&k));
    EQ_INT(k.f.type, ENVELOPE_ERR);
    EQ_INT(be16_read(k.f.body.at), ENVELOPE_E_MALFORMED);
    WAIT_FOR(k.closed);
    EQ_INT(k.code, 1002);
    close_client(&k);
    end();
}

TEST(a_stranger_cannot_make_the_relay_hold_a_long_message)
{
    static const uint8_t block[RELAY_PREAUTH_FRAME_MAX + 1] = {1, ENVELOPE_AUTH};
    struct client k;
    begin();
    open_client(&k);
    EQ_INT(ws_conn_send_binary(k.ws, BYTES_OF(block)), OK);
    WAIT_FOR(k.closed);
    EQ_INT(k.code, 1009); // refused at its header
    close_client(&k);
    end();
}

TEST(a_closing_relay_says_goodbye_to_everyone)
{
    begin();
    pair_up();
    int open = 2;
    relay_close(relay, count_down, &open);
    WAIT_FOR(host.closed && device.closed && open == 1);
    EQ_INT(host.code, 1001);
    TRUE(next(&host));
    EQ_INT(host.f.type, ENVELOPE_CLOSE);
    EQ_INT(host.f.body.at[0], ENVELOPE_SHUTTING_DOWN);
    http_server_close(http, count_down, &open);
    WAIT_FOR(open == 0);
    part();
    timer_stop(&patience);
    loop_destroy(loop);
}

/* ---- ordinary requests --------------------------------------------------------------------- */

struct plain {
    struct stream *s;
    struct buf in;
    bool over;
};

static void on_plain_data(struct stream *s, void *user, uint8_t *at, size_t len)
{
    struct plain *p = user;
    (void)s;
    EQ_INT(buf_put(&p->in, (struct bytes){at, len}), OK);
}

static void on_plain_end(struct stream *s, void *user, enum err e)
{
    struct plain *p = user;
    (void)s;
    (void)e;
    p->over = true;
}

static const struct stream_events plain_events = {
    .data = on_plain_data,
    .end = on_plain_end,
};

static void set_over(void *user)
{
    struct plain *p = user;
    p->over = true;
}

static void request(struct plain *p, const char *path)
{
    char text[256];
    struct stream *theirs;
    buf_init(&p->in, 65536);
    p->over = false;
    EQ_INT(stream_pair(loop, &p->s, &theirs), OK);
    http_server_adopt(http, theirs);
    stream_start(p->s, &plain_events, p);
    EQ_INT(text_format(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path),
           OK);
    EQ_INT(stream_write(p->s, bytes_from_str(text)), OK);
    WAIT_FOR(p->over);
    p->over = false;
    stream_close(p->s, set_over, p);
    WAIT_FOR(p->over);
}

TEST(healthz_answers_and_the_relays_path_wants_an_upgrade)
{
    static const struct {
        const char *path;
        const char *status;
    } cases[] = {{"/healthz", "HTTP/1.1 200"},
                 {RELAY_PATH, "HTTP/1.1 426"},
                 {"/relay/x", "HTTP/1.1 404"}};
    begin();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plain p;
        CASE(cases[i].path);
        request(&p, cases[i].path);
        const size_t len = strlen(cases[i].status);
        EQ_BYTES(bytes_sub(buf_bytes(&p.in), 0, len), bytes_from_str(cases[i].status));
        buf_fini(&p.in);
    }
    end();
}

/* ---- the key file ------------------------------------------------------------------------------ */

static void remove_home(const char *home)
{
    char path[256];
    EQ_INT(text_format(path, sizeof(path), "%s/relay/ticket.keys", home), OK);
    (void)unlink(path);
    EQ_INT(text_format(path, sizeof(path), "%s/relay", home), OK);
    (void)rmdir(path);
    (void)rmdir(home);
}

TEST(ticket_keys_survive_a_restart_in_a_file_of_ours_alone)
{
    char home[] = "/tmp/farhand-relay-XXXXXX";
    char path[256];
    struct stat st;
    struct ticket_keys a = {.slot = {{.kid = 0}}};
    struct ticket_keys b = {.slot = {{.kid = 0}}};
    crypto_init();
    TRUE(mkdtemp(home) != NULL);
    EQ_INT(keyfile_refresh(home, &a, 1000, NULL), OK);
    EQ_INT(keyfile_refresh(home, &b, 2000, NULL), OK);
    TRUE(memcmp(&a, &b, sizeof(a)) == 0);
    EQ_INT(text_format(path, sizeof(path), "%s/relay/ticket.keys", home), OK);
    EQ_INT(stat(path, &st), 0);
    EQ_INT(st.st_mode & 0777, 0600);
    EQ_INT(keyfile_refresh(home, &b, 1000 + TICKET_ROTATE_MS, NULL), OK);
    TRUE(memcmp(&b.slot[1], &a.slot[0], sizeof(a.slot[0])) == 0);
    remove_home(home);
}

TEST(a_damaged_key_file_is_named_and_refused)
{
    char home[] = "/tmp/farhand-relay-XXXXXX";
    char path[256];
    struct diag diag = {.text = ""};
    struct ticket_keys keys_read = {.slot = {{.kid = 0}}};
    TRUE(mkdtemp(home) != NULL);
    EQ_INT(text_format(path, sizeof(path), "%s/relay", home), OK);
    EQ_INT(mkdir(path, 0700), 0);
    EQ_INT(text_format(path, sizeof(path), "%s/relay/ticket.keys", home), OK);
    EQ_INT(file_replace(path, BYTES_LIT("rubbish"), 0600), OK);
    EQ_INT(keyfile_refresh(home, &keys_read, 1000, &diag), ERR_PROTO);
    TRUE(strstr(diag.text, path) != NULL);
    remove_home(home);
}

TEST(limits_count_for_whom_a_trusted_proxy_speaks)
{
    begin();
    for (int i = 0; i < RELAY_ADDR_UPGRADES; i++) {
        EQ_INT(knock("X-Forwarded-For: 192.0.2.7\r\n"), 101);
    }
    EQ_INT(knock("X-Forwarded-For: 203.0.113.1, 192.0.2.7\r\n"), 429);
    EQ_INT(knock("X-Forwarded-For: 192.0.2.8\r\n"), 101);
    EQ_INT(knock("X-Forwarded-For: 192.0.2.8\r\nX-Forwarded-For: 192.0.2.9\r\n"), 400);
    EQ_INT(knock("X-Forwarded-For: somebody\r\n"), 400);
    EQ_INT(knock(NULL), 101); // the proxy itself
    end();
}

RUN_TESTS(T(limits_count_for_whom_a_trusted_proxy_speaks),
          T(a_megabyte_crosses_in_order_under_its_window),
          T(a_device_that_does_not_read_does_not_stop_its_host),
          T(a_peer_that_vanishes_is_told_to_the_other),
          T(a_text_message_gets_err_1_and_close_1002),
          T(a_stranger_cannot_make_the_relay_hold_a_long_message),
          T(a_closing_relay_says_goodbye_to_everyone),
          T(healthz_answers_and_the_relays_path_wants_an_upgrade),
          T(ticket_keys_survive_a_restart_in_a_file_of_ours_alone),
          T(a_damaged_key_file_is_named_and_refused))
