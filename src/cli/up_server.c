#include "cli/up_server.h"

#include <limits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/lan.h"
#include "host/page.h"
#include "net/http_server.h"
#include "relay/relay.h"

#define RELAYS_TEXT_MAX 2048
#define LAN_PAGE_MAX    (64u * 1024) // our own page, or a certificate

struct up_server {
    struct loop *loop;
    struct http_server *plain;   // loopback
    struct http_server *secure;  // --lan: page and relay over https
    struct http_server *explain; // --lan: the one step on the phone, in plain http
    struct tls_server *tls;
    struct lan lan;
    char web[PATH_MAX];
    struct relay *relay; // NULL: somebody else's
    struct page *page;
    struct up_urls urls;
    char url_file[PATH_MAX];
    unsigned n_closing;
    void (*done)(void *user);
    void *done_user;
};

static void on_request(struct http_exchange *x, void *user)
{
    struct up_server *s = user;
    if (s->relay != NULL && relay_handle(s->relay, x)) {
        return;
    }
    page_handle(s->page, x);
}

/* ---- addresses ------------------------------------------------------------------------ */

static enum err add_device_relay(struct up_urls *urls, const char *url)
{
    if (urls->n_device_relays == UP_URLS_MAX) {
        return ERR_LIMIT;
    }
    return text_format(urls->device_relay[urls->n_device_relays++], UP_URL_MAX, "%s",
                       url);
}

static enum err set_urls(struct up_server *s, const struct up_server_options *o,
                         uint16_t port)
{
    struct up_urls *urls = &s->urls;
    char own[UP_URL_MAX];
    enum err e =
        text_format(own, sizeof(own), "ws://127.0.0.1:%u/relay", (unsigned)port);
    const char *relay = o->relay != NULL ? o->relay : own;
    e = e != OK ? e : text_format(urls->host_relay, UP_URL_MAX, "%s", relay);
    e = e != OK ? e : add_device_relay(urls, relay);
    return e != OK ? e
                   : text_format(urls->app, UP_URL_MAX, "http://127.0.0.1:%u",
                                 (unsigned)port);
}

/* A phone cannot reach loopback: the addresses of the LAN come first for it, and stand
 * alone in the code. */
static enum err set_lan_urls(struct up_server *s, bool own_relay, uint16_t port,
                             uint16_t explain_port)
{
    struct up_urls *urls = &s->urls;
    char host[LAN_ADDRESS_MAX + 2];
    enum err e = lan_url_host(s->lan.address, host, sizeof(host));
    if (e == OK && own_relay) {
        e = text_format(urls->device_relay[0], UP_URL_MAX, "wss://%s:%u/relay", host,
                        (unsigned)port);
    }
    e = e != OK
            ? e
            : text_format(urls->app, UP_URL_MAX, "https://%s:%u", host, (unsigned)port);
    return e != OK ? e
                   : text_format(urls->explain, UP_URL_MAX, "http://%s:%u", host,
                                 (unsigned)explain_port);
}

/* run/relay.url: what a bare phrase means on this machine while `up` runs. */
static enum err publish(struct up_server *s, const char *home)
{
    const enum err e =
        text_format(s->url_file, sizeof(s->url_file), "%s/run/relay.url", home);
    return e != OK
               ? e
               : file_replace(s->url_file, bytes_from_str(s->urls.host_relay), 0600);
}

/* ---- start ------------------------------------------------------------------------------ */

static enum err listen_loopback(struct up_server *s, uint16_t port, struct diag *diag,
                                uint16_t *out_port)
{
    const struct http_server_options options = {.request = on_request, .user = s};
    struct diag why = {.text = ""};
    s->plain = http_server_create(s->loop, &options);
    const enum err e =
        http_server_listen_tcp(s->plain, "127.0.0.1", port, &why, out_port);
    if (e == ERR_EXISTS) {
        diag_set(
            diag,
            "port %u is taken: choose another with --port N, or --port 0 for a free "
            "one",
            (unsigned)port);
    } else if (e != OK) {
        diag_set(diag, "cannot listen on port %u: %s", (unsigned)port, why.text);
    }
    return e;
}

/* ---- the local network ------------------------------------------------------------------ */

static void reply_file(struct http_exchange *x, const char *path, const char *headers)
{
    struct buf file;
    buf_init(&file, LAN_PAGE_MAX);
    if (file_read(path, &file) == OK) {
        http_reply(x, 200, headers, buf_bytes(&file));
    } else {
        http_reply_text(x, 500, "The file cannot be read.\n");
    }
    buf_fini(&file);
}

static void reply_explanation(struct up_server *s, struct http_exchange *x)
{
    char path[PATH_MAX];
    struct buf template;
    struct buf page;
    buf_init(&template, LAN_PAGE_MAX);
    buf_init(&page, LAN_PAGE_MAX);
    if (text_format(path, sizeof(path), "%s/lan.html", s->web) == OK &&
        file_read(path, &template) == OK &&
        lan_explain(buf_bytes(&template), s->urls.app, &s->lan, &page) == OK) {
        http_reply(x, 200,
                   "Content-Type: text/html; charset=utf-8\r\n"
                   "Content-Security-Policy: default-src 'none'; style-src 'self'\r\n",
                   buf_bytes(&page));
    } else {
        http_reply_text(x, 500, "The page is not built.\n");
    }
    buf_fini(&template);
    buf_fini(&page);
}

static void on_explain_request(struct http_exchange *x, void *user)
{
    struct up_server *s = user;
    char css[PATH_MAX];
    if (http_exchange_is(x, "GET", "/farhand-ca.crt")) {
        reply_file(x, s->lan.ca_cert, "Content-Type: application/x-x509-ca-cert\r\n");
    } else if (http_exchange_is(x, "GET", "/lan.css") &&
               text_format(css, sizeof(css), "%s/lan.css", s->web) == OK) {
        reply_file(x, css, "Content-Type: text/css\r\n");
    } else {
        reply_explanation(s, x);
    }
}

static enum err listen_at(struct http_server *server, const char *address,
                          uint16_t port, struct diag *diag, uint16_t *out_port)
{
    struct diag why = {.text = ""};
    const enum err e = http_server_listen_tcp(server, address, port, &why, out_port);
    if (e != OK) {
        diag_set(diag, "cannot listen on %s: %s", address, why.text);
    }
    return e;
}

static enum err open_lan(struct up_server *s, const struct up_server_options *o,
                         struct diag *diag)
{
    uint16_t port = 0;
    uint16_t explain_port = 0;
    enum err e = lan_prepare(o->home, o->lan, &s->lan, diag);
    e = e != OK ? e
                : tls_server_create(s->lan.leaf_cert, s->lan.leaf_key, diag, &s->tls);
    if (e != OK) {
        return e;
    }
    const struct http_server_options secure = {
        .request = on_request, .user = s, .tls = s->tls};
    const struct http_server_options explain = {.request = on_explain_request,
                                                .user = s};
    s->secure = http_server_create(s->loop, &secure);
    s->explain = http_server_create(s->loop, &explain);
    const uint16_t next = o->port == 0 ? 0 : (uint16_t)(o->port + 1);
    e = listen_at(s->secure, s->lan.address, o->port, diag, &port);
    e = e != OK ? e : listen_at(s->explain, s->lan.address, next, diag, &explain_port);
    return e != OK ? e : set_lan_urls(s, o->relay == NULL, port, explain_port);
}

static enum err make_relay(struct up_server *s, const struct up_server_options *o,
                           struct diag *diag)
{
    uint8_t mailbox[16];
    const char *urls[] = {s->urls.host_relay, s->urls.device_relay[0]};
    const struct relay_options options = {.urls = urls,
                                          .n_urls = COUNT(urls),
                                          .home = o->home,
                                          .admission = ADMISSION_LISTED};
    enum err e = relay_create(s->loop, &options, diag, &s->relay);
    if (e != OK) {
        return e;
    }
    admission_mailbox_of(o->host_relay_key, mailbox);
    return relay_allow(s->relay, mailbox);
}

static enum err make_page(struct up_server *s, const struct up_server_options *o)
{
    struct buf relays;
    const char *text = "";
    buf_init(&relays, RELAYS_TEXT_MAX);
    enum err e = OK;
    for (size_t i = 0; i < s->urls.n_device_relays && e == OK; i++) {
        e = buf_putf(&relays, "%s%s", i == 0 ? "" : " ", s->urls.device_relay[i]);
    }
    for (size_t i = 0; i < o->n_allow_relays && e == OK; i++) {
        e = buf_putf(&relays, " %s", o->allow_relays[i]);
    }
    e = e != OK ? e : buf_cstr(&relays, &text);
    e = e != OK ? e : page_create(o->web, text, &s->page);
    buf_fini(&relays);
    return e;
}

static enum err open_parts(struct up_server *s, const struct up_server_options *o,
                           struct diag *diag)
{
    uint16_t port = 0;
    enum err e = listen_loopback(s, o->port, diag, &port);
    e = e != OK ? e : set_urls(s, o, port);
    e = e != OK ? e : text_format(s->web, sizeof(s->web), "%s", o->web);
    if (e == OK && o->lan != NULL) {
        e = open_lan(s, o, diag);
    }
    if (e == OK && o->relay == NULL) {
        e = make_relay(s, o, diag);
    }
    e = e != OK ? e : make_page(s, o);
    e = e != OK ? e : publish(s, o->home);
    if (e != OK) {
        diag_set(diag, "page and relay cannot be served: %s", err_text(e));
    }
    return e;
}

static void nothing(void *user)
{
    (void)user;
}

enum err up_server_open(const struct up_server_options *o, struct diag *diag,
                        struct up_server **out)
{
    struct up_server *s = mem_new(sizeof(*s));
    *s = (struct up_server){.loop = o->loop};
    const enum err e = open_parts(s, o, diag);
    if (e != OK) {
        up_server_close(s, nothing, NULL);
        return e;
    }
    *out = s;
    return OK;
}

const char *up_server_fingerprint(const struct up_server *s)
{
    return s->lan.fingerprint;
}

const struct up_urls *up_server_urls(const struct up_server *s)
{
    return &s->urls;
}

/* ---- end ---------------------------------------------------------------------------------- */

static void part_closed(void *user)
{
    struct up_server *s = user;
    if (--s->n_closing != 0) {
        return;
    }
    void (*done)(void *) = s->done;
    void *done_user = s->done_user;
    page_destroy(s->page);
    tls_server_destroy(s->tls);
    mem_free(s);
    done(done_user);
}

void up_server_close(struct up_server *s, void (*done)(void *user), void *user)
{
    if (s == NULL) {
        done(user);
        return;
    }
    s->done = done;
    s->done_user = user;
    s->n_closing = 1; // ours, until every part was asked
    if (s->url_file[0] != '\0') {
        (void)unlink(s->url_file);
    }
    if (s->relay != NULL) {
        s->n_closing++;
        relay_close(s->relay, part_closed, s);
    }
    struct http_server *servers[] = {s->plain, s->secure, s->explain};
    for (size_t i = 0; i < COUNT(servers); i++) {
        if (servers[i] != NULL) {
            s->n_closing++;
            http_server_close(servers[i], part_closed, s);
        }
    }
    part_closed(s);
}
