#include "client/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/fdwatch.h"

#define READ_MAX 16384

struct lines {
    struct loop *loop;
    int fd;
    const struct lines_events *events;
    void *user;
    struct fdwatch *watch; // NULL: a regular file, which is always ready
    struct loop_task next; // the next step of a regular file, or after a pause
    struct buf held;       // a line that is not whole yet
    bool paused;
    bool ended;
    bool in_callback; // lines_close() then only notes it
    bool closed;
};

static void destroy(struct lines *l)
{
    fdwatch_close(l->watch);
    loop_task_cancel(&l->next);
    buf_fini(&l->held);
    mem_free(l);
}

/* Reading is asked for whenever nothing speaks against it. */
static void want(struct lines *l)
{
    const bool on = !l->paused && !l->ended;
    if (l->watch != NULL) {
        fdwatch_want(l->watch, on, false);
    } else if (on) {
        loop_defer(l->loop, &l->next, l->next.fn);
    } else {
        loop_task_cancel(&l->next);
    }
}

static void finish(struct lines *l, enum err e)
{
    l->ended = true;
    want(l);
    if (e == ERR_CLOSED && buf_len(&l->held) != 0) {
        l->events->line(l->user, buf_bytes(&l->held));
    }
    if (!l->closed) {
        l->events->end(l->user, e);
    }
}

/* Gives out every whole line that is held, unless told to wait. */
static void deliver(struct lines *l)
{
    while (!l->paused && !l->closed) {
        const struct bytes held = buf_bytes(&l->held);
        const uint8_t *end = held.len == 0 ? NULL : memchr(held.at, '\n', held.len);
        if (end == NULL) {
            return;
        }
        struct bytes line = {held.at, (size_t)(end - held.at)};
        const size_t used = line.len + 1;
        if (line.len != 0 && line.at[line.len - 1] == '\r') {
            line.len--;
        }
        l->events->line(l->user, line);
        buf_consume(&l->held, used);
    }
}

static enum err read_some(struct lines *l)
{
    uint8_t *room = NULL;
    const enum err e = buf_reserve(&l->held, READ_MAX, &room);
    if (e != OK) {
        return e;
    }
    const ssize_t n = read(l->fd, room, READ_MAX);
    if (n < 0) {
        return errno == EINTR || errno == EAGAIN ? OK : ERR_IO;
    }
    if (n == 0) {
        return ERR_CLOSED;
    }
    buf_grew(&l->held, (size_t)n);
    return OK;
}

static void step(struct lines *l)
{
    l->in_callback = true;
    const enum err e = read_some(l);
    deliver(l);
    if (e != OK && !l->closed && !(e == ERR_CLOSED && l->paused)) {
        finish(l, e); // an end met while paused is met again after it
    }
    l->in_callback = false;
    if (l->closed) {
        destroy(l);
    } else {
        want(l);
    }
}

static void on_ready(void *user, bool readable, bool writable)
{
    (void)writable;
    if (readable) {
        step(user);
    }
}

/* A regular file is always ready; after a pause, what is held goes out first. */
static void on_next(struct loop_task *t)
{
    struct lines *l = CONTAINER_OF(t, struct lines, next);
    if (l->watch == NULL) {
        step(l);
        return;
    }
    l->in_callback = true;
    deliver(l);
    l->in_callback = false;
    if (l->closed) {
        destroy(l);
    } else {
        want(l);
    }
}

struct lines *lines_open(struct loop *loop, int fd, size_t max_line,
                         const struct lines_events *events, void *user)
{
    struct lines *l = mem_new(sizeof(*l));
    l->loop = loop;
    l->fd = fd;
    l->events = events;
    l->user = user;
    l->next.fn = on_next;
    buf_init(&l->held, max_line + READ_MAX);
    if (fdwatch_open(loop, fd, on_ready, l, &l->watch) != OK) {
        l->watch = NULL;
    }
    want(l);
    return l;
}

void lines_pause(struct lines *l)
{
    l->paused = true;
    want(l);
}

void lines_resume(struct lines *l)
{
    if (l->paused && !l->ended) {
        l->paused = false;
        loop_defer(l->loop, &l->next, l->next.fn);
    }
}

void lines_close(struct lines *l)
{
    if (l == NULL) {
        return;
    }
    l->closed = true;
    if (!l->in_callback) {
        destroy(l);
    }
}
