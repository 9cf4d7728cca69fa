#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "host/daemon.h"
#include "net/http_server.h"
#include "wire/url.h"

/* The direct door (docs/protocol.md 5.0): a listener of our own, one path, no relay.
 * What a stranger may do there is limited by link/host_door.c. */

#define DOOR_PATH  "/fh1"
#define DOOR_CONNS 64u // requests that are not yet a WebSocket

/* ADDR:PORT, port 0 for a free one. An address of all interfaces is none that
 * a device could be told. */
static enum err read_address(const char *text, char *address, size_t size,
                             uint16_t *port, struct diag *diag)
{
    struct url url;
    char whole[HOST_URL_MAX];
    const size_t len = strlen(text);
    const bool any = len > 2 && strcmp(text + len - 2, ":0") == 0;
    const int shown = (int)(any ? len - 2 : len);
    enum err e = text_format(whole, sizeof(whole), "ws://%.*s", shown, text);
    e = e != OK ? e : url_parse(bytes_from_str(whole), &url);
    if (e != OK || strrchr(text, ':') == NULL || text[len - 1] == ']' ||
        url.host.len == 0 || url.host.len >= size || url.target.len != 1) {
        diag_set(diag, "--listen wants ADDR:PORT, not %s", text);
        return ERR_USAGE;
    }
    memcpy(address, url.host.at, url.host.len);
    address[url.host.len] = '\0';
    if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0) {
        diag_set(diag,
                 "--listen %s: devices are told this address, so name the one at "
                 "which they reach this machine",
                 text);
        return ERR_USAGE;
    }
    *port = any ? 0 : url.port;
    return OK;
}

static void on_request(struct http_exchange *x, void *user)
{
    struct host *h = user;
    struct ws_conn_options options;
    if (!http_exchange_is_upgrade(x) || !http_exchange_is(x, "GET", DOOR_PATH)) {
        http_reply_text(x, 404, "This is the door of a Farhand host: nothing to see.");
        return;
    }
    if (h->link == NULL || !link_host_door_may(h->link, http_exchange_peer(x))) {
        http_reply_text(x, 503, "not now");
        return;
    }
    link_host_door_options(&options);
    struct ws_conn *ws = http_exchange_accept_ws(x, &options, NULL);
    if (ws != NULL) {
        link_host_door(h->link, ws);
    }
}

enum err direct_door_open(struct host *h, struct diag *diag)
{
    if (h->listen[0] != '\0') {
        enum err may = requirements_remote(&h->requirements, diag);
        may = may == OK ? requirements_door(&h->requirements, diag) : may;
        if (may != OK) {
            return may;
        }
    }
    char address[64];
    uint16_t port = 0;
    if (h->listen[0] == '\0') {
        return OK;
    }
    const struct http_server_options o = {
        .request = on_request, .user = h, .max_conns = DOOR_CONNS};
    enum err e = read_address(h->listen, address, sizeof(address), &port, diag);
    if (e != OK) {
        return e;
    }
    h->direct_door = http_server_create(h->loop, &o);
    e = http_server_listen_tcp(h->direct_door, address, port, diag, &port);
    if (e != OK) {
        return e;
    }
    const bool v6 = strchr(address, ':') != NULL;
    e = text_format(h->door_url, sizeof(h->door_url), "ws://%s%s%s:%u" DOOR_PATH,
                    v6 ? "[" : "", address, v6 ? "]" : "", (unsigned)port);
    log_info("door.open", "port=%u", (unsigned)port);
    return e;
}

const char *host_door(const struct host *h)
{
    return h->door_url;
}
