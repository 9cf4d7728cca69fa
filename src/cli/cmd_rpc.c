#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/cause_exit.h"
#include "cli/commands.h"
#include "cli/witness_say.h"
#include "client/client_call.h"
#include "crypto/random.h"
#include "wire/json.h"

#define PARAMS_MAX    (8u * 1024 * 1024)
#define DEFAULT_S     60u
#define TIMEOUT_MAX_S (24u * 3600)
#define READ_CHUNK    65536

struct rpc {
    const struct client_call *call;
    bool follow;
    int code;
};

static void print_line(FILE *to, struct bytes text)
{
    (void)fwrite(text.at, 1, text.len, to);
    (void)fputc('\n', to);
    (void)fflush(to);
}

/* A script that would repeat a call must know which of the two it is. */
static int error_exit(struct bytes error)
{
    enum { AGENT_DOWN = -32013, UNKNOWN = -32014 };
    json_t *parsed = NULL;
    int64_t code = 0;
    if (json_parse(error, &parsed) == OK) {
        code = json_get_int(parsed, "code", 0);
    }
    json_decref(parsed);
    if (code == UNKNOWN) {
        (void)cli_fail(EXIT_UNKNOWN, "outcome unknown: it may have been done");
        return EXIT_UNKNOWN;
    }
    if (code == AGENT_DOWN) {
        (void)cli_fail(EXIT_UNSENT, "not delivered: the agent never had it");
        return EXIT_UNSENT;
    }
    return EXIT_RPC;
}

static void on_answer(void *user, struct bytes result, struct bytes error)
{
    struct rpc *r = user;
    if (error.len != 0) {
        print_line(stderr, error);
        r->code = error_exit(error);
    } else {
        print_line(stdout, result);
        r->code = EXIT_DONE;
    }
}

static void on_notice(void *user, struct bytes text)
{
    const struct rpc *r = user;
    if (r->follow) {
        print_line(stdout, text);
    }
}

static void on_ended(void *user, enum link_cause cause, const char *sentence)
{
    struct rpc *r = user;
    const bool open = r->call != NULL && client_call_is_open(r->call);
    if (open && (cause == LINK_LOST || cause == LINK_TIMEOUT)) {
        r->code = cli_fail(EXIT_UNKNOWN, "%s: outcome unknown", sentence);
    } else if (cause != LINK_OK) {
        r->code = cli_fail(cause_exit(cause), "%s", sentence);
    }
}

static const struct client_call_ops ops = {
    .answer = on_answer,
    .notice = on_notice,
    .ended = on_ended,
};

static enum err read_stdin(struct buf *out)
{
    for (;;) {
        uint8_t *room;
        enum err e = buf_reserve(out, READ_CHUNK, &room);
        if (e != OK) {
            return e;
        }
        const ssize_t n = read(STDIN_FILENO, room, READ_CHUNK);
        if (n <= 0) {
            return n == 0 ? OK : ERR_IO;
        }
        buf_grew(out, (size_t)n);
    }
}

/* The params as one raw JSON value, checked here so that a typo is a usage error. */
static int read_params(const struct cli_args *args, struct buf *out)
{
    if (args->n_words < 2) {
        return EXIT_DONE;
    }
    const bool from_stdin = strcmp(args->words[1], "-") == 0;
    enum err e = from_stdin ? read_stdin(out) : buf_put_str(out, args->words[1]);
    struct bytes value;
    if (e == OK) {
        e = json_raw_value(buf_bytes(out), &value);
    }
    if (e == OK) {
        json_t *parsed = NULL;
        e = json_parse(buf_bytes(out), &parsed);
        json_decref(parsed);
    }
    if (e != OK) {
        return cli_fail(EXIT_USAGE, "the parameters are not a JSON object or array");
    }
    return EXIT_DONE;
}

static int read_timeout(const struct cli_args *args, uint64_t *out_ms)
{
    const char *text = cli_value(args, "timeout");
    uint64_t seconds = cli_has(args, "follow") ? 0 : DEFAULT_S;
    if (text != NULL &&
        u64_parse(bytes_from_str(text), TIMEOUT_MAX_S, &seconds) != OK) {
        return cli_fail(EXIT_USAGE, "--timeout wants seconds, not '%s'", text);
    }
    *out_ms = seconds * 1000;
    return EXIT_DONE;
}

static int call(const struct cli_args *args, const struct target *target,
                const char *home, struct bytes params)
{
    struct rpc r = {.follow = cli_has(args, "follow"), .code = EXIT_FAILED};
    struct client_call_options o = {
        .reach = {.home = home, .program = args->program, .target = target},
        .method = args->words[0],
        .params = params,
        .follow = r.follow,
    };
    const int code = read_timeout(args, &o.timeout_ms);
    if (code != EXIT_DONE) {
        return code;
    }
    const bool said = witness_say(home, target);
    struct loop *loop = loop_create();
    r.call = client_call_open(loop, &o, &ops, &r);
    loop_run(loop);
    loop_destroy(loop);
    if (!said) {
        (void)witness_say(home, target); // found out in this very session
    }
    return r.code;
}

static int run_rpc(struct cli_args *args)
{
    char home[PATH_MAX];
    struct diag d = {.text = ""};
    struct target target;
    struct buf params;
    crypto_init();
    if (!cli_has(args, "verbose")) {
        log_set_level(LOG_ERROR); // people read sentences, not log lines
    }
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    buf_init(&params, PARAMS_MAX);
    int code = read_params(args, &params);
    if (code == EXIT_DONE) {
        const enum err e = target_find(home, cli_value(args, "host"), &target, &d);
        code = e == OK ? call(args, &target, home, buf_bytes(&params))
                       : cli_fail(find_exit(e), "%s", d.text);
    }
    buf_fini(&params);
    return code;
}

static const struct cli_option options[] = {
    {"host", "NAME", "a joined host, or 'local' (default: the local one, if it runs)"},
    {"timeout", "S", "seconds to wait for the answer (default: 60; 0: for ever)"},
    {"follow", NULL, "go on printing what the host says, one JSON text a line"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_rpc = {
    .name = "rpc",
    .words = "METHOD [JSON|-]",
    .summary = "call one method of a host and print its answer",
    .text =
        "Prints the result as JSON on stdout. An error of the other side is printed "
        "as JSON on stderr and gives exit code 7; 14 when the outcome is unknown, 15 "
        "when it was not delivered. With '-' the parameters are read from stdin.\n\n"
        "    farhand rpc thread/list '{\"limit\":5}'\n"
        "    farhand rpc --host desk farhand/status",
    .options = options,
    .n_options = COUNT(options),
    .least_words = 1,
    .most_words = 2,
    .run = run_rpc,
};
