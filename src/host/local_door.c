#include "host/local_door.h"

#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"
#include "host/ancestry.h"
#include "net/http_server.h"

#define TOKEN_OCTETS    32
#define WS_CLOSE_GOING  1001
#define WS_CLOSE_BINARY 1003
#define BEARER          "Bearer "

struct local_door {
    struct loop *loop;
    struct hub *hub;
    struct http_server *server;
    struct list peers;
    unsigned n_peers;
    bool is_tcp;
    char token[LOCAL_DOOR_TOKEN_SIZE];
    pid_t agent;
    bool closing;
    bool server_closed;
    void (*closed)(void *user);
    void *closed_user;
};

struct peer {
    struct list node;
    struct local_door *door;
    struct ws_conn *ws;
    struct controller *controller;
};

/* ---- one peer ------------------------------------------------------------------- */

static void finish(struct local_door *d)
{
    if (!d->closing || !d->server_closed || d->n_peers > 0) {
        return;
    }
    void (*closed)(void *user) = d->closed;
    void *user = d->closed_user;
    secret_wipe(d->token, sizeof(d->token));
    mem_free(d);
    if (closed != NULL) {
        closed(user);
    }
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    const struct peer *p = user;
    if (!text) {
        ws_conn_close(ws, WS_CLOSE_BINARY, "text only");
        return;
    }
    hub_input(p->controller, payload, loop_now_ms(p->door->loop));
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct peer *p = user;
    struct local_door *d = p->door;
    (void)ws;
    log_debug("door.closed", "reason=\"%s\" code=%u", err_text(e), (unsigned)code);
    hub_detach(p->controller);
    list_remove(&p->node);
    d->n_peers--;
    mem_free(p);
    finish(d);
}

static void peer_send(void *user, struct blob *text)
{
    const struct peer *p = user;
    const enum err e = ws_conn_send_text(p->ws, blob_bytes(text));
    if (e != OK) {
        log_peer("door.dropped", "reason=\"%s\"", err_text(e));
        ws_conn_abort(p->ws); // closed() comes later, from the loop
    }
}

static void peer_close(void *user, uint16_t ws_code, const char *reason)
{
    const struct peer *p = user;
    ws_conn_close(p->ws, ws_code, reason);
}

static struct controller_info describe(const struct local_door *d,
                                       const struct stream_peer *from)
{
    struct controller_info info = {.kind = CONTROLLER_LOCAL, .pid = from->pid};
    if (d->is_tcp) {
        info.kind = CONTROLLER_TCP;
        info.role = ROLE_OPERATOR;
        info.pid = 0;
        return info; // its name is what its initialize says
    }
    info.role = ROLE_OWNER;
    info.caps = CAP_ALL;
    if (from->has_pid && stream_peer_exe(from->pid, info.exe, sizeof(info.exe)) == OK) {
        const char *slash = strrchr(info.exe, '/');
        text_sanitize(bytes_from_str(slash != NULL ? slash + 1 : info.exe), info.name,
                      sizeof(info.name));
    }
    return info;
}

static void admit(struct local_door *d, struct http_exchange *x)
{
    static const struct ws_conn_events events = {
        .message = on_message,
        .closed = on_closed,
    };
    static const struct controller_ops ops = {.send = peer_send, .close = peer_close};
    const struct ws_conn_options options = {
        .max_message = LOCAL_DOOR_MESSAGE,
        .max_queue = LOCAL_DOOR_QUEUE,
    };
    const struct controller_info info = describe(d, http_exchange_peer(x));
    struct ws_conn *ws = http_exchange_accept_ws(x, &options, NULL);
    if (ws == NULL) {
        return; // not a proper handshake: answered
    }
    struct peer *p = mem_new(sizeof(*p));
    p->door = d;
    p->ws = ws;
    p->controller = hub_attach(d->hub, &info, &ops, p);
    list_append(&d->peers, &p->node);
    d->n_peers++;
    ws_conn_start(ws, &events, p);
}

/* ---- who may come in ----------------------------------------------------------------- */

static bool is_loopback_name(struct bytes host)
{
    return http1_host_is(host, "127.0.0.1") || http1_host_is(host, "localhost") ||
           http1_host_is(host, "[::1]");
}

static bool has_token(const struct local_door *d, struct http_exchange *x)
{
    const struct bytes given = http_exchange_header(x, "Authorization");
    const size_t skip = sizeof(BEARER) - 1;
    return given.len > skip && bytes_equal_str(bytes_sub(given, 0, skip), BEARER) &&
           secret_equal(bytes_sub(given, skip, given.len), bytes_from_str(d->token));
}

/* 0: welcome; else the status to refuse with. */
static unsigned why_not(const struct local_door *d, struct http_exchange *x,
                        const char **text)
{
    const struct stream_peer *from = http_exchange_peer(x);
    if (http_exchange_header(x, "Origin").at != NULL) {
        *text = "Browsers may not connect here.\n";
        return 403;
    }
    if (d->is_tcp && !is_loopback_name(http_exchange_head(x)->host)) {
        *text = "This address is not mine.\n";
        return 403;
    }
    if (d->is_tcp && !has_token(d, x)) {
        *text = "The bearer token is missing or wrong.\n";
        return 401;
    }
    if (!d->is_tcp && (!from->is_unix || from->uid != geteuid())) {
        *text = "This door is for the user who runs the host.\n";
        return 403;
    }
    if (!d->is_tcp && d->agent > 0 && from->has_pid &&
        ancestry_is_below(from->pid, d->agent)) {
        *text = "What the agent started may not control it.\n";
        return 403;
    }
    if (d->n_peers >= LOCAL_DOOR_PEERS) {
        *text = "Too many connections.\n";
        return 503;
    }
    return 0;
}

static void on_request(struct http_exchange *x, void *user)
{
    struct local_door *d = user;
    const char *text = "";
    if (http_exchange_is(x, "GET", "/readyz") ||
        http_exchange_is(x, "GET", "/healthz")) {
        http_reply_text(x, 200, "ok\n");
        return;
    }
    if (!http_exchange_is(x, "GET", "/rpc") && !http_exchange_is(x, "GET", "/")) {
        http_reply_text(x, 404, "There is only /rpc here.\n");
        return;
    }
    const unsigned status = why_not(d, x, &text);
    if (status != 0) {
        log_peer("door.refused", "status=%u", status);
        http_reply_text(x, status, text);
        return;
    }
    if (!http_exchange_is_upgrade(x)) {
        http_reply_text(x, 426, "This is a WebSocket.\n");
        return;
    }
    admit(d, x);
}

/* ---- opening and closing ---------------------------------------------------------------- */

static struct local_door *door_create(struct loop *l, struct hub *hub)
{
    struct local_door *d = mem_new(sizeof(*d));
    const struct http_server_options options = {.request = on_request, .user = d};
    d->loop = l;
    d->hub = hub;
    list_init(&d->peers);
    d->server = http_server_create(l, &options);
    return d;
}

enum err local_door_open(struct loop *l, struct hub *hub, const char *path,
                         struct diag *diag, struct local_door **out)
{
    struct local_door *d = door_create(l, hub);
    const enum err e = http_server_listen_unix(d->server, path, diag);
    if (e != OK) {
        local_door_close(d, NULL, NULL);
        return e;
    }
    *out = d;
    return OK;
}

static enum err read_token(const char *path, char *out, struct diag *diag)
{
    struct buf text;
    uint8_t octets[TOKEN_OCTETS];
    buf_init(&text, 256);
    enum err e = file_read_secret(path, &text);
    if (e == ERR_NOT_FOUND) {
        random_bytes(octets, sizeof(octets));
        b64url_encode(BYTES_OF(octets), out);
        secret_wipe(octets, sizeof(octets));
        e = file_replace(path, bytes_from_str(out), 0600);
    } else if (e == OK) {
        struct bytes token = buf_bytes(&text);
        while (token.len > 0 && token.at[token.len - 1] <= ' ') {
            token.len--;
        }
        e = token.len == LOCAL_DOOR_TOKEN_SIZE - 1 ? OK : ERR_USAGE;
        if (e == OK) {
            memcpy(out, token.at, token.len);
            out[token.len] = '\0';
        }
    }
    if (e != OK) {
        diag_set(diag,
                 "The token file %s cannot be used (%s): remove it and a new "
                 "one is made.",
                 path, err_text(e));
    }
    buf_wipe(&text);
    return e;
}

enum err local_door_open_tcp(struct loop *l, struct hub *hub, struct local_door_tcp *at,
                             struct diag *diag, struct local_door **out)
{
    struct local_door *d = door_create(l, hub);
    const bool loopback =
        is_loopback_name(bytes_from_str(at->host)) || strcmp(at->host, "::1") == 0;
    d->is_tcp = true;
    enum err e = read_token(at->token_path, d->token, diag);
    if (e == OK && !loopback) {
        diag_set(diag, "%s is not a loopback address: other machines pair instead.",
                 at->host);
        e = ERR_USAGE;
    }
    if (e == OK) {
        e = http_server_listen_tcp(d->server, at->host, at->port, diag, &at->port);
    }
    if (e != OK) {
        local_door_close(d, NULL, NULL);
        return e;
    }
    *out = d;
    return OK;
}

void local_door_set_agent(struct local_door *d, pid_t agent)
{
    d->agent = agent;
}

bool local_door_knows_agent(const struct local_door *d)
{
    return d->agent > 0;
}

static void on_server_closed(void *user)
{
    struct local_door *d = user;
    d->server_closed = true;
    finish(d);
}

void local_door_close(struct local_door *d, void (*closed)(void *user), void *user)
{
    struct peer *p;
    if (d == NULL || d->closing) {
        return;
    }
    d->closing = true;
    d->closed = closed;
    d->closed_user = user;
    list_each (p, &d->peers, node) {
        ws_conn_close(p->ws, WS_CLOSE_GOING, "the host is stopping");
    }
    http_server_close(d->server, on_server_closed, d);
}
