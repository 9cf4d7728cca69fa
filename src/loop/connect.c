#include "loop/connect.h"

#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/loop_uv.h"
#include "loop/unix_addr.h"

#define UNIX_RETRY_MS 20 // a listener whose queue is full: it is busy, not gone

enum { RESOLVING, CONNECTING, DONE };

static const struct machine_state connect_states[] = {
    [RESOLVING] = {"resolving", MOVES_TO(CONNECTING) | MOVES_TO(DONE)},
    [CONNECTING] = {"connecting", MOVES_TO(DONE)},
    [DONE] = {"done", 0},
};

/* Requests of libuv outlive our interest in them: each is its own small object, freed
 * by its own callback, and knows its owner only while the owner still waits. */
struct lookup {
    uv_getaddrinfo_t req;
    struct connect *owner;
};

struct attempt {
    uv_connect_t req;
    struct connect *owner;
    struct stream *stream;
};

struct connect {
    struct machine m;
    struct loop *loop;
    char *host; // a name or an address, or the path of a unix socket
    uint16_t port;
    struct loop_task step;
    struct timer deadline;
    struct timer retry;
    struct lookup *lookup;
    struct attempt *attempt;
    struct addrinfo *list; // of the name
    struct addrinfo *next; // not tried yet
    enum err result;       // what `done` will be told if all else fails
    connect_done_fn *done;
    void *user;
};

/* ---- the end --------------------------------------------------------------------- */

static void abandon_attempt(struct connect *c)
{
    if (c->attempt != NULL) {
        c->attempt->owner = NULL;
        stream_close(c->attempt->stream, NULL, NULL);
        c->attempt = NULL;
    }
}

static void finish(struct connect *c, enum err e, struct stream *s)
{
    machine_move(&c->m, DONE);
    timer_stop(&c->deadline);
    timer_stop(&c->retry);
    loop_task_cancel(&c->step);
    if (c->lookup != NULL) {
        c->lookup->owner = NULL;
        (void)uv_cancel((uv_req_t *)&c->lookup->req); // may fail: its echo finds nobody
    }
    abandon_attempt(c);
    uv_freeaddrinfo(c->list);
    c->done(c->user, e, s);
    mem_free(c->host);
    mem_free(c);
}

static void on_deadline(struct timer *t)
{
    finish(CONTAINER_OF(t, struct connect, deadline), ERR_EXPIRED, NULL);
}

static void cancel_task(struct loop_task *t)
{
    finish(CONTAINER_OF(t, struct connect, step), ERR_CANCELED, NULL);
}

void connect_cancel(struct connect *c)
{
    loop_task_cancel(&c->step);
    loop_defer(c->loop, &c->step, cancel_task);
}

/* ---- one address after the other --------------------------------------------------- */

static void try_next(struct connect *c);

static void on_connected(uv_connect_t *req, int status)
{
    struct attempt *a = CONTAINER_OF(req, struct attempt, req);
    struct connect *c = a->owner;
    struct stream *s = a->stream;
    mem_free(a);
    if (c == NULL) {
        return; // given up; the stream is being closed
    }
    c->attempt = NULL;
    if (status == 0) {
        stream_learn_peer(s);
        finish(c, OK, s);
        return;
    }
    stream_close(s, NULL, NULL);
    c->result = loop_err(status);
    try_next(c);
}

static bool begin_attempt(struct connect *c, const struct sockaddr *to)
{
    struct attempt *a = mem_new(sizeof(*a));
    a->owner = c;
    a->stream = stream_new_tcp(c->loop);
    const int status =
        uv_tcp_connect(&a->req, (uv_tcp_t *)stream_uv(a->stream), to, on_connected);
    if (status != 0) {
        c->result = loop_err(status);
        stream_close(a->stream, NULL, NULL);
        mem_free(a);
        return false;
    }
    c->attempt = a;
    return true;
}

static void try_next(struct connect *c)
{
    while (c->next != NULL) {
        const struct addrinfo *now = c->next;
        c->next = now->ai_next;
        if (begin_attempt(c, now->ai_addr)) {
            return; // suspended: on_connected() goes on
        }
    }
    finish(c, c->result == ERR_EXPIRED ? ERR_EXPIRED : ERR_IO, NULL);
}

/* ---- from the name to its addresses -------------------------------------------------- */

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct lookup *l = CONTAINER_OF(req, struct lookup, req);
    struct connect *c = l->owner;
    mem_free(l);
    if (c == NULL) {
        uv_freeaddrinfo(list);
        return;
    }
    c->lookup = NULL;
    if (status != 0) {
        finish(c, ERR_NOT_FOUND, NULL);
        return;
    }
    c->list = list;
    c->next = list;
    machine_move(&c->m, CONNECTING);
    try_next(c);
}

static void begin_lookup(struct connect *c)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_ADDRCONFIG};
    char port[8];
    struct lookup *l = mem_new(sizeof(*l));
    l->owner = c;
    c->lookup = l;
    if (text_format(port, sizeof(port), "%u", c->port) != OK ||
        uv_getaddrinfo(&c->loop->uv, &l->req, on_resolved, c->host, port, &hints) !=
            0) {
        c->lookup = NULL;
        mem_free(l);
        finish(c, ERR_NOT_FOUND, NULL);
    }
}

/* An address needs no thread to look it up. */
static void tcp_task(struct loop_task *t)
{
    struct connect *c = CONTAINER_OF(t, struct connect, step);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const struct sockaddr *to = NULL;
    if (uv_ip4_addr(c->host, c->port, &v4) == 0) {
        to = (const struct sockaddr *)&v4;
    } else if (uv_ip6_addr(c->host, c->port, &v6) == 0) {
        to = (const struct sockaddr *)&v6;
    }
    if (to == NULL) {
        begin_lookup(c);
        return;
    }
    machine_move(&c->m, CONNECTING);
    if (!begin_attempt(c, to)) {
        finish(c, ERR_IO, NULL);
    }
}

/* ---- unix sockets: connect() answers at once ------------------------------------------- */

static void try_unix(struct connect *c);

static void on_retry(struct timer *t)
{
    try_unix(CONTAINER_OF(t, struct connect, retry));
}

static void try_unix(struct connect *c)
{
    int fd = -1;
    struct stream *s = NULL;
    enum err e = unix_addr_connect(c->host, &fd);
    if (e == ERR_AGAIN) {
        timer_start(c->loop, &c->retry, UNIX_RETRY_MS, on_retry);
        return;
    }
    if (e == OK) {
        e = stream_open(c->loop, fd, &s);
    }
    finish(c, e, s);
}

static void unix_task(struct loop_task *t)
{
    struct connect *c = CONTAINER_OF(t, struct connect, step);
    machine_move(&c->m, CONNECTING);
    try_unix(c);
}

/* ---- beginning ---------------------------------------------------------------------------- */

static struct connect *connect_new(struct loop *l, const char *host,
                                   uint64_t timeout_ms, connect_done_fn *done,
                                   void *user)
{
    struct connect *c = mem_new(sizeof(*c));
    *c = (struct connect){
        .m = {.what = "connect", .table = connect_states, .state = RESOLVING},
        .loop = l,
        .host = mem_strdup(host),
        .result = ERR_IO,
        .done = done,
        .user = user,
    };
    timer_start(l, &c->deadline, timeout_ms, on_deadline);
    return c;
}

struct connect *connect_tcp(struct loop *l, const char *host, uint16_t port,
                            uint64_t timeout_ms, connect_done_fn *done, void *user)
{
    struct connect *c = connect_new(l, host, timeout_ms, done, user);
    c->port = port;
    loop_defer(l, &c->step, tcp_task);
    return c;
}

struct connect *connect_unix(struct loop *l, const char *path, uint64_t timeout_ms,
                             connect_done_fn *done, void *user)
{
    struct connect *c = connect_new(l, path, timeout_ms, done, user);
    loop_defer(l, &c->step, unix_task);
    return c;
}
