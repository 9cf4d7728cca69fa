#include "loop/loop.h"

#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/loop_uv.h"

/* ---- the end of a turn ------------------------------------------------------- */

static void run_task(struct list *node)
{
    struct loop_task *t = CONTAINER_OF(node, struct loop_task, node);
    list_remove(node);
    t->fn(t);
}

/* Calls deferred by a deferred call wait for the next turn: nobody can hold the loop. */
static void run_deferred(struct loop *l)
{
    struct list now;
    list_init(&now);
    while (!list_is_empty(&l->deferred)) {
        struct list *node = l->deferred.next;
        list_remove(node);
        list_append(&now, node);
    }
    while (!list_is_empty(&now)) {
        run_task(now.next);
    }
}

/* A flush may ask for another (TLS fills its stream's queue): all of them run. */
static void end_turn(struct loop *l)
{
    run_deferred(l);
    while (!list_is_empty(&l->flushes)) {
        run_task(l->flushes.next);
    }
    if (list_is_empty(&l->deferred)) {
        uv_idle_stop(&l->no_wait);
    }
}

static void on_before_wait(uv_prepare_t *h)
{
    end_turn(h->data);
}

static void on_after_wait(uv_check_t *h)
{
    end_turn(h->data);
}

static void on_idle(uv_idle_t *h)
{
    (void)h; // being active is all it does: the loop does not wait
}

static void ask(struct loop *l, struct list *list, struct loop_task *t,
                loop_task_fn *fn)
{
    if (loop_task_is_pending(t)) {
        return;
    }
    t->fn = fn;
    list_append(list, &t->node);
    uv_idle_start(&l->no_wait, on_idle);
}

void loop_defer(struct loop *l, struct loop_task *t, loop_task_fn *fn)
{
    ask(l, &l->deferred, t, fn);
}

void loop_flush_later(struct loop *l, struct loop_task *t, loop_task_fn *fn)
{
    ask(l, &l->flushes, t, fn);
}

void loop_task_cancel(struct loop_task *t)
{
    list_remove(&t->node);
}

bool loop_task_is_pending(const struct loop_task *t)
{
    return t->node.next != NULL;
}

/* ---- life -------------------------------------------------------------------- */

struct loop *loop_create(void)
{
    struct loop *l = mem_new(sizeof(*l));
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&l->uv) != 0) {
        log_error("loop.create", "reason=\"no event queue\"");
        abort();
    }
    list_init(&l->deferred);
    list_init(&l->flushes);
    buf_init(&l->spare, LOOP_SCRATCH);
    l->read_buf = mem_new(LOOP_SCRATCH);
    l->scratch = mem_new(LOOP_SCRATCH);
    uv_prepare_init(&l->uv, &l->before_wait);
    uv_check_init(&l->uv, &l->after_wait);
    uv_idle_init(&l->uv, &l->no_wait);
    uv_timer_init(&l->uv, &l->alarm);
    l->before_wait.data = l;
    l->after_wait.data = l;
    l->alarm.data = l;
    uv_prepare_start(&l->before_wait, on_before_wait);
    uv_check_start(&l->after_wait, on_after_wait);
    uv_unref((uv_handle_t *)&l->before_wait);
    uv_unref((uv_handle_t *)&l->after_wait);
    return l;
}

void loop_destroy(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&l->before_wait, NULL);
    uv_close((uv_handle_t *)&l->after_wait, NULL);
    uv_close((uv_handle_t *)&l->no_wait, NULL);
    uv_close((uv_handle_t *)&l->alarm, NULL);
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&l->uv) != 0) {
        log_error("loop.destroy", "reason=\"something on it is still open\"");
        abort();
    }
    buf_fini(&l->spare);
    mem_free(l->read_buf);
    mem_free(l->scratch);
    mem_free(l);
}

void loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

bool loop_turn(struct loop *l)
{
    return uv_run(&l->uv, UV_RUN_ONCE) != 0;
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

uint8_t *loop_scratch(struct loop *l)
{
    return l->scratch;
}

static const struct {
    int status;
    enum err e;
} codes[] = {
    {0, OK},
    {UV_EOF, ERR_CLOSED},
    {UV_ECANCELED, ERR_CANCELED},
    {UV_ENOMEM, ERR_NOMEM},
    {UV_EADDRINUSE, ERR_EXISTS},
    {UV_EACCES, ERR_DENIED},
    {UV_EPERM, ERR_DENIED},
    {UV_ENOENT, ERR_NOT_FOUND},
    {UV_ESRCH, ERR_NOT_FOUND},
    {UV_EAI_NONAME, ERR_NOT_FOUND},
    {UV_EAI_NODATA, ERR_NOT_FOUND},
    {UV_EAI_AGAIN, ERR_NOT_FOUND},
    {UV_ENAMETOOLONG, ERR_LIMIT},
    {UV_ETIMEDOUT, ERR_EXPIRED},
};

enum err loop_err(int status)
{
    for (size_t i = 0; i < COUNT(codes); i++) {
        if (codes[i].status == status) {
            return codes[i].e;
        }
    }
    return ERR_IO;
}
