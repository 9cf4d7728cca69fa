/* cmd_relay: a relay of its own: it forwards what it cannot read. */
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "crypto/random.h"
#include "loop/signal.h"
#include "relay/limit.h"
#include "relay/relay.h"
#include "wire/json.h"
#include "wire/url.h"

#define LISTEN_DEFAULT "127.0.0.1:4318"
#define ADDRESS_MAX    64
#define LINE_MAX_SIZE  (16u * 1024)

struct setup {
    char host[ADDRESS_MAX];
    uint16_t port;
    const char *urls[RELAY_URLS_MAX];
    size_t n_urls;
    char default_urls[2][RELAY_URL_MAX + 1];
    const char *cert;
    const char *key;
    enum admission_kind admission;
    const char *admission_path;
    char home[PATH_MAX];
};

struct running {
    struct loop *loop;
    struct tls_server *tls;
    struct http_server *http;
    struct relay *relay;
    struct signal_watch *signals[3];
    int still_open; // of http and relay, while closing
    bool closing;
};

/* ---- the command line ------------------------------------------------------------ */

/* ADDR:PORT with a numeric address; IPv6 in brackets. */
static enum err parse_listen(const char *text, struct setup *s)
{
    const char *colon = strrchr(text, ':');
    const bool brackets = text[0] == '[';
    uint64_t port = 0;
    if (colon == NULL ||
        u64_parse(bytes_from_str(colon + 1), UINT16_MAX, &port) != OK) {
        return ERR_USAGE;
    }
    const char *end = brackets ? colon - 1 : colon;
    const char *begin = brackets ? text + 1 : text;
    if (end <= begin || (brackets && *end != ']') || end - begin >= ADDRESS_MAX) {
        return ERR_USAGE;
    }
    memcpy(s->host, begin, (size_t)(end - begin));
    s->host[end - begin] = '\0';
    s->port = (uint16_t)port;
    return OK;
}

static bool is_any_address(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static int read_admission(const struct cli_args *args, struct setup *s)
{
    const char *invites = cli_value(args, "invite-file");
    const char *allowed = cli_value(args, "allow-file");
    const bool open = cli_has(args, "open");
    if ((invites != NULL) + (allowed != NULL) + open != 1) {
        return cli_fail(EXIT_USAGE, "say which hosts may use this relay: --invite-file "
                                    "FILE, --allow-file FILE, or --open for anybody");
    }
    s->admission = open              ? ADMISSION_OPEN
                   : invites != NULL ? ADMISSION_INVITE
                                     : ADMISSION_LISTED;
    s->admission_path = invites != NULL ? invites : allowed;
    return EXIT_DONE;
}

static int read_urls(const struct cli_args *args, struct setup *s)
{
    s->n_urls = cli_all(args, "public-url", s->urls, RELAY_URLS_MAX);
    for (size_t i = 0; i < s->n_urls; i++) {
        struct url url;
        if (strlen(s->urls[i]) > RELAY_URL_MAX ||
            url_parse(bytes_from_str(s->urls[i]), &url) != OK ||
            (url.scheme != URL_WS && url.scheme != URL_WSS)) {
            return cli_fail(EXIT_USAGE,
                            "'%s' is not an address of a relay: "
                            "wss://relay.example/relay",
                            s->urls[i]);
        }
    }
    if (s->n_urls == 0 && is_any_address(s->host)) {
        return cli_fail(EXIT_USAGE, "say under which address others reach this relay: "
                                    "--public-url wss://relay.example/relay");
    }
    return EXIT_DONE;
}

static int read_setup(const struct cli_args *args, struct setup *s)
{
    const char *listen = cli_value(args, "listen");
    if (parse_listen(listen == NULL ? LISTEN_DEFAULT : listen, s) != OK) {
        return cli_fail(EXIT_USAGE, "'%s' is not ADDRESS:PORT, such as 0.0.0.0:443",
                        listen);
    }
    s->cert = cli_value(args, "tls-cert");
    s->key = cli_value(args, "tls-key");
    if ((s->cert == NULL) != (s->key == NULL)) {
        return cli_fail(EXIT_USAGE, "--tls-cert and --tls-key go together");
    }
    int code = read_admission(args, s);
    if (code == EXIT_DONE) {
        code = read_urls(args, s);
    }
    if (code == EXIT_DONE && cli_home(args, s->home) != OK) {
        code = EXIT_HOME;
    }
    return code;
}

/* Without --public-url: what a peer on this machine, or beside it, would dial. */
static void default_urls(struct setup *s, uint16_t port)
{
    const char *scheme = s->cert == NULL ? "ws" : "wss";
    const bool v6 = strchr(s->host, ':') != NULL;
    const char *names[] = {s->host, "localhost"};
    const size_t n = url_is_loopback(bytes_from_str(s->host)) ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        const bool brackets = v6 && i == 0;
        if (text_format(s->default_urls[i], sizeof(s->default_urls[i]),
                        "%s://%s%s%s:%u" RELAY_PATH, scheme, brackets ? "[" : "",
                        names[i], brackets ? "]" : "", port) != OK) {
            return;
        }
        s->urls[s->n_urls++] = s->default_urls[i];
    }
}

/* ---- running ------------------------------------------------------------------------ */

static void on_request(struct http_exchange *x, void *user)
{
    struct running *r = user;
    if (!relay_handle(r->relay, x)) {
        http_reply_text(x, 404, "nothing here\n");
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
    r->still_open = (r->http != NULL) + (r->relay != NULL);
    if (r->http != NULL) {
        http_server_close(r->http, on_closed, r);
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

static const char *admission_name(enum admission_kind kind)
{
    static const char *const names[] = {
        [ADMISSION_LISTED] = "listed",
        [ADMISSION_INVITE] = "invited",
        [ADMISSION_OPEN] = "any",
    };
    return names[kind];
}

static enum err put_json(struct buf *out, const struct setup *s, uint16_t port)
{
    enum err e = buf_putf(out,
                          "{\"listen\":\"%s\",\"port\":%u,\"tls\":%s,\"hosts\":\"%s\""
                          ",\"urls\":[",
                          s->host, port, s->cert == NULL ? "false" : "true",
                          admission_name(s->admission));
    for (size_t i = 0; e == OK && i < s->n_urls; i++) {
        e = i == 0 ? OK : buf_put_str(out, ",");
        if (e == OK) {
            e = json_put_string(out, bytes_from_str(s->urls[i]));
        }
    }
    return e == OK ? buf_put_str(out, "]}") : e;
}

static void announce(const struct setup *s, uint16_t port, bool json)
{
    struct buf out;
    const char *text = NULL;
    buf_init(&out, LINE_MAX_SIZE);
    if (!json) {
        cli_say("Relay listening on %s:%u as %s, for %s hosts%s.", s->host, port,
                s->urls[0], admission_name(s->admission),
                s->cert == NULL && !url_is_loopback(bytes_from_str(s->host))
                    ? ", without TLS: put it behind a proxy that has it"
                    : "");
    } else if (put_json(&out, s, port) == OK && buf_cstr(&out, &text) == OK) {
        cli_say("%s", text);
    }
    buf_fini(&out);
}

static int start_listening(struct running *r, struct setup *s, uint16_t *port)
{
    struct diag diag = {.text = ""};
    if (s->cert != NULL && tls_server_create(s->cert, s->key, &diag, &r->tls) != OK) {
        return cli_fail(EXIT_CERTIFICATE,
                        "the certificate or its key cannot be used: %s", diag.text);
    }
    const struct http_server_options options = {
        .request = on_request,
        .user = r,
        .tls = r->tls,
    };
    r->http = http_server_create(r->loop, &options);
    const enum err e = http_server_listen_tcp(r->http, s->host, s->port, &diag, port);
    if (e == ERR_EXISTS) {
        return cli_fail(EXIT_RUNNING,
                        "port %u of %s is taken: stop what listens there, or choose "
                        "another with --listen",
                        s->port, s->host);
    }
    if (e != OK) {
        return cli_fail(e == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED, "%s", diag.text);
    }
    return EXIT_DONE;
}

static int start_relay(struct running *r, const struct setup *s)
{
    struct diag diag = {.text = ""};
    const struct relay_options options = {
        .urls = s->urls,
        .n_urls = s->n_urls,
        .home = s->home,
        .admission = s->admission,
        .admission_path = s->admission_path,
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

static int run_relay(struct cli_args *args)
{
    struct setup s = {.port = 0};
    struct running r = {.loop = NULL};
    uint16_t port = 0;
    int code = read_setup(args, &s);
    if (code != EXIT_DONE) {
        return code;
    }
    crypto_init();
    r.loop = loop_create();
    code = start_listening(&r, &s, &port);
    if (code == EXIT_DONE) {
        default_urls(&s, port);
        code = start_relay(&r, &s);
    }
    if (code == EXIT_DONE) {
        announce(&s, port, cli_has(args, "json"));
        run_until_stopped(&r);
    }
    clean_up(&r);
    return code;
}

static const struct cli_option options[] = {
    {"listen", "ADDR:PORT",
     "where to listen (default " LISTEN_DEFAULT "; port 0: any)"},
    {"public-url", "URL", "an address under which others reach it; may be repeated"},
    {"tls-cert", "FILE", "certificate chain, PEM; read again on SIGHUP"},
    {"tls-key", "FILE", "its private key, PEM"},
    {"invite-file", "FILE", "hosts that know a secret of this file, one a line"},
    {"allow-file", "FILE", "hosts whose mailbox id or relay key is in this file"},
    {"open", NULL, "any host"},
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
