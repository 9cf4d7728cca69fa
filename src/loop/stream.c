#include "loop/stream.h"

#include <string.h>

#include "base/machine.h"
#include "base/mem.h"
#include "loop/loop_uv.h"

enum { OPEN, FINISHING, CLOSING };

static const struct machine_state stream_states[] = {
    [OPEN] = {"open", MOVES_TO(FINISHING) | MOVES_TO(CLOSING)},
    [FINISHING] = {"finishing", MOVES_TO(CLOSING)},
    [CLOSING] = {"closing", 0},
};

/* What the system did not take at once; exists only then. */
struct rest {
    uv_write_t req;
    struct stream *stream;
    struct buf octets;
};

struct stream {
    struct machine m;
    struct loop *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    const struct stream_events *events; // NULL until stream_start()
    void *user;
    struct buf out;    // written in this turn
    struct rest *rest; // being written by the system
    size_t max_queue;
    struct loop_task flush;
    uv_shutdown_t shutdown;
    bool wants_drained;
    bool shut; // our end was told to the peer
    bool paused;
    bool ended;  // `end` was called
    bool broken; // a write failed
    stream_closed_fn *closed;
    void *closed_user;
    struct stream_peer peer;
};

/* ---- reading -------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    const struct stream *s = h->data;
    (void)suggested;
    *out = uv_buf_init((char *)s->loop->read_buf, LOOP_SCRATCH);
}

static void end_reading(struct stream *s, enum err e)
{
    if (s->ended || s->m.state == CLOSING) {
        return;
    }
    s->ended = true;
    uv_read_stop(&s->uv.stream);
    if (s->events != NULL) {
        s->events->end(s, s->user, e);
    }
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b)
{
    struct stream *s = h->data;
    if (n > 0) {
        s->events->data(s, s->user, (uint8_t *)b->base, (size_t)n);
    } else if (n < 0) {
        end_reading(s, n == UV_EOF ? ERR_CLOSED : ERR_IO);
    }
}

static void update_reading(struct stream *s)
{
    if (s->events == NULL || s->ended || s->m.state == CLOSING) {
        return;
    }
    if (s->paused) {
        uv_read_stop(&s->uv.stream);
    } else {
        (void)uv_read_start(&s->uv.stream, on_alloc, on_read); // twice does nothing
    }
}

void stream_start(struct stream *s, const struct stream_events *events, void *user)
{
    s->events = events;
    s->user = user;
    update_reading(s);
}

void stream_pause(struct stream *s)
{
    s->paused = true;
    update_reading(s);
}

void stream_resume(struct stream *s)
{
    s->paused = false;
    update_reading(s);
}

/* ---- writing ---------------------------------------------------------------------- */

static void on_shutdown(uv_shutdown_t *req, int status)
{
    (void)req;
    (void)status; // the peer is told, or gone: its end comes by reading
}

static void flush(struct stream *s);

static void flush_task(struct loop_task *t)
{
    flush(CONTAINER_OF(t, struct stream, flush));
}

/* The memory of one emptied queue is kept for the next that fills: in the usual case no
 * write allocates, and an idle stream holds nothing. */
static void give_memory_back(struct stream *s)
{
    struct buf *spare = &s->loop->spare;
    if (spare->at != NULL || s->out.cap > LOOP_SCRATCH) {
        buf_release(&s->out);
        return;
    }
    spare->at = s->out.at;
    spare->cap = s->out.cap;
    buf_init(&s->out, s->out.max);
}

static void borrow_memory(struct stream *s)
{
    struct buf *spare = &s->loop->spare;
    if (s->out.at == NULL && spare->at != NULL) {
        s->out.at = spare->at;
        s->out.cap = spare->cap;
        buf_init(spare, LOOP_SCRATCH);
    }
}

static void queue_is_empty(struct stream *s)
{
    give_memory_back(s);
    if (s->m.state == FINISHING && !s->shut) {
        s->shut = true;
        (void)uv_shutdown(&s->shutdown, &s->uv.stream, on_shutdown);
    }
    if (s->wants_drained && s->m.state == OPEN) {
        s->wants_drained = false;
        if (s->events != NULL && s->events->drained != NULL) {
            s->events->drained(s, s->user);
        }
    }
}

static void write_failed(struct stream *s)
{
    s->broken = true;
    buf_release(&s->out);
    end_reading(s, ERR_IO);
}

static void on_written(uv_write_t *req, int status)
{
    struct rest *rest = CONTAINER_OF(req, struct rest, req);
    struct stream *s = rest->stream;
    s->rest = NULL;
    buf_fini(&rest->octets);
    mem_free(rest);
    if (s->m.state == CLOSING) {
        return;
    }
    if (status < 0) {
        write_failed(s);
        return;
    }
    flush(s);
}

/* Hands what is left to the system's care. */
static void write_rest(struct stream *s)
{
    struct rest *rest = mem_new(sizeof(*rest));
    rest->stream = s;
    rest->octets = s->out;
    buf_init(&s->out, s->out.max);
    const struct bytes left = buf_bytes(&rest->octets);
    const uv_buf_t b = {.base = (char *)rest->octets.at + rest->octets.start,
                        .len = left.len};
    s->rest = rest;
    if (uv_write(&rest->req, &s->uv.stream, &b, 1, on_written) < 0) {
        s->rest = NULL;
        buf_fini(&rest->octets);
        mem_free(rest);
        write_failed(s);
    }
}

/* One system call; false when the stream broke. */
static bool try_write(struct stream *s)
{
    const uv_buf_t b = {.base = (char *)s->out.at + s->out.start,
                        .len = buf_len(&s->out)};
    const int n = uv_try_write(&s->uv.stream, &b, 1);
    if (n > 0) {
        buf_consume(&s->out, (size_t)n);
    }
    return n >= 0 || n == UV_EAGAIN;
}

static void flush(struct stream *s)
{
    if (s->rest != NULL || s->broken || s->m.state == CLOSING) {
        return;
    }
    if (buf_len(&s->out) != 0) {
        if (!try_write(s)) {
            write_failed(s);
            return;
        }
        if (buf_len(&s->out) != 0) {
            write_rest(s);
            return;
        }
    }
    queue_is_empty(s);
}

size_t stream_queued(const struct stream *s)
{
    return buf_len(&s->out) + uv_stream_get_write_queue_size(&s->uv.stream);
}

enum err stream_write_space(struct stream *s, size_t len, uint8_t **out)
{
    if (s->broken || s->m.state != OPEN) {
        return ERR_CLOSED;
    }
    const size_t queued = stream_queued(s);
    if (queued > s->max_queue || len > s->max_queue - queued) {
        s->wants_drained = true;
        return ERR_LIMIT;
    }
    borrow_memory(s);
    const enum err e = buf_reserve(&s->out, len, out);
    if (e != OK) {
        return e;
    }
    buf_grew(&s->out, len);
    s->wants_drained |= queued + len > s->max_queue / 2;
    loop_flush_later(s->loop, &s->flush, flush_task);
    return OK;
}

enum err stream_write2(struct stream *s, struct bytes head, struct bytes body)
{
    uint8_t *to;
    if (head.len > SIZE_MAX - body.len) {
        return ERR_LIMIT;
    }
    const enum err e = stream_write_space(s, head.len + body.len, &to);
    if (e != OK) {
        return e;
    }
    if (head.len != 0) {
        memcpy(to, head.at, head.len);
    }
    if (body.len != 0) {
        memcpy(to + head.len, body.at, body.len);
    }
    return OK;
}

void stream_want_drained(struct stream *s)
{
    s->wants_drained = true;
}

enum err stream_write(struct stream *s, struct bytes octets)
{
    return stream_write2(s, BYTES_NONE, octets);
}

void stream_set_max_queue(struct stream *s, size_t max)
{
    s->max_queue = max;
    s->out.max = max;
}

/* ---- ending -------------------------------------------------------------------------- */

void stream_finish(struct stream *s)
{
    if (s->m.state != OPEN) {
        return;
    }
    machine_move(&s->m, FINISHING);
    loop_flush_later(s->loop, &s->flush, flush_task);
}

static void on_closed(uv_handle_t *h)
{
    struct stream *s = h->data;
    stream_closed_fn *closed = s->closed;
    void *user = s->closed_user;
    buf_fini(&s->out);
    if (closed != NULL) {
        closed(user);
    }
    mem_free(s);
}

void stream_close(struct stream *s, stream_closed_fn *closed, void *user)
{
    if (s->m.state == CLOSING) {
        return;
    }
    if (!s->broken && s->rest == NULL && buf_len(&s->out) != 0) {
        (void)try_write(s); // a last word, if the system takes it
    }
    machine_move(&s->m, CLOSING);
    loop_task_cancel(&s->flush);
    s->closed = closed;
    s->closed_user = user;
    uv_close(&s->uv.handle, on_closed);
}

/* ---- making --------------------------------------------------------------------------- */

static struct stream *stream_new(struct loop *l)
{
    struct stream *s = mem_new(sizeof(*s));
    s->m = (struct machine){.what = "stream", .table = stream_states, .state = OPEN};
    s->loop = l;
    s->max_queue = STREAM_QUEUE_DEFAULT;
    buf_init(&s->out, s->max_queue);
    return s;
}

struct stream *stream_new_tcp(struct loop *l)
{
    struct stream *s = stream_new(l);
    (void)uv_tcp_init(&l->uv, &s->uv.tcp); // fails only when asked for a socket too
    s->uv.handle.data = s;
    return s;
}

struct stream *stream_new_pipe(struct loop *l)
{
    struct stream *s = stream_new(l);
    (void)uv_pipe_init(&l->uv, &s->uv.pipe, 0);
    s->uv.handle.data = s;
    return s;
}

uv_stream_t *stream_uv(struct stream *s)
{
    return &s->uv.stream;
}

struct loop *stream_loop(const struct stream *s)
{
    return s->loop;
}

const struct stream_peer *stream_peer(const struct stream *s)
{
    return &s->peer;
}

static void learn_tcp(struct stream *s, const struct sockaddr_storage *a)
{
    struct stream_peer *p = &s->peer;
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)a;
        (void)uv_ip4_name(in, p->text, sizeof(p->text));
        p->port = ntohs(in->sin_port);
        p->loopback = strncmp(p->text, "127.", 4) == 0;
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
        (void)uv_ip6_name(in6, p->text, sizeof(p->text));
        p->port = ntohs(in6->sin6_port);
        p->loopback = strcmp(p->text, "::1") == 0;
    }
}

void stream_learn_peer(struct stream *s)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    int size = sizeof(a);
    uv_os_fd_t fd = -1;
    if (s->uv.handle.type == UV_TCP) {
        (void)uv_tcp_nodelay(&s->uv.tcp, 1);
        if (uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&a, &size) == 0) {
            learn_tcp(s, &a);
        }
        return;
    }
    s->peer.is_unix = true;
    s->peer.loopback = true;
    memcpy(s->peer.text, "unix", sizeof("unix"));
    if (uv_fileno(&s->uv.handle, &fd) == 0) {
        s->peer.has_pid = peer_credentials(fd, &s->peer.uid, &s->peer.pid);
    }
}
