#include "cli/relay_setup.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/url.h"

#define MEMORY_LEAST (16u * 1024 * 1024)
#define MEMORY_MOST  (UINT64_C(1) << 40)
#define SOON_S       (UINT64_C(14) * 86400)

/* ---- the command line ------------------------------------------------------------ */

/* ADDR:PORT with a numeric address; IPv6 in brackets. */
static enum err parse_address(const char *text, struct relay_address *out)
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
    if (end <= begin || (brackets && *end != ']') || end - begin >= RELAY_ADDRESS_MAX) {
        return ERR_USAGE;
    }
    memcpy(out->host, begin, (size_t)(end - begin));
    out->host[end - begin] = '\0';
    out->port = (uint16_t)port;
    return OK;
}

static bool is_any_address(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static int read_addresses(const struct cli_args *args, struct relay_setup *s)
{
    const char *listen = cli_value(args, "listen");
    const char *metrics = cli_value(args, "metrics");
    if (parse_address(listen == NULL ? RELAY_LISTEN_DEFAULT : listen, &s->listen) !=
        OK) {
        return cli_fail(EXIT_USAGE, "'%s' is not ADDRESS:PORT, such as 0.0.0.0:443",
                        listen);
    }
    if (metrics != NULL && parse_address(metrics, &s->metrics) != OK) {
        return cli_fail(EXIT_USAGE, "'%s' is not ADDRESS:PORT, such as 127.0.0.1:9318",
                        metrics);
    }
    return EXIT_DONE;
}

static int read_admission(const struct cli_args *args, struct relay_setup *s)
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

static int read_urls(const struct cli_args *args, struct relay_setup *s)
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
    if (s->n_urls == 0 && is_any_address(s->listen.host)) {
        return cli_fail(EXIT_USAGE, "say under which address others reach this relay: "
                                    "--public-url wss://relay.example/relay");
    }
    return EXIT_DONE;
}

/* "300M", "2G", octets without a letter. */
static int read_memory(const struct cli_args *args, struct relay_setup *s)
{
    const char *text = cli_value(args, "max-memory");
    if (text == NULL) {
        return EXIT_DONE;
    }
    static const char letters[] = "KMG";
    struct bytes digits = bytes_from_str(text);
    const char *letter =
        digits.len != 0 ? strchr(letters, (int)digits.at[digits.len - 1]) : NULL;
    const unsigned shift = letter != NULL ? 10 * (unsigned)(letter - letters + 1) : 0;
    uint64_t value = 0;
    digits.len -= letter != NULL ? 1 : 0;
    if (u64_parse(digits, MEMORY_MOST >> shift, &value) != OK ||
        value << shift < MEMORY_LEAST) {
        return cli_fail(EXIT_USAGE,
                        "--max-memory '%s': a size from 16M to 1024G, such as 300M",
                        text);
    }
    s->memory_max = (size_t)(value << shift);
    return EXIT_DONE;
}

static int read_proxies(const struct cli_args *args, struct relay_setup *s)
{
    s->n_proxies = cli_all(args, "trust-proxy", s->proxies, RELAY_PROXIES_MAX);
    for (size_t i = 0; i < s->n_proxies; i++) {
        uint8_t octets[16];
        if (inet_pton(AF_INET, s->proxies[i], octets) != 1 &&
            inet_pton(AF_INET6, s->proxies[i], octets) != 1) {
            return cli_fail(EXIT_USAGE,
                            "--trust-proxy '%s' is not a numeric address, such as "
                            "127.0.0.1",
                            s->proxies[i]);
        }
    }
    return EXIT_DONE;
}

int relay_setup_read(const struct cli_args *args, struct relay_setup *s)
{
    int code = read_addresses(args, s);
    s->cert = cli_value(args, "tls-cert");
    s->key = cli_value(args, "tls-key");
    if (code == EXIT_DONE && (s->cert == NULL) != (s->key == NULL)) {
        code = cli_fail(EXIT_USAGE, "--tls-cert and --tls-key go together");
    }
    code = code == EXIT_DONE ? read_admission(args, s) : code;
    code = code == EXIT_DONE ? read_urls(args, s) : code;
    code = code == EXIT_DONE ? read_memory(args, s) : code;
    code = code == EXIT_DONE ? read_proxies(args, s) : code;
    if (code == EXIT_DONE && cli_home(args, s->home) != OK) {
        code = EXIT_HOME;
    }
    return code;
}

void relay_setup_default_urls(struct relay_setup *s, uint16_t port)
{
    const char *scheme = s->cert == NULL ? "ws" : "wss";
    const char *host = s->listen.host;
    const bool v6 = strchr(host, ':') != NULL;
    const char *names[] = {host, "localhost"};
    const size_t n = s->n_urls != 0 ? 0 : url_is_loopback(bytes_from_str(host)) ? 2 : 1;
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

/* ---- looking through it -------------------------------------------------------------- */

const char *relay_setup_admits(const struct relay_setup *s)
{
    static const char *const names[] = {
        [ADMISSION_LISTED] = "listed",
        [ADMISSION_INVITE] = "invited",
        [ADMISSION_OPEN] = "any",
    };
    return names[s->admission];
}

static int check_certificate(const struct tls_server *tls)
{
    const uint64_t until_s = tls_server_until(tls);
    const uint64_t now_s = clock_wall_ms() / 1000;
    if (until_s <= now_s) {
        return cli_fail(EXIT_CERTIFICATE, "the certificate has ended: renew it");
    }
    const unsigned days = (unsigned)((until_s - now_s) / 86400);
    cli_say("certificate  good for %u more days%s", days,
            until_s - now_s < SOON_S ? ": renew it now" : "");
    return until_s - now_s < SOON_S ? EXIT_WARNING : EXIT_DONE;
}

/* Does what listens here serve this address, or is a proxy needed in between? */
static int check_url(const char *text, const struct tls_server *tls)
{
    struct url url;
    char host[256];
    if (url_parse(bytes_from_str(text), &url) != OK ||
        text_format(host, sizeof(host), "%.*s", (int)url.host.len,
                    (const char *)url.host.at) != OK) {
        return cli_fail(EXIT_USAGE, "'%s' is not an address of a relay", text);
    }
    if (!url_is_tls(&url) && !url_is_loopback(url.host)) {
        cli_say("address      %s is without TLS: phones refuse it", text);
        return EXIT_WARNING;
    }
    if (url_is_tls(&url) && tls == NULL) {
        cli_say("address      %s needs a proxy with TLS in front", text);
        return EXIT_WARNING;
    }
    if (url_is_tls(&url) && !tls_server_is_for(tls, host)) {
        return cli_fail(EXIT_CERTIFICATE, "the certificate is not for %s", host);
    }
    cli_say("address      %s", text);
    return EXIT_DONE;
}

static int worse(int a, int b)
{
    const bool a_fails = a != EXIT_DONE && a != EXIT_WARNING;
    return a_fails || b == EXIT_DONE ? a : b;
}

int relay_setup_say(const struct relay_setup *s, const struct tls_server *tls)
{
    int code = tls == NULL ? EXIT_DONE : check_certificate(tls);
    for (size_t i = 0; i < s->n_urls; i++) {
        code = worse(code, check_url(s->urls[i], tls));
    }
    cli_say("hosts        %s%s%s", relay_setup_admits(s),
            s->admission_path != NULL ? ", by " : "",
            s->admission_path != NULL ? s->admission_path : "");
    cli_say("state        %s/relay/ticket.keys", s->home);
    if (code == EXIT_DONE) {
        cli_say("The relay can be started with these options.");
    }
    return code;
}
