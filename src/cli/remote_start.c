#include "cli/remote_start.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/local_call.h"
#include "loop/child.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "net/dial.h"
#include "wire/jsonrpc.h"

#define READY_MS 60000 // a first start of Codex on a slow machine
#define RETRY_MS 50    // until the socket is there
#define TEXT_MAX (256u * 1024)
#define ARGS_MAX (CLI_VALUES_MAX * 2 + 8)
#define LOG_TAIL 400

struct starter {
    const struct cli_args *args;
    char home[PATH_MAX];
    char url[PATH_MAX + 32];
    char log[PATH_MAX];
    struct loop *loop;
    struct child *child; // NULL: a host was running already
    struct timer deadline;
    struct timer retry;
    struct ws_conn *ws;
    json_t *status; // the last one, given
    int exit_code;
    bool done;
};

static void finish(struct starter *s, int exit_code)
{
    if (s->done) {
        return;
    }
    s->done = true;
    s->exit_code = exit_code;
    timer_stop(&s->deadline);
    timer_stop(&s->retry);
    if (s->ws != NULL) {
        ws_conn_close(s->ws, WS_CLOSE_NORMAL, NULL);
    } else {
        loop_stop(s->loop);
    }
}

/* ---- farhand/status until everything is ready --------------------------------------------- */

static bool is(const json_t *part, const char *state)
{
    const char *found = json_get_str(part, "state");
    return found != NULL && strcmp(found, state) == 0;
}

static void look(struct starter *s, json_t *status)
{
    const json_t *agent = json_get_obj(status, "agent");
    const json_t *relay = json_get_obj(status, "relay");
    json_decref(s->status);
    s->status = json_incref(status);
    if (is(agent, "ready") && is(relay, "connected")) {
        finish(s, EXIT_DONE);
    } else if (json_get_bool(relay, "forbidden", false)) {
        finish(s, cli_fail(EXIT_DENIED, "%s", json_get_str(relay, "lastError")));
    } else if (json_get_bool(relay, "refused", false)) {
        finish(s,
               cli_fail(EXIT_REFUSED, "the host runs, but %s (%s)",
                        json_get_str(relay, "lastError"), json_get_str(relay, "next")));
    } else if (is(agent, "down") && json_get_str(agent, "lastError") != NULL) {
        finish(s, cli_fail(EXIT_AGENT, "the host runs, but the agent does not: %s",
                           json_get_str(agent, "lastError")));
    }
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    struct starter *s = user;
    json_t *message = NULL;
    if (!text || s->done || json_parse(payload, &message) != OK) {
        return;
    }
    const char *method = json_get_str(message, "method");
    const int64_t id = json_get_int(message, "id", 0);
    if (method == NULL && id == 1) {
        const enum err e = ws_conn_send_text(
            ws, BYTES_LIT("{\"id\":2,\"method\":\"farhand/status\",\"params\":{}}"));
        if (e != OK) {
            finish(s, EXIT_UNREACHABLE);
        }
    } else if (method == NULL && id == 2) {
        look(s, json_get_obj(message, "result"));
    } else if (method != NULL && strcmp(method, "farhand/status/changed") == 0) {
        look(s, json_get_obj(message, "params"));
    }
    json_decref(message);
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct starter *s = user;
    (void)ws;
    (void)e;
    (void)code;
    s->ws = NULL;
    if (s->done) {
        loop_stop(s->loop);
    } else {
        finish(s, cli_fail(EXIT_FAILED, "the host ended while it started: see %s",
                           s->log));
    }
}

/* ---- the socket, as soon as it is there ----------------------------------------------------- */

static void on_retry(struct timer *t);

static void on_dialed(void *user, enum err e, const struct dial_result *r)
{
    static const struct ws_conn_events events = {.message = on_message,
                                                 .closed = on_closed};
    struct starter *s = user;
    if (s->done) {
        if (e == OK) {
            s->ws = r->ws;
            ws_conn_start(s->ws, &events, s);
            ws_conn_close(s->ws, WS_CLOSE_NORMAL, NULL);
        }
        return;
    }
    if (e != OK) {
        timer_start(s->loop, &s->retry, RETRY_MS, on_retry);
        return;
    }
    s->ws = r->ws;
    ws_conn_start(s->ws, &events, s);
    if (ws_conn_send_text(s->ws,
                          BYTES_LIT("{\"id\":1,\"method\":\"initialize\",\"params\":"
                                    "{\"clientInfo\":{\"name\":\"farhand_start\","
                                    "\"version\":\"1\"},\"capabilities\":"
                                    "{\"experimentalApi\":true}}}")) != OK) {
        finish(s, EXIT_UNREACHABLE);
    }
}

static void dial(struct starter *s)
{
    const struct dial_options options = {.url = s->url,
                                         .ws = {.max_message = TEXT_MAX}};
    (void)dial_ws(s->loop, &options, on_dialed, s);
}

static void on_retry(struct timer *t)
{
    dial(CONTAINER_OF(t, struct starter, retry));
}

static void on_deadline(struct timer *t)
{
    struct starter *s = CONTAINER_OF(t, struct starter, deadline);
    finish(s, cli_fail(EXIT_UNREACHABLE,
                       "the host is up but not ready after %d s: 'farhand status' says "
                       "what is missing",
                       READY_MS / 1000));
}

/* ---- the process ------------------------------------------------------------------------------ */

/* The last line of its log is why it did not start. */
static void say_why(const struct starter *s)
{
    struct buf log;
    buf_init(&log, TEXT_MAX);
    if (file_read(s->log, &log) == OK && buf_len(&log) != 0) {
        const struct bytes all = buf_bytes(&log);
        size_t from = all.len - 1;
        while (from > 0 && all.at[from - 1] != '\n' && all.len - from < LOG_TAIL) {
            from--;
        }
        const struct bytes last = bytes_sub(all, from, SIZE_MAX);
        (void)fprintf(stderr, "%.*s", (int)last.len, (const char *)last.at);
    }
    buf_fini(&log);
}

static void on_exited(struct child *c, void *user, int code, int signum)
{
    struct starter *s = user;
    (void)c;
    (void)signum;
    if (!s->done) {
        say_why(s);
        finish(s, code > 0 ? code : EXIT_FAILED);
    }
}

static size_t make_argv(const struct starter *s, const char **argv)
{
    size_t n = 0;
    argv[n++] = "farhand";
    argv[n++] = "up";
    argv[n++] = "--no-code";
    for (size_t i = 0; i < s->args->n_values; i++) {
        static char words[CLI_VALUES_MAX][PATH_MAX];
        const struct cli_value *v = &s->args->values[i];
        const bool ours = strcmp(v->option->name, "json") == 0 ||
                          strcmp(v->option->name, "no-code") == 0;
        if (ours) {
            continue;
        }
        const enum err e =
            v->value == NULL
                ? text_format(words[i], PATH_MAX, "--%s", v->option->name)
                : text_format(words[i], PATH_MAX, "--%s=%s", v->option->name, v->value);
        if (e == OK) {
            argv[n++] = words[i];
        }
    }
    argv[n] = NULL;
    return n;
}

static int spawn(struct starter *s)
{
    const char *argv[ARGS_MAX];
    struct diag d = {.text = ""};
    (void)make_argv(s, argv);
    (void)unlink(s->log);
    const struct child_options options = {.file = "/proc/self/exe",
                                          .argv = argv,
                                          .stderr_path = s->log,
                                          .detached = true};
    if (child_spawn(s->loop, &options, on_exited, s, &d, &s->child) != OK) {
        return cli_fail(EXIT_FAILED, "the host could not be started: %s", d.text);
    }
    return EXIT_DONE;
}

static void print_result(const struct starter *s)
{
    const json_t *host = json_get_obj(s->status, "host");
    const json_t *agent = json_get_obj(s->status, "agent");
    const json_t *relay = json_get_obj(s->status, "relay");
    if (!cli_has(s->args, "json")) {
        cli_say("Remote control is on: host %s, agent %s, relay %s (%s).",
                json_get_str(host, "name"), json_get_str(agent, "state"),
                json_get_str(relay, "state"), json_get_str(relay, "url"));
        cli_say("'farhand pair' makes a code, 'farhand stop' ends it.");
        return;
    }
    json_t *out = json_object();
    json_t *daemon = json_object();
    json_set_str(daemon, "socketPath", s->url + strlen("unix://"));
    json_set_str(daemon, "appServerVersion", json_get_str(agent, "version"));
    json_set_str(daemon, "cliVersion", FARHAND_VERSION);
    json_set_str(out, "mode", "daemon");
    json_set_str(out, "status", json_get_str(relay, "state"));
    json_set_str(out, "serverName", json_get_str(host, "name"));
    json_set_str(out, "environmentId", json_get_str(host, "environmentId"));
    json_set_bool(out, "timedOut", false);
    json_set(out, "daemon", daemon);
    local_print(out);
    json_decref(out);
}

static bool is_running(const struct starter *s)
{
    char path[PATH_MAX];
    pid_t holder = 0;
    int fd = -1;
    if (text_format(path, sizeof(path), "%s/run/host.lock", s->home) != OK) {
        return false;
    }
    const enum err e = file_lock(path, &fd, &holder);
    if (e == OK) {
        (void)close(fd);
    }
    return e == ERR_EXISTS;
}

static void run(struct starter *s)
{
    s->loop = loop_create();
    s->exit_code = is_running(s) ? EXIT_DONE : spawn(s);
    if (s->exit_code == EXIT_DONE) {
        timer_start(s->loop, &s->deadline, READY_MS, on_deadline);
        dial(s);
        loop_run(s->loop);
    }
    if (s->child != NULL) {
        child_close(s->child, NULL, NULL);
    }
    while (loop_turn(s->loop)) {
        // what is still closing comes to its end
    }
    loop_destroy(s->loop);
}

int remote_start(const struct cli_args *args)
{
    struct starter s = {.args = args, .exit_code = EXIT_FAILED};
    char run_dir[PATH_MAX];
    if (cli_home(args, s.home) != OK) {
        return EXIT_HOME;
    }
    if (text_format(run_dir, sizeof(run_dir), "%s/run", s.home) != OK ||
        file_make_dir(run_dir, 0700) != OK ||
        text_format(s.url, sizeof(s.url), "unix://%s/run/host.sock", s.home) != OK ||
        text_format(s.log, sizeof(s.log), "%s/run/host.log", s.home) != OK) {
        return cli_fail(EXIT_HOME, "%s cannot be used", s.home);
    }
    run(&s);
    if (s.exit_code == EXIT_DONE) {
        print_result(&s);
    }
    json_decref(s.status);
    return s.exit_code;
}
