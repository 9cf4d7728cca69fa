#include "loop/child.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop_uv.h"

struct child {
    struct loop *loop;
    union {
        uv_handle_t handle;
        uv_process_t process; // ours
        uv_poll_t poll;       // another's: a pidfd
    } uv;
    bool ours;
    bool closing;
    int pidfd; // -1: none
    pid_t pid;
    struct stream *in; // until taken
    struct stream *out;
    child_exited_fn *exited;
    void *user;
    stream_closed_fn *closed;
    void *closed_user;
};

static struct child *child_new(struct loop *l, child_exited_fn *exited, void *user)
{
    struct child *c = mem_new(sizeof(*c));
    c->loop = l;
    c->exited = exited;
    c->user = user;
    c->pidfd = -1;
    return c;
}

/* ---- ending ------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *h)
{
    struct child *c = h->data;
    if (c->pidfd >= 0) {
        (void)close(c->pidfd);
    }
    if (c->closed != NULL) {
        c->closed(c->closed_user);
    }
    mem_free(c);
}

void child_close(struct child *c, stream_closed_fn *closed, void *user)
{
    if (c->closing) {
        return;
    }
    c->closing = true;
    c->closed = closed;
    c->closed_user = user;
    if (c->in != NULL) {
        stream_close(c->in, NULL, NULL);
    }
    if (c->out != NULL) {
        stream_close(c->out, NULL, NULL);
    }
    uv_close(&c->uv.handle, on_closed);
}

/* ---- our own ------------------------------------------------------------------------- */

static void on_exit(uv_process_t *p, int64_t status, int signum)
{
    struct child *c = p->data;
    if (!c->closing && c->exited != NULL) {
        c->exited(c, c->user, signum == 0 ? (int)status : -1, signum);
    }
}

static uv_stdio_container_t pipe_to(struct stream *s, int way)
{
    return (uv_stdio_container_t){
        .flags = (uv_stdio_flags)((int)UV_CREATE_PIPE | way),
        .data.stream = stream_uv(s),
    };
}

static uv_stdio_container_t inherit(int fd)
{
    return (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = fd};
}

static enum err open_stderr(const char *path, struct diag *diag,
                            uv_stdio_container_t *out)
{
    int fd = STDERR_FILENO;
    if (path != NULL) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (fd < 0) {
        diag_set(diag, "cannot write to %s", path);
        return ERR_IO;
    }
    *out = inherit(fd);
    return OK;
}

static int spawn(struct child *c, const struct child_options *o,
                 uv_stdio_container_t *stdio)
{
    /* libuv promises not to change the strings; its types predate const. */
    union {
        const char *const *from;
        char **to;
    } argv = {.from = o->argv}, env = {.from = o->env};
    const uv_process_options_t options = {
        .exit_cb = on_exit,
        .file = o->file,
        .args = argv.to,
        .env = env.to,
        .cwd = o->cwd,
        .flags = o->detached ? UV_PROCESS_DETACHED : 0,
        .stdio_count = 3,
        .stdio = stdio,
    };
    return uv_spawn(&c->loop->uv, &c->uv.process, &options);
}

enum err child_spawn(struct loop *l, const struct child_options *o,
                     child_exited_fn *exited, void *user, struct diag *diag,
                     struct child **out)
{
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    const enum err e = open_stderr(o->stderr_path, diag, &stdio[2]);
    if (e != OK) {
        return e;
    }
    struct child *c = child_new(l, exited, user);
    c->ours = true;
    if (o->pipe_stdio) {
        c->in = stream_new_pipe(l);
        c->out = stream_new_pipe(l);
        /* Both ways, so that the child's closing of its end is seen as an end. */
        stdio[0] = pipe_to(c->in, UV_READABLE_PIPE | UV_WRITABLE_PIPE);
        stdio[1] = pipe_to(c->out, UV_WRITABLE_PIPE);
    }
    if (o->keep_stdio) {
        stdio[0] = inherit(STDIN_FILENO);
        stdio[1] = inherit(STDOUT_FILENO);
    }
    const int status = spawn(c, o, stdio);
    c->uv.handle.data = c;
    if (o->stderr_path != NULL) {
        (void)close(stdio[2].data.fd);
    }
    if (status != 0) {
        diag_set(diag, "cannot start %s: %s", o->file, uv_strerror(status));
        child_close(c, NULL, NULL);
        return loop_err(status);
    }
    c->pid = c->uv.process.pid;
    *out = c;
    return OK;
}

/* ---- another's ------------------------------------------------------------------------- */

static void on_pidfd(uv_poll_t *p, int status, int events)
{
    struct child *c = p->data;
    (void)status;
    (void)events; // readable means: it has ended
    (void)uv_poll_stop(p);
    if (!c->closing && c->exited != NULL) {
        c->exited(c, c->user, -1, 0);
    }
}

enum err child_watch(struct loop *l, pid_t pid, child_exited_fn *exited, void *user,
                     struct child **out)
{
    int fd = -1;
    const enum err e = pidfd_of(pid, &fd);
    if (e != OK) {
        return e;
    }
    struct child *c = child_new(l, exited, user);
    if (uv_poll_init(&l->uv, &c->uv.poll, fd) != 0) {
        (void)close(fd);
        mem_free(c);
        return ERR_IO;
    }
    c->uv.handle.data = c;
    c->pidfd = fd;
    c->pid = pid;
    (void)uv_poll_start(&c->uv.poll, UV_READABLE, on_pidfd);
    *out = c;
    return OK;
}

/* ---- use ---------------------------------------------------------------------------------- */

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

enum err child_kill(struct child *c, int signum)
{
    return loop_err(c->ours ? uv_process_kill(&c->uv.process, signum)
                            : uv_kill(c->pid, signum));
}

struct stream *child_take_stdin(struct child *c)
{
    struct stream *s = c->in;
    c->in = NULL;
    return s;
}

struct stream *child_take_stdout(struct child *c)
{
    struct stream *s = c->out;
    c->out = NULL;
    return s;
}
