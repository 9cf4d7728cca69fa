#include "net/http_server.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/http_exchange.h"

enum { LISTENERS_MAX = 8 };

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    struct listener *listeners[LISTENERS_MAX];
    unsigned n_listeners;
    struct list exchanges;
    unsigned n_exchanges;
    unsigned n_open; // listeners that have not closed yet
    bool closing;
    struct loop_task finish;
    stream_closed_fn *closed;
    void *closed_user;
};

const struct http_server_options *http_server_options(const struct http_server *s)
{
    return &s->options;
}

struct loop *http_server_loop(const struct http_server *s)
{
    return s->loop;
}

struct http_server *http_server_create(struct loop *l,
                                       const struct http_server_options *o)
{
    struct http_server *s = mem_new(sizeof(*s));
    s->loop = l;
    s->options = *o;
    if (s->options.max_body == 0) {
        s->options.max_body = HTTP_SERVER_BODY_MAX;
    }
    if (s->options.max_conns == 0) {
        s->options.max_conns = HTTP_SERVER_CONNS_MAX;
    }
    if (s->options.max_each == 0) {
        s->options.max_each = HTTP_SERVER_EACH_MAX;
    }
    if (s->options.max_local == 0) {
        s->options.max_local = HTTP_SERVER_LOCAL_MAX;
    }
    struct http_server_times *ms = &s->options.ms;
    ms->head = ms->head != 0 ? ms->head : HTTP_SERVER_HEAD_MS;
    ms->body = ms->body != 0 ? ms->body : HTTP_SERVER_BODY_MS;
    ms->keep = ms->keep != 0 ? ms->keep : HTTP_SERVER_KEEP_MS;
    ms->send = ms->send != 0 ? ms->send : HTTP_SERVER_SEND_MS;
    list_init(&s->exchanges);
    return s;
}

/* ---- connections come and go -------------------------------------------------------- */

static void finish_task(struct loop_task *t)
{
    struct http_server *s = CONTAINER_OF(t, struct http_server, finish);
    if (s->closed != NULL) {
        s->closed(s->closed_user);
    }
    mem_free(s);
}

static void maybe_finish(struct http_server *s)
{
    if (s->closing && s->n_open == 0 && s->n_exchanges == 0) {
        loop_defer(s->loop, &s->finish, finish_task);
    }
}

/* Whoever has one IPv6 address has the /64 around it. */
static void read_address(const struct stream_peer *peer, uint8_t out[16])
{
    struct in6_addr six;
    memset(out, 0, 16);
    if (peer->loopback) {
        return; // all of this machine
    }
    if (inet_pton(AF_INET6, peer->text, &six) != 1) {
        out[15] = inet_pton(AF_INET, peer->text, out) == 1 ? 4 : 1;
    } else if (IN6_IS_ADDR_V4MAPPED(&six)) {
        memcpy(out, &six.s6_addr[12], 4);
        out[15] = 4;
    } else {
        memcpy(out, six.s6_addr, 8);
        out[15] = 6;
    }
}

void http_server_joined(struct http_server *s, struct http_exchange *x)
{
    s->n_exchanges++;
    read_address(conn_peer(x->conn), x->from);
    list_append(&s->exchanges, &x->node);
}

void http_server_left(struct http_server *s, struct http_exchange *x)
{
    s->n_exchanges--;
    list_remove(&x->node);
    maybe_finish(s);
}

static unsigned count_from(const struct http_server *s, const uint8_t from[16])
{
    unsigned n = 0;
    const struct http_exchange *x;
    list_each (x, &s->exchanges, node) {
        n += memcmp(x->from, from, sizeof(x->from)) == 0 ? 1 : 0;
    }
    return n;
}

void http_server_adopt(struct http_server *s, struct stream *stream)
{
    const struct stream_peer *peer = stream_peer(stream);
    const unsigned max = peer->loopback ? s->options.max_local : s->options.max_each;
    uint8_t from[16];
    read_address(peer, from);
    if (s->closing || s->n_exchanges >= s->options.max_conns ||
        count_from(s, from) >= max) {
        log_peer("http.refused", "peer=%s reason=\"too many connections\"", peer->text);
        stream_close(stream, NULL, NULL);
        return;
    }
    http_exchange_begin(s, stream);
}

static void on_accept(void *user, struct stream *stream)
{
    http_server_adopt(user, stream);
}

/* ---- listening ------------------------------------------------------------------------ */

enum err http_server_listen_tcp(struct http_server *s, const char *host, uint16_t port,
                                struct diag *diag, uint16_t *out_port)
{
    const struct listener_handler to = {on_accept, s};
    struct listener *listener = NULL;
    if (s->n_listeners == LISTENERS_MAX) {
        diag_set(diag, "at most %d addresses", LISTENERS_MAX);
        return ERR_LIMIT;
    }
    const enum err e = listener_tcp(s->loop, host, port, &to, diag, &listener);
    if (e != OK) {
        return e;
    }
    s->listeners[s->n_listeners++] = listener;
    s->n_open++;
    if (out_port != NULL) {
        *out_port = listener_port(listener);
    }
    return OK;
}

enum err http_server_listen_unix(struct http_server *s, const char *path,
                                 struct diag *diag)
{
    const struct listener_handler to = {on_accept, s};
    struct listener *listener = NULL;
    if (s->n_listeners == LISTENERS_MAX) {
        diag_set(diag, "at most %d addresses", LISTENERS_MAX);
        return ERR_LIMIT;
    }
    const enum err e = listener_unix(s->loop, path, &to, diag, &listener);
    if (e != OK) {
        return e;
    }
    s->listeners[s->n_listeners++] = listener;
    s->n_open++;
    return OK;
}

/* ---- ending ---------------------------------------------------------------------------- */

static void on_listener_closed(void *user)
{
    struct http_server *s = user;
    s->n_open--;
    maybe_finish(s);
}

void http_server_close(struct http_server *s, stream_closed_fn *closed, void *user)
{
    if (s->closing) {
        return;
    }
    s->closing = true;
    s->closed = closed;
    s->closed_user = user;
    for (unsigned i = 0; i < s->n_listeners; i++) {
        listener_close(s->listeners[i], on_listener_closed, s);
    }
    struct http_exchange *x;
    struct http_exchange *next;
    list_each_safe (x, next, &s->exchanges, node) {
        http_exchange_drop(x); // leaves the list later, from the loop
    }
    maybe_finish(s);
}
