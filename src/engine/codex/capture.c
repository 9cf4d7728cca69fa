#include "engine/codex/capture.h"

#include <signal.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/timer.h"

/* It is over when the program has ended AND its output has: a grandchild that keeps
 * the pipe open is not waited for beyond GRACE_MS. */
#define GRACE_MS 200

struct capture {
    struct loop *loop;
    struct child *child;
    struct stream *out;
    struct timer timer;
    struct loop_task task;
    struct buf text;
    enum err result;
    bool exited;
    bool ended; // no more output
    capture_done_fn *done;
    void *user;
    unsigned closing; // objects whose end is awaited
};

static void on_part_closed(void *user)
{
    struct capture *c = user;
    if (--c->closing > 0) {
        return;
    }
    if (c->done != NULL) {
        c->done(c->user, c->result, buf_bytes(&c->text));
    }
    buf_fini(&c->text);
    mem_free(c);
}

/* Closes everything; `done` comes when all of it is gone. */
static void capture_finish(struct capture *c, enum err e)
{
    if (c->closing > 0) {
        return;
    }
    c->result = e;
    c->closing = 1;
    timer_stop(&c->timer);
    loop_task_cancel(&c->task);
    if (c->child != NULL) {
        if (!c->exited) {
            const enum err kill = child_kill(c->child, SIGKILL);
            (void)kill; // gone already, then
        }
        c->closing++;
        child_close(c->child, on_part_closed, c);
    }
    if (c->out != NULL) {
        c->closing++;
        stream_close(c->out, on_part_closed, c);
    }
    on_part_closed(c);
}

static void on_timeout(struct timer *t)
{
    struct capture *c = CONTAINER_OF(t, struct capture, timer);
    capture_finish(c, c->exited ? c->result : ERR_EXPIRED);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the type is stream.h's
static void on_data(struct stream *s, void *user, uint8_t *at, size_t len)
{
    struct capture *c = user;
    (void)s;
    const enum err e = buf_put(&c->text, (struct bytes){at, len});
    if (e != OK) {
        capture_finish(c, e);
    }
}

static void on_end(struct stream *s, void *user, enum err e)
{
    struct capture *c = user;
    (void)s;
    (void)e;
    c->ended = true;
    if (c->exited) {
        capture_finish(c, c->result);
    }
}

static void on_exit(struct child *child, void *user, int code, int signum)
{
    struct capture *c = user;
    (void)child;
    c->exited = true;
    c->result = code == 0 && signum == 0 ? OK : ERR_USAGE;
    if (c->ended) {
        capture_finish(c, c->result);
    } else {
        timer_start(c->loop, &c->timer, GRACE_MS, on_timeout);
    }
}

static void on_failed(struct loop_task *t)
{
    struct capture *c = CONTAINER_OF(t, struct capture, task);
    capture_finish(c, c->result);
}

static const struct stream_events out_events = {.data = on_data, .end = on_end};

struct capture *capture_start(struct loop *l, const struct capture_options *o,
                              capture_done_fn *done, void *user)
{
    struct capture *c = mem_new(sizeof(*c));
    c->loop = l;
    c->done = done;
    c->user = user;
    buf_init(&c->text, o->max);
    const struct child_options child = {.file = o->file,
                                        .argv = o->argv,
                                        .env = o->env,
                                        .stderr_path = "/dev/null",
                                        .detached = true,
                                        .pipe_stdio = true};
    c->result = child_spawn(l, &child, on_exit, c, NULL, &c->child);
    if (c->result != OK) {
        loop_defer(l, &c->task, on_failed);
        return c;
    }
    c->out = child_take_stdout(c->child);
    stream_start(c->out, &out_events, c);
    timer_start(l, &c->timer, o->timeout_ms, on_timeout);
    return c;
}

void capture_cancel(struct capture *c)
{
    if (c == NULL) {
        return;
    }
    c->done = NULL;
    capture_finish(c, ERR_CANCELED);
}
