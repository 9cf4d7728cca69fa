#include "client/client_call.h"

#include "door_rig.h"
#include "wire/jsonrpc.h"

struct outcome {
    bool ended;
    enum link_cause cause;
    size_t n_answers;
    size_t n_notices;
    char result[128];
    char error[128];
    struct client_call *call;
    bool close_on_notice;
};

static void on_answer(void *user, struct bytes result, struct bytes error)
{
    struct outcome *o = user;
    o->n_answers++;
    text_sanitize(result, o->result, sizeof(o->result));
    text_sanitize(error, o->error, sizeof(o->error));
}

static void on_notice(void *user, struct bytes text)
{
    struct outcome *o = user;
    (void)text;
    o->n_notices++;
    if (o->close_on_notice) {
        client_call_close(o->call);
    }
}

static void on_ended(void *user, enum link_cause cause, const char *sentence)
{
    struct outcome *o = user;
    EQ_INT(o->ended, false);
    TRUE(sentence != NULL);
    o->ended = true;
    o->cause = cause;
}

static const struct client_call_ops ops = {
    .answer = on_answer,
    .notice = on_notice,
    .ended = on_ended,
};

/* ---- scripts --------------------------------------------------------------------- */

static void send(struct ws_conn *ws, const char *text)
{
    EQ_INT(ws_conn_send_text(ws, bytes_from_str(text)), OK);
}

static bool is_greeting(struct bytes text)
{
    struct jsonrpc m;
    EQ_INT(jsonrpc_scan(text, &m), OK);
    return bytes_equal_str(m.method, "initialize");
}

static bool is_request(struct bytes text)
{
    struct jsonrpc m;
    EQ_INT(jsonrpc_scan(text, &m), OK);
    return bytes_equal_str(m.method, "thread/list");
}

static void greets(struct door_rig *r, struct ws_conn *ws, struct bytes text)
{
    (void)r;
    if (is_greeting(text)) {
        send(ws, "{\"id\":\"fh:hello\",\"result\":{}}");
        send(ws, "{\"method\":\"remoteControl/status/changed\",\"params\":{}}");
    }
}

static void answers(struct door_rig *r, struct ws_conn *ws, struct bytes text)
{
    greets(r, ws, text);
    if (is_request(text)) {
        send(ws, "{\"id\":\"other\",\"result\":1}");
        send(ws, "{\"id\":\"fh:1\",\"result\":{\"data\":[]}}");
        send(ws, "{\"method\":\"later\"}");
    }
}

static void fails(struct door_rig *r, struct ws_conn *ws, struct bytes text)
{
    greets(r, ws, text);
    if (is_request(text)) {
        send(ws, "{\"id\":\"fh:1\",\"error\":{\"code\":-32601,\"message\":\"no\"}}");
    }
}

static void refuses_greeting(struct door_rig *r, struct ws_conn *ws, struct bytes text)
{
    (void)r;
    (void)text;
    send(ws, "{\"id\":\"fh:hello\",\"error\":{\"code\":-32600,\"message\":\"no\"}}");
}

static void babbles(struct door_rig *r, struct ws_conn *ws, struct bytes text)
{
    (void)r;
    (void)text;
    send(ws, "hello");
}

static void hangs_up(struct door_rig *r, struct ws_conn *ws, struct bytes text)
{
    (void)r;
    (void)text;
    ws_conn_close(ws, WS_CLOSE_RESTART, NULL);
}

static void begin(struct door_rig *r, struct outcome *o, bool follow,
                  uint64_t timeout_ms)
{
    const struct client_call_options options = {
        .reach = door_reach(r),
        .method = "thread/list",
        .params = BYTES_LIT("{\"limit\":2}"),
        .follow = follow,
        .timeout_ms = timeout_ms,
    };
    o->call = client_call_open(r->loop, &options, &ops, o);
}

static const struct {
    const char *name;
    door_text_fn *script;
    uint64_t timeout_ms;
    enum link_cause cause;
    const char *result;
    const char *error;
} cases[] = {
    {"an answer", answers, 0, LINK_OK, "{\"data\":[]}", ""},
    {"an error", fails, 0, LINK_OK, "", "{\"code\":-32601,\"message\":\"no\"}"},
    {"no initialize", refuses_greeting, 0, LINK_OK, "",
     "{\"code\":-32600,\"message\":\"no\"}"},
    {"not JSON", babbles, 0, LINK_BROKEN, "", ""},
    {"a hang-up", hangs_up, 0, LINK_LOST, "", ""},
    {"silence", greets, 50, LINK_TIMEOUT, "", ""},
};

TEST(client_call_table)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct door_rig r;
        struct outcome o = {.ended = false};
        CASE(cases[i].name);
        door_rig_init(&r);
        r.on_text = cases[i].script;
        begin(&r, &o, false, cases[i].timeout_ms);
        DOOR_UNTIL(&r, o.ended);
        EQ_INT(o.cause, cases[i].cause);
        EQ_STR(o.result, cases[i].result);
        EQ_STR(o.error, cases[i].error);
        door_rig_fini(&r);
    }
}

TEST(client_call_says_initialized_before_it_asks)
{
    struct door_rig r;
    struct outcome o = {.ended = false};
    door_rig_init(&r);
    r.on_text = answers;
    begin(&r, &o, false, 0);
    DOOR_UNTIL(&r, o.ended);
    const char *got;
    EQ_INT(buf_cstr(&r.got, &got), OK);
    const char *hello = strstr(got, "\"initialize\"");
    const char *ready = strstr(got, "\"initialized\"");
    const char *asked = strstr(got, "{\"limit\":2}");
    TRUE(hello != NULL && ready != NULL && asked != NULL);
    TRUE(hello < ready && ready < asked);
    door_rig_fini(&r);
}

TEST(client_call_follows_until_it_is_closed)
{
    struct door_rig r;
    struct outcome o = {.close_on_notice = false};
    door_rig_init(&r);
    r.on_text = answers;
    begin(&r, &o, true, 0);
    DOOR_UNTIL(&r, o.n_notices == 2 && o.n_answers == 1);
    FALSE(o.ended);
    o.close_on_notice = true;
    send(r.ws, "{\"method\":\"last\"}");
    DOOR_UNTIL(&r, o.ended);
    EQ_INT(o.cause, LINK_OK);
    EQ_INT(o.n_notices, 3);
    door_rig_fini(&r);
}

TEST(client_call_without_a_host_says_so)
{
    struct door_rig r;
    struct outcome o = {.ended = false};
    door_rig_init(&r);
    door_shut(&r);
    begin(&r, &o, false, 0);
    DOOR_UNTIL(&r, o.ended);
    EQ_INT(o.cause, LINK_HOST_OFFLINE);
    door_rig_fini(&r);
}

TEST(client_call_tells_causes_by_the_status_of_the_refusal)
{
    static const enum link_cause causes[] = {
        LINK_REVOKED,    LINK_EXPIRED,       LINK_FORBIDDEN,    LINK_UNTRUSTED,
        LINK_RELAY_DOWN, LINK_RELAY_REFUSED, LINK_HOST_OFFLINE, LINK_TIMEOUT,
        LINK_TOO_MANY,   LINK_REPLACED,      LINK_LOST,
    };
    for (size_t i = 0; i < COUNT(causes); i++) {
        struct door_rig r;
        struct outcome o = {.ended = false};
        CASE(link_cause_name(causes[i]));
        door_rig_init(&r);
        r.refuse_with = reach_status(causes[i]);
        begin(&r, &o, false, 0);
        DOOR_UNTIL(&r, o.ended);
        EQ_INT(o.cause, causes[i]);
        door_rig_fini(&r);
    }
}

int main(void)
{
    crypto_init();
    const struct CMUnitTest tests[] = {
        T(client_call_table),
        T(client_call_says_initialized_before_it_asks),
        T(client_call_follows_until_it_is_closed),
        T(client_call_without_a_host_says_so),
        T(client_call_tells_causes_by_the_status_of_the_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
