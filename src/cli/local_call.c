#include "cli/local_call.h"

#include "base/text.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/dial.h"
#include "wire/jsonrpc.h"

#define CALL_MS       30000 // pairing/start may wait for a relay
#define CALL_TEXT_MAX (1024u * 1024)

enum { ID_HELLO = 1, ID_CALL = 2 };

struct local_call {
    struct loop *loop;
    struct timer deadline;
    struct ws_conn *ws;
    const char *method;
    json_t *params; // borrowed from the caller of call_run()
    json_t *result;
    int exit_code;
};

static void finish(struct local_call *c, int exit_code)
{
    c->exit_code = exit_code;
    timer_stop(&c->deadline);
    if (c->ws != NULL) {
        ws_conn_close(c->ws, WS_CLOSE_NORMAL, NULL);
    } else {
        loop_stop(c->loop);
    }
}

static void send_request(struct local_call *c, uint64_t id, const char *method,
                         const json_t *params)
{
    struct buf raw;
    struct buf text;
    buf_init(&raw, CALL_TEXT_MAX);
    buf_init(&text, CALL_TEXT_MAX);
    if (json_print(params, &raw) != OK ||
        jsonrpc_put_request_u64(&text, id, method, buf_bytes(&raw)) != OK ||
        ws_conn_send_text(c->ws, buf_bytes(&text)) != OK) {
        finish(c, cli_fail(EXIT_FAILED, "the request could not be sent"));
    }
    buf_fini(&raw);
    buf_fini(&text);
}

static void on_answer(struct local_call *c, json_t *message)
{
    json_t *error = json_get_obj(message, "error");
    json_t *result = json_object_get(message, "result");
    if (error != NULL) {
        const char *text = json_get_str(error, "message");
        finish(c, cli_fail(EXIT_RPC, "%s", text == NULL ? "the host refused" : text));
    } else if (json_get_int(message, "id", 0) == ID_HELLO) {
        send_request(c, ID_CALL, c->method, c->params);
    } else {
        c->result = json_incref(result);
        finish(c, EXIT_DONE);
    }
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    struct local_call *c = user;
    json_t *message = NULL;
    (void)ws;
    if (text && json_parse(payload, &message) == OK &&
        json_get_str(message, "method") == NULL && c->result == NULL) {
        on_answer(c, message);
    }
    json_decref(message);
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct local_call *c = user;
    (void)ws;
    (void)e;
    (void)code;
    c->ws = NULL;
    loop_stop(c->loop);
}

static void say_hello(struct local_call *c)
{
    json_t *params = json_object();
    json_t *client = json_object();
    json_t *capabilities = json_object();
    json_set_str(client, "name", "farhand_cli");
    json_set_str(client, "version", FARHAND_VERSION);
    json_set_bool(capabilities, "experimentalApi", true);
    json_set(params, "clientInfo", client);
    json_set(params, "capabilities", capabilities);
    send_request(c, ID_HELLO, "initialize", params);
    json_decref(params);
}

static void on_dialed(void *user, enum err e, const struct dial_result *r)
{
    static const struct ws_conn_events events = {.message = on_message,
                                                 .closed = on_closed};
    struct local_call *c = user;
    if (e != OK) {
        finish(c, cli_fail(EXIT_NOT_FOUND,
                           "no host is running here: start one with 'farhand up' or "
                           "'farhand host'"));
        return;
    }
    c->ws = r->ws;
    ws_conn_start(c->ws, &events, c);
    say_hello(c);
}

static void on_deadline(struct timer *t)
{
    struct local_call *c = CONTAINER_OF(t, struct local_call, deadline);
    finish(c, cli_fail(EXIT_UNREACHABLE, "the host did not answer within %d s",
                       CALL_MS / 1000));
}

static int call_run(const struct cli_args *args, const char *method, json_t *params,
                    json_t **result)
{
    char home[PATH_MAX];
    char url[PATH_MAX + 32];
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    if (text_format(url, sizeof(url), "unix://%s/run/host.sock", home) != OK) {
        return cli_fail(EXIT_HOME, "the path of the state folder is too long");
    }
    struct local_call c = {.loop = loop_create(),
                           .method = method,
                           .params = params,
                           .exit_code = EXIT_UNREACHABLE};
    const struct dial_options options = {.url = url,
                                         .ws = {.max_message = CALL_TEXT_MAX}};
    timer_start(c.loop, &c.deadline, CALL_MS, on_deadline);
    (void)dial_ws(c.loop, &options, on_dialed, &c);
    loop_run(c.loop);
    loop_destroy(c.loop);
    *result = c.result;
    return c.exit_code;
}

int local_call(const struct cli_args *args, const char *method, json_t *params,
               json_t **result)
{
    const int code = call_run(args, method, params, result);
    json_decref(params);
    return code;
}

void local_print(const json_t *value)
{
    struct buf text;
    buf_init(&text, CALL_TEXT_MAX);
    if (json_print(value, &text) == OK) {
        const struct bytes b = buf_bytes(&text);
        cli_say("%.*s", (int)b.len, (const char *)b.at);
    }
    buf_fini(&text);
}
