#include "host/daemon.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "wire/url.h"

#define TOKEN_FILE "app-server.token"

/* ws://HOST:PORT on loopback; which HOSTs are loopback is the door's to say. Port 0, a
 * free one, is nothing that could be dialled: the URL is read without it. */
static enum err read_address(const char *text, char *host, size_t size, uint16_t *port,
                             struct diag *diag)
{
    struct url url;
    const size_t len = strlen(text);
    const bool any = len > 2 && strcmp(text + len - 2, ":0") == 0;
    const struct bytes dialled = {(const uint8_t *)text, any ? len - 2 : len};
    enum err e = url_parse(dialled, &url);
    if (e != OK || url.scheme != URL_WS || url.host.len >= size) {
        diag_set(diag, "--listen-app-server wants ws://127.0.0.1:PORT, not %s", text);
        return ERR_USAGE;
    }
    memcpy(host, url.host.at, url.host.len);
    host[url.host.len] = '\0';
    *port = any ? 0 : url.port;
    return OK;
}

enum err app_server_open(struct host *h, struct diag *diag)
{
    char host[64];
    char token[PATH_MAX];
    struct local_door_tcp at = {.host = host, .token_path = token};
    if (h->app_server[0] == '\0') {
        return OK;
    }
    enum err e = read_address(h->app_server, host, sizeof(host), &at.port, diag);
    e = e != OK ? e : text_format(token, sizeof(token), "%s/" TOKEN_FILE, h->run_dir);
    e = e != OK ? e : local_door_open_tcp(h->loop, h->hub, &at, diag, &h->tcp_door);
    if (e == OK) {
        const bool v6 = strchr(host, ':') != NULL;
        e = text_format(h->app_server, sizeof(h->app_server), "ws://%s%s%s:%u",
                        v6 ? "[" : "", host, v6 ? "]" : "", (unsigned)at.port);
        log_info("app_server.open", "port=%u", (unsigned)at.port);
    }
    return e;
}

const char *host_app_server(const struct host *h)
{
    return h->app_server;
}
