/* cmd_relay: a relay of its own: it forwards what it cannot read. */
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/relay_setup.h"
#include "crypto/random.h"
#include "loop/signal.h"
#include "wire/json.h"
#include "wire/url.h"

#define LINE_MAX_SIZE (16u * 1024)

struct ports {
    uint16_t relay;
    uint16_t metrics; // 0: none
};

struct running {
    struct loop *loop;
    struct tls_server *tls;
    struct http_server *http;
    struct http_server *metrics;
    struct relay *relay;
    struct signal_watch *signals[3];
    int still_open; // of the servers and the relay, while closing
    bool closing;
};

/* ---- running ------------------------------------------------------------------------ */

static void on_request(struct http_exchange *x, void *user)
{
    struct running *r = user;
    if (!relay_handle(r->relay, x)) {
        http_reply_text(x, 404, "nothing here\n");
    }
}

static void on_metrics(struct http_exchange *x, void *user)
{
    struct running *r = user;
    const uint64_t until_s = r->tls == NULL ? 0 : tls_server_until(r->tls);
    if (!relay_handle_metrics(r->relay, x, until_s)) {
        http_reply_text(x, 404, "nothing here but /metrics\n");
    }
}

static void on_closed(void *user)
{
    struct running *r = user;
    r->still_open--;
    if (r->still_open == 0) {
        loop_stop(r->loop);
    }
}

static void begin_close(struct running *r)
{
    r->closing = true;
    r->still_open = (r->http != NULL) + (r->metrics != NULL) + (r->relay != NULL);
    if (r->http != NULL) {
        http_server_close(r->http, on_closed, r);
    }
    if (r->metrics != NULL) {
        http_server_close(r->metrics, on_closed, r);
    }
    if (r->relay != NULL) {
        relay_close(r->relay, on_closed, r);
    }
}

static void on_stop(void *user, int signum)
{
    struct running *r = user;
    if (!r->closing) { // asked twice: the goodbyes take two seconds at most
        log_info("relay.stop", "signal=%d", signum);
        begin_close(r);
    }
}

static void on_hangup(void *user, int signum)
{
    struct running *r = user;
    struct diag diag = {.text = ""};
    (void)signum;
    if (r->tls != NULL) {
        const enum err e = tls_server_reload(r->tls, &diag);
        log_info("relay.certificate", "reloaded=%s", e == OK ? "yes" : "no");
    }
}

static enum err put_json(struct buf *out, const struct relay_setup *s,
                         const struct ports *ports)
{
    enum err e = buf_putf(out,
                          "{\"listen\":\"%s\",\"port\":%u,\"metricsPort\":%u,"
                          "\"tls\":%s,\"hosts\":\"%s\",\"urls\":[",
                          s->listen.host, ports->relay, ports->metrics,
                          s->cert == NULL ? "false" : "true", relay_setup_admits(s));
    for (size_t i = 0; e == OK && i < s->n_urls; i++) {
        e = i == 0 ? OK : buf_put_str(out, ",");
        if (e == OK) {
            e = json_put_string(out, bytes_from_str(s->urls[i]));
        }
    }
    return e == OK ? buf_put_str(out, "]}") : e;
}

static void announce(const struct relay_setup *s, const struct ports *ports, bool json)
{
    struct buf out;
    const char *text = NULL;
    buf_init(&out, LINE_MAX_SIZE);
    if (!json) {
        cli_say("Relay listening on %s:%u as %s, for %s hosts%s.", s->listen.host,
                ports->relay, s->urls[0], relay_setup_admits(s),
                s->cert == NULL && !url_is_loopback(bytes_from_str(s->listen.host))
                    ? ", without TLS: put it behind a proxy that has it"
                    : "");
    } else if (put_json(&out, s, ports) == OK && buf_cstr(&out, &text) == OK) {
        cli_say("%s", text);
    }
    buf_fini(&out);
}

static int listen_on(struct http_server *http, const struct relay_address *at,
                     const char *option, uint16_t *port)
{
    struct diag diag = {.text = ""};
    const enum err e = http_server_listen_tcp(http, at->host, at->port, &diag, port);
    if (e == ERR_EXISTS) {
        return cli_fail(EXIT_TAKEN,
                        "port %u of %s is taken: stop what listens there, or choose "
                        "another with --%s",
                        at->port, at->host, option);
    }
    if (e != OK) {
        return cli_fail(e == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED, "%s", diag.text);
    }
    return EXIT_DONE;
}

static int start_tls(struct running *r, const struct relay_setup *s)
{
    struct diag diag = {.text = ""};
    if (s->cert != NULL && tls_server_create(s->cert, s->key, &diag, &r->tls) != OK) {
        return cli_fail(EXIT_CERTIFICATE,
                        "the certificate or its key cannot be used: %s", diag.text);
    }
    return EXIT_DONE;
}

static int start_listening(struct running *r, const struct relay_setup *s,
                           uint16_t *port)
{
    const struct http_server_options options = {
        .request = on_request,
        .user = r,
        .tls = r->tls,
    };
    r->http = http_server_create(r->loop, &options);
    return listen_on(r->http, &s->listen, "listen", port);
}

/* A listener of its own, without TLS: it is for the operator's network. */
static int start_metrics(struct running *r, const struct relay_setup *s, uint16_t *port)
{
    const struct http_server_options options = {.request = on_metrics, .user = r};
    if (s->metrics.host[0] == '\0') {
        return EXIT_DONE;
    }
    r->metrics = http_server_create(r->loop, &options);
    return listen_on(r->metrics, &s->metrics, "metrics", port);
}

static int start_relay(struct running *r, const struct relay_setup *s)
{
    struct diag diag = {.text = ""};
    const struct relay_options options = {
        .urls = s->urls,
        .n_urls = s->n_urls,
        .home = s->home,
        .admission = s->admission,
        .admission_path = s->admission_path,
        .memory_max = s->memory_max,
        .proxies = s->proxies,
        .n_proxies = s->n_proxies,
    };
    const enum err e = relay_create(r->loop, &options, &diag, &r->relay);
    if (e != OK) {
        const bool is_file =
            s->admission_path != NULL &&
            strncmp(diag.text, s->admission_path, strlen(s->admission_path)) == 0;
        return cli_fail(is_file ? EXIT_FAILED : EXIT_HOME, "%s", diag.text);
    }
    return EXIT_DONE;
}

static void run_until_stopped(struct running *r)
{
    static const struct {
        int signum;
        signal_fn *fn;
    } watched[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hangup}};
    for (size_t i = 0; i < COUNT(watched); i++) {
        r->signals[i] = signal_watch(r->loop, watched[i].signum, watched[i].fn, r);
    }
    loop_run(r->loop);
    for (size_t i = 0; i < COUNT(watched); i++) {
        signal_close(r->signals[i]);
    }
}

static void clean_up(struct running *r)
{
    if (!r->closing) { // the start failed half way
        begin_close(r);
    }
    while (r->still_open != 0 && loop_turn(r->loop)) {
    }
    tls_server_destroy(r->tls);
    loop_destroy(r->loop);
}

static int start(struct running *r, struct relay_setup *s, struct ports *ports)
{
    int code = start_tls(r, s);
    code = code == EXIT_DONE ? start_listening(r, s, &ports->relay) : code;
    if (code == EXIT_DONE) {
        relay_setup_default_urls(s, ports->relay);
        code = start_relay(r, s);
    }
    return code == EXIT_DONE ? start_metrics(r, s, &ports->metrics) : code;
}

/* Opens no port: the relay that is checked may be running already. */
static int check(struct running *r, struct relay_setup *s)
{
    int code = start_tls(r, s);
    relay_setup_default_urls(s, s->listen.port);
    code = code == EXIT_DONE ? start_relay(r, s) : code;
    return code == EXIT_DONE ? relay_setup_say(s, r->tls) : code;
}

static int run_relay(struct cli_args *args)
{
    struct relay_setup s = {.n_urls = 0};
    struct running r = {.loop = NULL};
    struct ports ports = {.relay = 0};
    int code = relay_setup_read(args, &s);
    if (code != EXIT_DONE) {
        return code;
    }
    crypto_init();
    r.loop = loop_create();
    const bool checking = cli_has(args, "check");
    code = checking ? check(&r, &s) : start(&r, &s, &ports);
    if (code == EXIT_DONE && !checking) {
        announce(&s, &ports, cli_has(args, "json"));
        run_until_stopped(&r);
    }
    clean_up(&r);
    return code;
}

static const struct cli_option options[] = {
    {"listen", "ADDR:PORT",
     "where to listen (default " RELAY_LISTEN_DEFAULT "; port 0: any)"},
    {"public-url", "URL", "an address under which others reach it; may be repeated"},
    {"tls-cert", "FILE", "certificate chain, PEM; read again on SIGHUP"},
    {"tls-key", "FILE", "its private key, PEM"},
    {"invite-file", "FILE", "hosts that know a secret of this file, one a line"},
    {"allow-file", "FILE", "hosts whose mailbox id or relay key is in this file"},
    {"open", NULL, "any host"},
    {"trust-proxy", "ADDR",
     "a reverse proxy whose X-Forwarded-For is believed; may be repeated"},
    {"max-memory", "SIZE", "refuse new work above this much for peers (default 256M)"},
    {"metrics", "ADDR:PORT", "answer /metrics (Prometheus) there, without TLS"},
    {"check", NULL, "look through these options, say what is wrong, and end"},
    {"json", NULL, "say where it listens as JSON"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_relay = {
    .name = "relay",
    .words = "",
    .summary = "run a relay that lets hosts and devices meet",
    .text =
        "A relay forwards encrypted frames between a host and its devices. It cannot "
        "read them, and keeps nothing but its ticket keys.\n\n"
        "Peers sign the exact address that they dialled, so every address that is in "
        "use must be named: with --public-url, or else it is the one it listens on.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_relay,
};
