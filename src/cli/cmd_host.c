#include <signal.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/serve.h"
#include "loop/loop.h"
#include "loop/signal.h"

struct daemon {
    struct loop *loop;
    struct host *host;
    struct signal_watch *signals[2];
    bool closing;
    int exit_code; // when the end was not asked for
};

static void on_closed(void *user)
{
    struct daemon *d = user;
    d->host = NULL;
    loop_stop(d->loop);
}

static void begin_close(struct daemon *d)
{
    if (!d->closing) {
        d->closing = true;
        host_close(d->host, on_closed);
    }
}

static void on_signal(void *user, int signum)
{
    log_info("host.signal", "signal=%d", signum);
    begin_close(user);
}

static void on_stop(void *user, bool agent_too)
{
    log_info("host.stop", "agent=%d", agent_too);
    begin_close(user);
}

static void on_engine(void *user, const struct engine_status *status)
{
    struct daemon *d = user;
    char sentence[400];
    const char *text = serve_agent_sentence(status, sentence, sizeof(sentence));
    if (status->unfit) { // waiting would not help
        d->exit_code = cli_fail(EXIT_AGENT, "%s", status->error);
        begin_close(d);
    } else if (text != NULL) {
        cli_say("%s", text);
    }
}

static void reach(struct daemon *d, const struct cli_args *args,
                  const struct serve *serve)
{
    char relay[256];
    serve_default_relay(args, serve->home, relay, sizeof(relay));
    const bool has_relay = relay[0] != '\0';
    if (!has_relay && host_door(d->host)[0] == '\0') {
        cli_say(
            "No relay: devices cannot reach this host. Give one with --relay URL, a "
            "direct door with --listen ADDR:PORT, or use 'farhand up'.");
        return;
    }
    const char *urls[] = {relay};
    const struct host_reach reach = {.relay = has_relay ? relay : NULL,
                                     .device_urls = urls,
                                     .n_device_urls = has_relay ? 1 : 0,
                                     .app = cli_value(args, "app"),
                                     .invite = serve_invite(serve),
                                     .ca_file = cli_value(args, "ca")};
    struct diag why = {.text = ""};
    if (host_reach(d->host, &reach, &why) != OK) { // it goes on for this machine
        (void)cli_fail(EXIT_FAILED, "%s", why.text);
    }
}

static int run_loop(struct daemon *d, const struct cli_args *args, struct serve *serve)
{
    static const struct host_ops ops = {.engine = on_engine, .stop = on_stop};
    struct diag diag = {.text = ""};
    enum err e = host_create(d->loop, &serve->host, &ops, d, &diag, &d->host);
    if (e != OK) {
        return serve_fail(e, EXIT_RUNNING, &diag);
    }
    e = host_start(d->host, &diag);
    if (e != OK) {
        begin_close(d);
    } else {
        reach(d, args, serve);
        cli_say("Host %s is ready: %s/run/host.sock", host_name(d->host), serve->home);
        serve_say_app_server(d->host, serve->home);
    }
    d->signals[0] = signal_watch(d->loop, SIGINT, on_signal, d);
    d->signals[1] = signal_watch(d->loop, SIGTERM, on_signal, d);
    loop_run(d->loop);
    signal_close(d->signals[0]);
    signal_close(d->signals[1]);
    while (loop_turn(d->loop)) {
        // what is still closing comes to its end
    }
    return e == OK ? d->exit_code : serve_fail(e, EXIT_TAKEN, &diag);
}

static int run_host(struct cli_args *args)
{
    struct serve serve;
    const int code = serve_read(args, &serve);
    if (code != EXIT_DONE) {
        return code;
    }
    struct daemon d = {.loop = loop_create()};
    const int result = run_loop(&d, args, &serve);
    loop_destroy(d.loop);
    return result;
}

static const struct cli_option options[] = {
    SERVE_OPTIONS,
    {"relay", "URL", "the relay through which devices come in"},
    {"app", "URL", "where the page is served, for the links of pairings"},
    {"ca", "FILE", "certificates trusted besides the system's"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_host = {
    .name = "host",
    .words = "",
    .summary = "run the host without a page or a relay of its own",
    .text =
        "Runs in the foreground, for a service manager. The agent lives on when the "
        "host ends; 'farhand stop' ends both.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_host,
};
