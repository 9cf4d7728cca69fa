#include "client/endpoint.h"

#include "door_rig.h"

#define TOKEN "a-token-of-this-test"

/* The local client of the endpoint: what codex would be. */
struct front {
    struct ws_conn *ws;
    bool done;
    enum err result;
    unsigned status;
    size_t n_texts;
    size_t n_octets;
    bool closed;
    uint16_t code;
    bool echo_seen;
};

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    struct front *f = user;
    (void)ws;
    TRUE(text);
    f->n_texts++;
    f->n_octets += payload.len;
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct front *f = user;
    (void)ws;
    (void)e;
    f->ws = NULL;
    f->closed = true;
    f->code = code;
}

static const struct ws_conn_events events = {.message = on_message,
                                             .closed = on_closed};

static void on_dialed(void *user, enum err e, const struct dial_result *r)
{
    struct front *f = user;
    f->done = true;
    f->result = e;
    f->status = r->http_status;
    if (e == OK) {
        f->ws = r->ws;
        ws_conn_start(f->ws, &events, f);
    }
}

static void dial(struct door_rig *r, struct front *f, const char *url,
                 const char *headers)
{
    const struct dial_options o = {
        .url = url,
        .headers = headers,
        .ws = {.max_message = 64u << 20, .max_queue = 80u << 20}};
    *f = (struct front){.done = false};
    (void)dial_ws(r->loop, &o, on_dialed, f);
    DOOR_UNTIL(r, f->done);
}

struct failure {
    enum link_cause cause;
};

static void on_failed(void *user, enum link_cause cause, const char *sentence)
{
    struct failure *f = user;
    TRUE(sentence[0] != '\0');
    f->cause = cause;
}

struct scene {
    struct door_rig r;
    struct endpoint *e;
    char url[PATH_MAX];
    char path[PATH_MAX];
    struct failure failure;
};

static void begin(struct scene *s, bool tcp, const char *cwd)
{
    struct diag d = {.text = ""};
    door_rig_init(&s->r);
    s->failure.cause = LINK_OK;
    EQ_INT(text_format(s->path, sizeof(s->path), "%s/app.sock", s->r.home), OK);
    const struct endpoint_options o = {
        .reach = door_reach(&s->r),
        .socket = tcp ? NULL : s->path,
        .token = TOKEN,
        .cwd = cwd,
        .failed = on_failed,
        .user = &s->failure,
    };
    EQ_INT(endpoint_open(s->r.loop, &o, &d, &s->e), OK);
    EQ_INT(tcp ? text_format(s->url, sizeof(s->url), "ws://127.0.0.1:%u/",
                             (unsigned)endpoint_port(s->e))
               : text_format(s->url, sizeof(s->url), "unix://%s", s->path),
           OK);
}

static void finish(struct scene *s, struct front *f)
{
    bool closed = false;
    if (f->ws != NULL) {
        ws_conn_close(f->ws, WS_CLOSE_NORMAL, NULL);
        DOOR_UNTIL(&s->r, f->closed);
    }
    endpoint_close(s->e, door_note, &closed);
    DOOR_UNTIL(&s->r, closed);
    door_rig_fini(&s->r);
}

static void echoes(struct door_rig *r, struct ws_conn *ws, struct bytes text)
{
    (void)r;
    EQ_INT(ws_conn_send_text(ws, text), OK);
}

TEST(endpoint_carries_texts_both_ways)
{
    struct scene s;
    struct front f;
    struct stat st;
    begin(&s, false, NULL);
    EQ_INT(stat(s.path, &st), 0);
    EQ_INT(st.st_mode & 0777, 0600);
    s.r.on_text = echoes;
    dial(&s.r, &f, s.url, NULL);
    EQ_INT(f.result, OK);
    EQ_INT(ws_conn_send_text(f.ws, BYTES_LIT("{\"id\":1}")), OK);
    DOOR_UNTIL(&s.r, f.n_texts == 1);
    EQ_BYTES(buf_bytes(&s.r.got), BYTES_LIT("{\"id\":1}\n"));
    finish(&s, &f);
}

TEST(endpoint_gives_each_client_a_connection_of_its_own)
{
    struct scene s;
    struct front a;
    struct front b;
    begin(&s, false, NULL);
    s.r.on_text = echoes;
    dial(&s.r, &a, s.url, NULL);
    dial(&s.r, &b, s.url, NULL);
    EQ_INT(s.r.n_conns, 2);
    EQ_INT(ws_conn_send_text(a.ws, BYTES_LIT("a")), OK);
    DOOR_UNTIL(&s.r, a.n_texts == 1);
    EQ_INT(b.n_texts, 0);
    ws_conn_close(a.ws, WS_CLOSE_NORMAL, NULL);
    DOOR_UNTIL(&s.r, a.closed && s.r.n_closed == 1);
    EQ_INT(ws_conn_send_text(b.ws, BYTES_LIT("b")), OK);
    DOOR_UNTIL(&s.r, b.n_texts == 1);
    finish(&s, &b);
}

TEST(endpoint_tells_its_client_that_the_host_restarts)
{
    struct scene s;
    struct front f;
    begin(&s, false, NULL);
    dial(&s.r, &f, s.url, NULL);
    ws_conn_close(s.r.ws, WS_CLOSE_RESTART, NULL);
    DOOR_UNTIL(&s.r, f.closed);
    EQ_INT(f.code, WS_CLOSE_RESTART);
    EQ_INT(s.failure.cause, LINK_OK);
    finish(&s, &f);
}

TEST(endpoint_says_restart_when_the_host_just_ends)
{
    struct scene s;
    struct front f;
    begin(&s, false, NULL);
    dial(&s.r, &f, s.url, NULL);
    ws_conn_abort(s.r.ws);
    DOOR_UNTIL(&s.r, f.closed);
    EQ_INT(f.code, WS_CLOSE_RESTART);
    finish(&s, &f);
}

TEST(endpoint_tells_of_a_revocation)
{
    struct scene s;
    struct front f;
    begin(&s, false, NULL);
    dial(&s.r, &f, s.url, NULL);
    ws_conn_close(s.r.ws, WS_CLOSE_POLICY, NULL);
    DOOR_UNTIL(&s.r, f.closed);
    EQ_INT(s.failure.cause, LINK_REVOKED);
    finish(&s, &f);
}

TEST(endpoint_refuses_with_the_cause_of_the_host)
{
    struct scene s;
    struct front f;
    begin(&s, false, NULL);
    s.r.refuse_with = reach_status(LINK_HOST_OFFLINE);
    dial(&s.r, &f, s.url, NULL);
    TRUE(f.result != OK);
    EQ_INT(f.status, reach_status(LINK_HOST_OFFLINE));
    EQ_INT(s.failure.cause, LINK_HOST_OFFLINE);
    finish(&s, &f);
}

TEST(endpoint_on_loopback_wants_its_token_and_no_browser)
{
    static const struct {
        const char *name;
        const char *headers;
        unsigned status; // 0: welcome
    } cases[] = {
        {"the token", "Authorization: Bearer " TOKEN "\r\n", 0},
        {"none", NULL, 401},
        {"another", "Authorization: Bearer nope\r\n", 401},
        {"a prefix of it", "Authorization: Bearer a-token\r\n", 401},
        {"another scheme", "Authorization: Basic " TOKEN "\r\n", 401},
        {"a browser",
         "Authorization: Bearer " TOKEN "\r\nOrigin: https://evil.example\r\n", 403},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        struct front f;
        CASE(cases[i].name);
        begin(&s, true, NULL);
        dial(&s.r, &f, s.url, cases[i].headers);
        EQ_INT(f.result == OK, cases[i].status == 0);
        if (cases[i].status != 0) {
            EQ_INT(f.status, cases[i].status);
            EQ_INT(s.r.n_conns, 0);
        }
        finish(&s, &f);
    }
}

static void do_nothing(struct loop_task *t)
{
    (void)t;
}

/* A client that does not read holds back its own host connection, not our memory. */
TEST(endpoint_stops_the_side_whose_reader_is_slow)
{
    static uint8_t text[1u << 20];
    struct scene s;
    struct front f;
    memset(text, 'x', sizeof(text));
    begin(&s, false, NULL);
    dial(&s.r, &f, s.url, NULL);
    ws_conn_pause(f.ws);
    size_t sent = 0;
    for (unsigned i = 0; i < 40; i++) {
        if (ws_conn_send_text(s.r.ws, BYTES_OF(text)) == OK) {
            sent += sizeof(text);
        }
        for (unsigned turn = 0; turn < 8; turn++) {
            struct loop_task nothing = {.fn = NULL};
            loop_defer(s.r.loop, &nothing, do_nothing); // a turn that does not wait
            (void)loop_turn(s.r.loop);
        }
    }
    TRUE(ws_conn_queued(s.r.ws) > 10u << 20); // it waits at the host's end
    ws_conn_resume(f.ws);
    DOOR_UNTIL(&s.r, f.n_octets == sent);
    finish(&s, &f);
}

static const struct {
    const char *name;
    const char *in;
    const char *out; // NULL: as it is
} cwds[] = {
    {"a start", "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/a\"}}",
     "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/on/host\"}}"},
    {"a start without", "{\"id\":1,\"method\":\"thread/start\",\"params\":{}}",
     "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/on/host\"}}"},
    {"no params", "{\"id\":\"a\",\"method\":\"thread/start\"}",
     "{\"id\":\"a\",\"method\":\"thread/start\",\"params\":{\"cwd\":\"/on/host\"}}"},
    {"a fork", "{\"id\":1,\"method\":\"thread/fork\",\"params\":{\"threadId\":\"t\"}}",
     "{\"id\":1,\"method\":\"thread/fork\",\"params\":{\"threadId\":\"t\",\"cwd\":"
     "\"/on/host\"}}"},
    {"a resume", "{\"id\":1,\"method\":\"thread/resume\",\"params\":{\"cwd\":\"/a\"}}",
     NULL},
    {"a response", "{\"id\":1,\"result\":{\"cwd\":\"/a\"}}", NULL},
    {"not JSON", "{\"method\":\"thread/start\"", NULL},
    {"params that are none", "{\"id\":1,\"method\":\"thread/start\",\"params\":[1]}",
     "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/on/host\"}}"},
};

TEST(endpoint_names_the_folder_of_new_threads)
{
    for (size_t i = 0; i < COUNT(cwds); i++) {
        struct buf out;
        CASE(cwds[i].name);
        buf_init(&out, 4096);
        const enum err e =
            endpoint_put_choice(bytes_from_str(cwds[i].in), "/on/host", NULL, &out);
        EQ_INT(e, cwds[i].out == NULL ? ERR_NOT_FOUND : OK);
        if (cwds[i].out != NULL) {
            EQ_BYTES(buf_bytes(&out), bytes_from_str(cwds[i].out));
        }
        buf_fini(&out);
    }
}

TEST(endpoint_changes_the_folder_on_the_way)
{
    struct scene s;
    struct front f;
    begin(&s, false, "/on/host");
    dial(&s.r, &f, s.url, NULL);
    EQ_INT(ws_conn_send_text(f.ws, BYTES_LIT("{\"id\":1,\"method\":\"thread/start\"}")),
           OK);
    DOOR_UNTIL(&s.r, s.r.n_texts == 1);
    EQ_BYTES(
        buf_bytes(&s.r.got),
        BYTES_LIT("{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/on/"
                  "host\"}}\n"));
    finish(&s, &f);
}

int main(void)
{
    crypto_init();
    const struct CMUnitTest tests[] = {
        T(endpoint_carries_texts_both_ways),
        T(endpoint_gives_each_client_a_connection_of_its_own),
        T(endpoint_tells_its_client_that_the_host_restarts),
        T(endpoint_says_restart_when_the_host_just_ends),
        T(endpoint_tells_of_a_revocation),
        T(endpoint_refuses_with_the_cause_of_the_host),
        T(endpoint_on_loopback_wants_its_token_and_no_browser),
        T(endpoint_stops_the_side_whose_reader_is_slow),
        T(endpoint_names_the_folder_of_new_threads),
        T(endpoint_changes_the_folder_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
