#include "client/endpoint.h"

#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "net/http_server.h"
#include "wire/jsonrpc.h"
#include "wire/ws.h"

#define MESSAGE_MAX (64u * 1024 * 1024)
#define QUEUE_MAX   (80u * 1024 * 1024)
#define PAUSE_AT    (1024u * 1024) // octets one side has not read: the other waits

struct endpoint {
    struct loop *loop;
    struct endpoint_options options;
    struct http_server *server;
    uint16_t port;
    struct list pipes; // struct pipe
    bool closing;
    bool server_closed;
    void (*closed)(void *user);
    void *closed_user;
};

struct pipe {
    struct list node;
    struct endpoint *endpoint;
    struct http_exchange *x; // until it is answered; NULL: gone, or answered
    struct reach *reach;     // until it is done
    struct ws_conn *front;   // the local client
    struct ws_conn *back;    // the host
};

/* ---- what new threads begin with -------------------------------------------------- */

enum err endpoint_put_choice(struct bytes text, const char *cwd, const char *profile,
                             struct buf *out)
{
    struct jsonrpc m;
    if (jsonrpc_scan(text, &m) != OK || m.kind != JSONRPC_REQUEST ||
        (!bytes_equal_str(m.method, "thread/start") &&
         !bytes_equal_str(m.method, "thread/fork"))) {
        return ERR_NOT_FOUND;
    }
    json_t *root = NULL;
    enum err e = json_parse(text, &root);
    if (e != OK) {
        return ERR_NOT_FOUND; // the host says what is wrong with it
    }
    json_t *params = json_get_obj(root, "params");
    if (params == NULL) {
        params = json_object();
        json_set(root, "params", params);
    }
    if (cwd != NULL) {
        json_set_str(params, "cwd", cwd);
    }
    if (profile != NULL) {
        json_set(params, "farhand", json_pack("{s:s}", "profile", profile));
    }
    e = json_print(root, out);
    json_decref(root);
    return e;
}

/* ---- the end of a pipe ------------------------------------------------------------- */

static void maybe_free(struct endpoint *e)
{
    if (e->closing && e->server_closed && list_is_empty(&e->pipes)) {
        void (*closed)(void *user) = e->closed;
        void *user = e->closed_user;
        mem_free(e);
        if (closed != NULL) {
            closed(user);
        }
    }
}

static void pipe_maybe_free(struct pipe *p)
{
    if (p->reach == NULL && p->front == NULL && p->back == NULL) {
        struct endpoint *e = p->endpoint;
        list_remove(&p->node);
        mem_free(p);
        maybe_free(e);
    }
}

/* ---- messages --------------------------------------------------------------------------- */

/* The reader of `to` is slow when much waits there: then `from` is not read. */
static void forward(struct ws_conn *from, struct ws_conn *to, struct bytes text)
{
    if (to == NULL) {
        return;
    }
    if (ws_conn_send_text(to, text) != OK) {
        ws_conn_close(from, WS_CLOSE_TRY_LATER, "the other side does not read");
    } else if (ws_conn_queued(to) > PAUSE_AT) {
        ws_conn_pause(from); // resumed by the `drained` of `to`
        ws_conn_want_drained(to);
    }
}

static void on_front_message(struct ws_conn *ws, void *user, bool text,
                             struct bytes payload)
{
    struct pipe *p = user;
    const struct endpoint_options *o = &p->endpoint->options;
    if (!text) {
        ws_conn_close(ws, WS_CLOSE_UNSUPPORTED, NULL);
        return;
    }
    struct buf changed;
    buf_init(&changed, MESSAGE_MAX);
    if ((o->cwd != NULL || o->profile != NULL) &&
        endpoint_put_choice(payload, o->cwd, o->profile, &changed) == OK) {
        payload = buf_bytes(&changed);
    }
    forward(ws, p->back, payload);
    buf_fini(&changed);
}

static void on_back_message(struct ws_conn *ws, void *user, bool text,
                            struct bytes payload)
{
    const struct pipe *p = user;
    if (text) {
        forward(ws, p->front, payload);
    }
}

static void on_front_drained(struct ws_conn *ws, void *user)
{
    (void)ws;
    const struct pipe *p = user;
    if (p->back != NULL) {
        ws_conn_resume(p->back);
    }
}

static void on_back_drained(struct ws_conn *ws, void *user)
{
    (void)ws;
    const struct pipe *p = user;
    if (p->front != NULL) {
        ws_conn_resume(p->front);
    }
}

static void on_front_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    (void)ws;
    (void)e;
    (void)code;
    struct pipe *p = user;
    p->front = NULL;
    if (p->back != NULL) {
        ws_conn_close(p->back, WS_CLOSE_NORMAL, NULL);
    }
    pipe_maybe_free(p);
}

static void on_back_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    (void)ws;
    (void)e;
    struct pipe *p = user;
    const struct endpoint_options *o = &p->endpoint->options;
    const bool sendable =
        code >= WS_CLOSE_NORMAL && code != WS_CLOSE_NONE && code != WS_CLOSE_ABNORMAL;
    p->back = NULL;
    if (code == WS_CLOSE_POLICY && o->failed != NULL) {
        o->failed(o->user, LINK_REVOKED,
                  "the host has removed this device: pair again");
    }
    if (p->front != NULL) {
        ws_conn_close(p->front, sendable ? code : WS_CLOSE_RESTART,
                      "the host ended this connection");
    }
    pipe_maybe_free(p);
}

static const struct ws_conn_events front_events = {
    .message = on_front_message,
    .closed = on_front_closed,
    .drained = on_front_drained,
};

static const struct ws_conn_events back_events = {
    .message = on_back_message,
    .closed = on_back_closed,
    .drained = on_back_drained,
};

/* ---- a new pipe ------------------------------------------------------------------------------ */

static void join(struct pipe *p, struct ws_conn *back)
{
    const struct ws_conn_options options = {
        .max_message = MESSAGE_MAX, .max_queue = QUEUE_MAX, .ping_ms = UINT32_MAX};
    struct http_exchange *x = p->x;
    p->x = NULL;
    if (x != NULL) {
        http_exchange_on_gone(x, NULL, NULL); // it may be on its way out already
    }
    p->back = back;
    ws_conn_start(back, &back_events, p);
    p->front = x == NULL ? NULL : http_exchange_accept_ws(x, &options, NULL);
    if (p->front == NULL) {
        ws_conn_close(back, WS_CLOSE_NORMAL, NULL);
        return;
    }
    ws_conn_start(p->front, &front_events, p);
}

static void on_reached(void *user, enum link_cause cause, const char *sentence,
                       struct ws_conn *ws)
{
    struct pipe *p = user;
    const struct endpoint_options *o = &p->endpoint->options;
    p->reach = NULL;
    if (cause == LINK_OK) {
        join(p, ws);
        return;
    }
    log_info("endpoint.failed", "cause=%s", link_cause_name(cause));
    if (o->failed != NULL && cause != LINK_CANCELED) {
        o->failed(o->user, cause, sentence);
    }
    if (p->x != NULL) {
        http_exchange_on_gone(p->x, NULL, NULL); // it may be on its way out already
        http_reply_text(p->x, reach_status(cause), sentence);
        p->x = NULL;
    }
    pipe_maybe_free(p);
}

static void on_gone(struct http_exchange *x, void *user)
{
    (void)x;
    struct pipe *p = user;
    p->x = NULL;
    if (p->reach != NULL) {
        reach_cancel(p->reach);
    }
}

static bool is_welcome(const struct endpoint *e, const struct http_exchange *x)
{
    const struct stream_peer *peer = http_exchange_peer(x);
    const struct bytes shown = http_exchange_header(x, "authorization");
    if (e->options.socket != NULL) {
        return peer->is_unix && peer->uid == geteuid();
    }
    char wanted[256];
    return text_format(wanted, sizeof(wanted), "Bearer %s", e->options.token) == OK &&
           secret_equal(shown, bytes_from_str(wanted));
}

static void on_request(struct http_exchange *x, void *user)
{
    struct endpoint *e = user;
    if (http_exchange_header(x, "origin").len != 0) {
        http_reply_text(x, 403, "no browser may come in here");
    } else if (!is_welcome(e, x)) {
        http_reply_text(x, 401, "a bearer token is needed");
    } else if (!http_exchange_is_upgrade(x)) {
        http_reply_text(x, 400, "this is a WebSocket address");
    } else if (e->closing) {
        http_reply_text(x, 503, "closing");
    } else {
        struct pipe *p = mem_new(sizeof(*p));
        p->endpoint = e;
        p->x = x;
        list_append(&e->pipes, &p->node);
        http_exchange_on_gone(x, on_gone, p);
        p->reach = reach_open(e->loop, &e->options.reach, on_reached, p);
    }
}

/* ---- the calls ---------------------------------------------------------------------------------- */

static void on_server_closed(void *user)
{
    struct endpoint *e = user;
    e->server_closed = true;
    maybe_free(e);
}

enum err endpoint_open(struct loop *loop, const struct endpoint_options *o,
                       struct diag *d, struct endpoint **out)
{
    struct endpoint *e = mem_new(sizeof(*e));
    const struct http_server_options options = {.request = on_request, .user = e};
    e->loop = loop;
    e->options = *o;
    list_init(&e->pipes);
    e->server = http_server_create(loop, &options);
    const enum err failed =
        o->socket != NULL
            ? http_server_listen_unix(e->server, o->socket, d)
            : http_server_listen_tcp(e->server, "127.0.0.1", o->port, d, &e->port);
    if (failed != OK) {
        endpoint_close(e, NULL, NULL);
        return failed;
    }
    *out = e;
    return OK;
}

uint16_t endpoint_port(const struct endpoint *e)
{
    return e->port;
}

void endpoint_close(struct endpoint *e, void (*closed)(void *user), void *user)
{
    if (e->closing) {
        return;
    }
    e->closing = true;
    e->closed = closed;
    e->closed_user = user;
    struct pipe *p;
    list_each (p, &e->pipes, node) {
        if (p->reach != NULL) {
            reach_cancel(p->reach);
        } else if (p->front != NULL) {
            ws_conn_close(p->front, WS_CLOSE_GOING_AWAY, NULL);
        }
    }
    http_server_close(e->server, on_server_closed, e);
}
