#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/pair_term.h"
#include "cli/serve.h"
#include "cli/up_server.h"
#include "loop/loop.h"
#include "loop/signal.h"

#define HINT_MAX 1024

struct up {
    const struct cli_args *args;
    struct loop *loop;
    struct serve serve;
    struct up_server *server;
    struct host *host;
    struct pair_term *term;
    struct signal_watch *signals[2];
    char hint[HINT_MAX];
    bool joined_agent;
    bool agent_ready;
    bool agent_ends; // farhand stop
    bool closing;
    int exit_code; // when the end was not asked for
};

/* ---- the end ------------------------------------------------------------------------- */

static void on_server_closed(void *user)
{
    struct up *u = user;
    loop_stop(u->loop);
}

static void on_host_closed(void *user)
{
    struct up *u = user;
    u->host = NULL;
    up_server_close(u->server, on_server_closed, u);
}

static void say_goodbye(const struct up *u)
{
    if (cli_has(u->args, "json")) {
        return;
    }
    if (u->agent_ready && !u->agent_ends) {
        cli_say(
            "\nThe host and its relay end. The agent %s; 'farhand up' finds it again%s.",
            u->joined_agent ? "is not ours and stays" : "keeps running",
            u->joined_agent ? "" : ", 'farhand stop' would have ended it too");
    } else {
        cli_say("\nThe host and its relay end.");
    }
}

static void begin_close(struct up *u)
{
    if (u->closing) {
        return;
    }
    u->closing = true;
    say_goodbye(u);
    pair_term_close(u->term);
    u->term = NULL;
    if (u->host != NULL) {
        host_close(u->host, on_host_closed);
    } else {
        on_host_closed(u);
    }
}

static void on_signal(void *user, int signum)
{
    log_info("up.signal", "signal=%d", signum);
    begin_close(user);
}

static void on_stop(void *user, bool agent_too)
{
    struct up *u = user;
    u->agent_ends = agent_too;
    begin_close(u);
}

/* ---- what a person hears ----------------------------------------------------------------- */

static void on_engine(void *user, const struct engine_status *status)
{
    struct up *u = user;
    char sentence[400];
    u->agent_ready = status->state == ENGINE_READY;
    u->joined_agent = status->joined;
    const char *text = serve_agent_sentence(status, sentence, sizeof(sentence));
    if (status->unfit) { // waiting would not help
        u->exit_code = cli_fail(EXIT_AGENT, "%s", status->error);
        begin_close(u);
    } else if (text != NULL && !cli_has(u->args, "json")) {
        pair_term_say(u->term, text);
    }
}

static void on_term_ended(void *user, int exit_code)
{
    struct up *u = user;
    log_info("up.terminal", "code=%d", exit_code);
    pair_term_close(u->term);
    u->term = NULL;
    if (exit_code == EXIT_REFUSED) { // waiting would not help
        u->exit_code = exit_code;
        begin_close(u);
    }
}

static void make_hint(struct up *u)
{
    const struct up_urls *urls = up_server_urls(u->server);
    enum err e = OK;
    u->hint[0] = '\0';
    if (urls->explain[0] != '\0') {
        e = text_format(
            u->hint, sizeof(u->hint),
            "\n  Once per phone: open %s%s%s and follow the one step there.\n"
            "  Its certificate has the SHA-256 fingerprint\n  %s",
            cli_bold(), urls->explain, cli_plain(), up_server_fingerprint(u->server));
    } else if (cli_value(u->args, "relay") == NULL) {
        e = text_format(
            u->hint, sizeof(u->hint),
            "\n  This code works on this machine only. For other devices:\n"
            "    farhand up --lan                       on the same network\n"
            "    farhand up --relay wss://… --app URL   from anywhere");
    } else if (cli_value(u->args, "app") == NULL) {
        e = text_format(
            u->hint, sizeof(u->hint),
            "\n  The page of this link is served on this machine only: --app URL "
            "names\n  one that phones can open. 'farhand join' works anywhere.");
    }
    if (e != OK) {
        u->hint[0] = '\0';
    }
}

static void open_terminal(struct up *u)
{
    char socket[PATH_MAX];
    if (cli_has(u->args, "no-code") ||
        text_format(socket, sizeof(socket), "%s/run/host.sock", u->serve.home) != OK) {
        return;
    }
    make_hint(u);
    const struct pair_term_options options = {
        .socket = socket,
        .view = {.role = cli_value(u->args, "role"),
                 .json = cli_has(u->args, "json"),
                 .renew = true,
                 .stay = true,
                 .reach_hint = u->hint[0] == '\0' ? NULL : u->hint},
        .ended = on_term_ended,
        .user = u};
    u->term = pair_term_open(u->loop, &options);
}

/* ---- start ---------------------------------------------------------------------------------- */

/* <prefix>/bin/farhand, or <tree>/build/X/farhand. */
static enum err find_web(const struct cli_args *args, char out[PATH_MAX],
                         struct diag *d)
{
    static const char *const beside[] = {"../share/farhand/web", "../web"};
    const char *asked = cli_value(args, "web");
    asked = asked == NULL ? getenv("FARHAND_WEB") : asked;
    if (asked != NULL && asked[0] != '\0') {
        if (!file_is_dir(asked)) {
            diag_set(d, "--web %s is not a folder: 'make build' makes build/web",
                     asked);
            return ERR_NOT_FOUND;
        }
        return text_format(out, PATH_MAX, "%s", asked);
    }
    char self[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    for (size_t i = 0; i < COUNT(beside); i++) {
        if (text_format(out, PATH_MAX, "%s/%s", self, beside[i]) == OK &&
            file_is_dir(out)) {
            return OK;
        }
    }
    diag_set(
        d,
        "the page is not built: run 'make build', or name its folder with --web DIR");
    return ERR_NOT_FOUND;
}

static enum err read_port(const struct cli_args *args, uint16_t *out, struct diag *d)
{
    uint64_t port = UP_PORT;
    const char *text = cli_value(args, "port");
    if (text != NULL && u64_parse(bytes_from_str(text), UINT16_MAX, &port) != OK) {
        diag_set(d, "--port takes a number from 0 (a free one) to 65535, not '%s'",
                 text);
        return ERR_USAGE;
    }
    *out = (uint16_t)port;
    return OK;
}

static enum err open_server(struct up *u, struct diag *d)
{
    char web[PATH_MAX];
    const char *allowed[8];
    struct up_server_options o = {
        .loop = u->loop,
        .home = u->serve.home,
        .web = web,
        .lan = cli_value(u->args, "lan"),
        .relay = cli_value(u->args, "relay"),
        .allow_relays = allowed,
        .n_allow_relays = cli_all(u->args, "allow-relay", allowed, COUNT(allowed)),
        .host_relay_key = host_relay_key(u->host),
    };
    enum err e = read_port(u->args, &o.port, d);
    e = e != OK ? e : find_web(u->args, web, d);
    return e != OK ? e : up_server_open(&o, d, &u->server);
}

static enum err reach(struct up *u, struct diag *diag)
{
    const struct up_urls *urls = up_server_urls(u->server);
    const char *devices[UP_URLS_MAX];
    for (size_t i = 0; i < urls->n_device_relays; i++) {
        devices[i] = urls->device_relay[i];
    }
    const char *app = cli_value(u->args, "app");
    const struct host_reach r = {.relay = urls->host_relay,
                                 .device_urls = devices,
                                 .n_device_urls = urls->n_device_relays,
                                 .app = app != NULL ? app : urls->app,
                                 .invite = serve_invite(&u->serve),
                                 .ca_file = cli_value(u->args, "ca")};
    return host_reach(u->host, &r, diag);
}

/* Without a host it was its lock that was held; else a port. */
static int start_code(const struct up *u, enum err e, const struct diag *d)
{
    return e == ERR_NOT_FOUND
               ? cli_fail(EXIT_FAILED, "%s", d->text)
               : serve_fail(e, u->host == NULL ? EXIT_RUNNING : EXIT_TAKEN, d);
}

static void say_start(const struct up *u)
{
    if (cli_has(u->args, "json")) {
        return;
    }
    cli_say("%sFarhand %s%s on %s, folder %s", cli_bold(), FARHAND_VERSION, cli_plain(),
            host_name(u->host), u->serve.cwd);
    cli_say("  The page is at %s", up_server_urls(u->server)->app);
}

static void forget_signals(struct up *u)
{
    for (size_t i = 0; i < COUNT(u->signals); i++) {
        signal_close(u->signals[i]);
        u->signals[i] = NULL;
    }
}

/* A host runs on this home already: a new code for that one. */
static int show_code_of_running(struct up *u)
{
    struct cli_args pair = *u->args;
    forget_signals(u); // from here on Ctrl-C ends us, as it ends `farhand pair`
    pair.command = &cmd_pair;
    pair.n_words = 0;
    if (!cli_has(u->args, "json")) {
        cli_say("A host is already running on %s: here is a code for it.",
                u->serve.home);
    }
    return cmd_pair.run(&pair);
}

static int start(struct up *u)
{
    static const struct host_ops ops = {.engine = on_engine, .stop = on_stop};
    struct diag d = {.text = ""};
    enum err e = host_create(u->loop, &u->serve.host, &ops, u, &d, &u->host);
    if (e == ERR_EXISTS && !cli_has(u->args, "no-code")) {
        return show_code_of_running(u);
    }
    if (e == OK) {
        serve_log_beside_terminal(u->args, u->serve.home);
        e = open_server(u, &d);
    }
    e = e != OK ? e : reach(u, &d);
    if (e == OK) {
        say_start(u);
        e = host_start(u->host, &d);
    }
    if (e != OK) {
        return start_code(u, e, &d);
    }
    serve_say_app_server(u->host, u->serve.home);
    open_terminal(u);
    return EXIT_DONE;
}

static int run_loop(struct up *u)
{
    u->signals[0] = signal_watch(u->loop, SIGINT, on_signal, u);
    u->signals[1] = signal_watch(u->loop, SIGTERM, on_signal, u);
    int code = start(u);
    if (code == EXIT_DONE) {
        loop_run(u->loop);
        code = u->exit_code;
    } else if (u->host != NULL) {
        u->closing = true;
        host_close(u->host, on_host_closed);
    }
    forget_signals(u);
    while (loop_turn(u->loop)) {
        // what is still closing comes to its end
    }
    return code;
}

static int run_up(struct cli_args *args)
{
    struct up u = {.args = args};
    const int code = serve_read(args, &u.serve);
    if (code != EXIT_DONE) {
        return code;
    }
    enum role role;
    const char *asked = cli_value(args, "role");
    if (asked != NULL && role_parse(bytes_from_str(asked), &role) != OK) {
        return cli_fail(EXIT_USAGE,
                        "--role is viewer, approver, operator or owner, not "
                        "'%s'",
                        asked);
    }
    u.serve.host.practice_fallback = true;
    u.loop = loop_create();
    const int result = run_loop(&u);
    loop_destroy(u.loop);
    return result;
}

static const struct cli_option options[] = {
    SERVE_OPTIONS,
    {"port", "N", "port of page and relay on loopback (default 4317; 0: a free one)"},
    {"lan", "[ADDR]", "serve a LAN or tailnet address over https (default: find it)"},
    {"relay", "URL", "use this relay instead of one of its own"},
    {"app", "URL", "where the page is served, for the links"},
    {"allow-relay", "URL", "a relay that the page may dial besides its own (repeat)"},
    {"role", "ROLE",
     "offered by the code: viewer, approver, operator (default), owner"},
    {"no-code", NULL, "show no pairing code; 'farhand pair' makes one"},
    {"web", "DIR", "folder of the built page"},
    {"ca", "FILE", "certificates trusted besides the system's, for --relay"},
    {"json", NULL, "one JSON object a line"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_up = {
    .name = "up",
    .words = "",
    .summary = "host, relay and page in one, with a QR code: begin here",
    .text =
        "Starts or joins Codex on this machine, serves the phone app, and shows a code "
        "that pairs one device. The code works on this machine only, unless --lan or "
        "--relay says how others reach it. Without a Codex login the practice model "
        "stands in, and it says so.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_up,
};
