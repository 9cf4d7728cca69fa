#include "cli/local_call.h"

#include "client/client_call.h"
#include "loop/loop.h"

#define CALL_MS       30000 // pairing/start may wait for a relay
#define CALL_TEXT_MAX (1024u * 1024)

struct local_call {
    json_t *result;
    int exit_code;    // -1: no answer yet
    struct diag *why; // keep
};

static void on_answer(void *user, struct bytes result, struct bytes error)
{
    struct local_call *c = user;
    json_t *value = NULL;
    if (error.len != 0) {
        const bool ok = json_parse(error, &value) == OK;
        const char *text = ok ? json_get_str(value, "message") : NULL;
        diag_set(c->why, "%s", text == NULL ? "the host refused" : text);
        c->exit_code = EXIT_RPC;
        json_decref(value);
    } else if (json_parse(result, &c->result) == OK) {
        c->exit_code = EXIT_DONE;
    }
}

static void on_notice(void *user, struct bytes text)
{
    (void)user;
    (void)text; // only the answer matters here
}

static void on_ended(void *user, enum link_cause cause, const char *sentence)
{
    struct local_call *c = user;
    if (c->exit_code < 0) {
        diag_set(c->why, "%s", sentence);
        c->exit_code = cause == LINK_TIMEOUT ? EXIT_UNREACHABLE : EXIT_NOT_FOUND;
    }
}

static int call_run(const char *home, const char *program, const char *method,
                    struct bytes params, json_t **result, struct diag *why)
{
    static const struct client_call_ops ops = {
        .answer = on_answer, .notice = on_notice, .ended = on_ended};
    struct local_call c = {.exit_code = -1, .why = why};
    struct target target;
    if (target_find(home, "local", &target, why) != OK) {
        return EXIT_NOT_FOUND;
    }
    struct loop *loop = loop_create();
    const struct client_call_options options = {
        .reach = {.home = home, .program = program, .target = &target},
        .method = method,
        .params = params,
        .timeout_ms = CALL_MS,
    };
    (void)client_call_open(loop, &options, &ops, &c);
    loop_run(loop);
    loop_destroy(loop);
    *result = c.result;
    return c.exit_code < 0 ? EXIT_FAILED : c.exit_code;
}

int local_ask(const char *home, const char *program, const char *method, json_t *params,
              json_t **result, struct diag *why)
{
    struct buf raw;
    int code = EXIT_FAILED;
    buf_init(&raw, CALL_TEXT_MAX);
    if (json_print(params, &raw) == OK) {
        code = call_run(home, program, method, buf_bytes(&raw), result, why);
    }
    buf_fini(&raw);
    json_decref(params);
    return code;
}

int local_call(const struct cli_args *args, const char *method, json_t *params,
               json_t **result)
{
    char home[PATH_MAX];
    struct diag why = {.text = ""};
    if (cli_home(args, home) != OK) {
        json_decref(params);
        return EXIT_HOME;
    }
    const int code = local_ask(home, args->program, method, params, result, &why);
    return code == EXIT_DONE || why.text[0] == '\0' ? code
                                                    : cli_fail(code, "%s", why.text);
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
