#include <stdio.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "cli/status_print.h"
#include "crypto/random.h"
#include "loop/loop.h"
#include "loop/timer.h"

#define WATCH_MS 2000u // between two questions: each answer is a proof

/* What a script gets of a host that does not answer. */
static json_t *unreached(const char *name, const char *why)
{
    json_t *out = json_object();
    json_t *host = json_object();
    json_set_str(host, "name", name);
    json_set_str(host, "state", "unreachable");
    json_set_str(host, "lastError", why);
    json_set_str(host, "next", "farhand doctor, there");
    json_set(out, "host", host);
    return out;
}

static void show(const struct cli_args *args, json_t *status, const json_t *present,
                 uint64_t took_ms)
{
    if (cli_has(args, "json")) {
        json_set(status, "present", json_incref(json_get_arr(present, "data")));
        local_print(status);
        return;
    }
    if (cli_has(args, "watch") && cli_is_terminal()) {
        (void)fputs("\033[H\033[2J", stdout);
    }
    status_print(status, json_get_arr(present, "data"), took_ms);
}

static int look(const struct cli_args *args, const char *home)
{
    struct diag why = {.text = ""};
    json_t *status = NULL;
    json_t *present = NULL;
    const char *name = cli_value(args, "host");
    const uint64_t began_ms = clock_mono_ms();
    struct target_asked asked = {home, args->program, name, "farhand/status"};
    int code = target_ask(&asked, json_object(), &status, &why);
    const uint64_t took_ms = clock_mono_ms() - began_ms;
    if (code == EXIT_DONE) {
        asked.method = "farhand/presence/list";
        code = target_ask(&asked, json_object(), &present, &why);
    }
    if (code == EXIT_DONE) {
        show(args, status, present, took_ms);
    } else if (cli_has(args, "json") && code == EXIT_UNREACHABLE) {
        status = unreached(name, why.text);
        local_print(status);
    } else if (cli_has(args, "watch") && !cli_has(args, "json")) {
        status_print_unreached(name == NULL ? "no answer" : name, why.text);
    }
    json_decref(present);
    json_decref(status);
    return code == EXIT_DONE || why.text[0] == '\0' ? code
                                                    : cli_fail(code, "%s", why.text);
}

static void on_pause(struct timer *t)
{
    (void)t; // the loop has nothing else to wait for, and returns
}

static void pause_between(void)
{
    struct timer t = {.fn = NULL};
    struct loop *loop = loop_create();
    timer_start(loop, &t, WATCH_MS, on_pause);
    loop_run(loop);
    loop_destroy(loop);
}

/* Until it is ended; what cannot be reached now may come back. */
static int watch(const struct cli_args *args, const char *home)
{
    for (;;) {
        const int code = look(args, home);
        if (code == EXIT_DENIED || code == EXIT_USAGE || code == EXIT_HOME) {
            return code;
        }
        if (fflush(stdout) != 0) {
            return EXIT_DONE; // whoever read it has gone
        }
        pause_between();
    }
}

static int run_status(struct cli_args *args)
{
    char home[PATH_MAX];
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    crypto_init();
    return cli_has(args, "watch") ? watch(args, home) : look(args, home);
}

static const struct cli_option options[] = {
    {"host", "NAME", "a joined host, or 'local' (default: the local one, if it runs)"},
    {"watch", NULL, "ask again every two seconds, until it is ended"},
    {"json", NULL, "the whole status as JSON; with --watch one object a line"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_status = {
    .name = "status",
    .words = "",
    .summary = "what works between here, the relay and the agent",
    .text =
        "One line for the host, the agent, the relay, each device, push and the audit "
        "log: its state, how long ago it was last proved to work end to end, its last "
        "error, and what to do. A joined host is asked over the same path that its "
        "phone takes. 'farhand doctor' looks closer.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_status,
};
