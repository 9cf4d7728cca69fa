#include "loop/signal.h"

#include "base/mem.h"
#include "loop/loop_uv.h"

struct signal_watch {
    uv_signal_t uv;
    signal_fn *fn; // NULL once closed
    void *user;
};

static void on_signal(uv_signal_t *h, int signum)
{
    struct signal_watch *w = h->data;
    if (w->fn != NULL) {
        w->fn(w->user, signum);
    }
}

struct signal_watch *signal_watch(struct loop *l, int signum, signal_fn *fn, void *user)
{
    struct signal_watch *w = mem_new(sizeof(*w));
    w->fn = fn;
    w->user = user;
    (void)uv_signal_init(&l->uv, &w->uv);
    w->uv.data = w;
    (void)uv_signal_start(&w->uv, on_signal, signum);
    uv_unref((uv_handle_t *)&w->uv);
    return w;
}

static void on_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

void signal_close(struct signal_watch *w)
{
    if (w == NULL) {
        return;
    }
    w->fn = NULL;
    uv_close((uv_handle_t *)&w->uv, on_closed);
}
