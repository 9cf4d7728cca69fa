#include "loop/fdwatch.h"

#include <fcntl.h>

#include "base/mem.h"
#include "loop/loop_uv.h"

struct fdwatch {
    uv_poll_t uv;
    fdwatch_fn *fn; // NULL once closed
    void *user;
};

/* An error counts as readable: the reader will find it. */
static void on_poll(uv_poll_t *h, int status, int events)
{
    struct fdwatch *w = h->data;
    if (w->fn != NULL) {
        w->fn(w->user, status != 0 || (events & UV_READABLE) != 0,
              (events & UV_WRITABLE) != 0);
    }
}

enum err fdwatch_open(struct loop *l, int fd, fdwatch_fn *fn, void *user,
                      struct fdwatch **out)
{
    struct fdwatch *w = mem_new(sizeof(*w));
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || uv_poll_init(&l->uv, &w->uv, fd) != 0) {
        mem_free(w);
        return ERR_IO;
    }
    // libuv made it non-blocking, and with it what shares its open file: a terminal is
    // our output too, and the shell's when we are gone.
    (void)fcntl(fd, F_SETFL, flags);
    w->uv.data = w;
    w->fn = fn;
    w->user = user;
    *out = w;
    return OK;
}

void fdwatch_want(struct fdwatch *w, bool read, bool write)
{
    const int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);
    if (events == 0) {
        (void)uv_poll_stop(&w->uv);
        return;
    }
    (void)uv_poll_start(&w->uv, events, on_poll);
}

static void on_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

void fdwatch_close(struct fdwatch *w)
{
    if (w == NULL) {
        return;
    }
    w->fn = NULL;
    uv_close((uv_handle_t *)&w->uv, on_closed);
}
