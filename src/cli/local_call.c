#include "cli/local_call.h"

#include "cli/cause_exit.h"
#include "client/client_call.h"
#include "loop/loop.h"

#define CALL_MS       30000 // pairing/start may wait for a relay
#define CALL_TEXT_MAX (1024u * 1024)

struct local_call {
    json_t *result;
    int exit_code; // -1: no answer yet
    bool local;
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
        c->exit_code =
            !c->local || cause == LINK_TIMEOUT ? cause_exit(cause) : EXIT_NOT_FOUND;
    }
}

static int call_run(const struct target_asked *a, const struct target *target,
                    struct bytes params, json_t **result, struct diag *why)
{
    static const struct client_call_ops ops = {
        .answer = on_answer, .notice = on_notice, .ended = on_ended};
    struct local_call c = {.exit_code = -1, .local = target->local, .why = why};
    struct loop *loop = loop_create();
    const struct client_call_options options = {
        .reach = {.home = a->home, .program = a->program, .target = target},
        .method = a->method,
        .params = params,
        .timeout_ms = CALL_MS,
    };
    (void)client_call_open(loop, &options, &ops, &c);
    loop_run(loop);
    loop_destroy(loop);
    *result = c.result;
    return c.exit_code < 0 ? EXIT_FAILED : c.exit_code;
}

int target_ask(const struct target_asked *a, json_t *params, json_t **result,
               struct diag *why)
{
    struct buf raw;
    struct target target;
    const enum err e = target_find(a->home, a->host, &target, why);
    int code = e == OK ? EXIT_FAILED : find_exit(e);
    buf_init(&raw, CALL_TEXT_MAX);
    if (e == OK && json_print(params, &raw) == OK) {
        code = call_run(a, &target, buf_bytes(&raw), result, why);
    }
    buf_fini(&raw);
    json_decref(params);
    return code;
}

int local_ask(const char *home, const char *program, const char *method, json_t *params,
              json_t **result, struct diag *why)
{
    const struct target_asked a = {home, program, "local", method};
    return target_ask(&a, params, result, why);
}

static int ask_and_say(const struct cli_args *args, const char *host,
                       const char *method, json_t *params, json_t **result)
{
    char home[PATH_MAX];
    struct diag why = {.text = ""};
    if (cli_home(args, home) != OK) {
        json_decref(params);
        return EXIT_HOME;
    }
    const struct target_asked a = {home, args->program, host, method};
    const int code = target_ask(&a, params, result, &why);
    return code == EXIT_DONE || why.text[0] == '\0' ? code
                                                    : cli_fail(code, "%s", why.text);
}

int local_call(const struct cli_args *args, const char *method, json_t *params,
               json_t **result)
{
    return ask_and_say(args, "local", method, params, result);
}

int target_call(const struct cli_args *args, const char *method, json_t *params,
                json_t **result)
{
    return ask_and_say(args, cli_value(args, "host"), method, params, result);
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
