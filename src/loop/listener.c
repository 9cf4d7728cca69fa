#include "loop/listener.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/loop_uv.h"
#include "loop/unix_addr.h"

#define BACKLOG 511

struct listener {
    struct loop *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    char *path;  // unix only
    ino_t inode; // of the socket file that we made
    uint16_t port;
    bool closing;
    struct listener_handler to;
    stream_closed_fn *closed;
    void *closed_user;
};

/* ---- accepting --------------------------------------------------------------------- */

static void on_connection(uv_stream_t *server, int status)
{
    struct listener *s = server->data;
    if (status != 0) {
        log_peer("listener.accept", "reason=%s", uv_err_name(status));
        return;
    }
    struct stream *peer =
        s->path == NULL ? stream_new_tcp(s->loop) : stream_new_pipe(s->loop);
    if (uv_accept(server, stream_uv(peer)) != 0) {
        stream_close(peer, NULL, NULL);
        return;
    }
    stream_learn_peer(peer);
    s->to.accept(s->to.user, peer);
}

/* ---- ending -------------------------------------------------------------------------- */

/* Only the file that we made: a successor may have put its own there. */
static void remove_socket_file(const struct listener *s)
{
    struct stat st;
    if (s->path != NULL && s->inode != 0 && lstat(s->path, &st) == 0 &&
        S_ISSOCK(st.st_mode) && st.st_ino == s->inode) {
        (void)unlink(s->path);
    }
}

static void on_closed(uv_handle_t *h)
{
    struct listener *s = h->data;
    if (s->closed != NULL) {
        s->closed(s->closed_user);
    }
    mem_free(s->path);
    mem_free(s);
}

void listener_close(struct listener *s, stream_closed_fn *closed, void *user)
{
    if (s->closing) {
        return;
    }
    s->closing = true;
    s->closed = closed;
    s->closed_user = user;
    remove_socket_file(s);
    uv_close(&s->uv.handle, on_closed);
}

uint16_t listener_port(const struct listener *s)
{
    return s->port;
}

/* ---- beginning ------------------------------------------------------------------------- */

static struct listener *listener_new(struct loop *l, const struct listener_handler *to)
{
    struct listener *s = mem_new(sizeof(*s));
    s->loop = l;
    s->to = *to;
    return s;
}

static enum err bind_tcp(struct listener *s, const char *host, uint16_t port)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&a) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&a) != 0) {
        return ERR_USAGE;
    }
    int status = uv_tcp_bind(&s->uv.tcp, (const struct sockaddr *)&a, 0);
    if (status == 0) {
        status = uv_listen(&s->uv.stream, BACKLOG, on_connection);
    }
    int size = sizeof(a);
    if (status == 0) {
        status = uv_tcp_getsockname(&s->uv.tcp, (struct sockaddr *)&a, &size);
    }
    if (status == 0) { // the port lies at the same place for both families
        s->port = ntohs(((const struct sockaddr_in *)&a)->sin_port);
    }
    return loop_err(status);
}

enum err listener_tcp(struct loop *l, const char *host, uint16_t port,
                      const struct listener_handler *to, struct diag *diag,
                      struct listener **out)
{
    struct listener *s = listener_new(l, to);
    (void)uv_tcp_init(&l->uv, &s->uv.tcp);
    s->uv.handle.data = s;
    const enum err e = bind_tcp(s, host, port);
    if (e != OK) {
        if (e == ERR_EXISTS) {
            diag_set(diag,
                     "port %u of %s is taken: stop what listens there, or choose "
                     "another one",
                     port, host);
        } else if (e == ERR_USAGE) {
            diag_set(diag, "%s is not an IP address to listen on", host);
        } else {
            diag_set(diag, "cannot listen on %s port %u: %s", host, port, err_text(e));
        }
        listener_close(s, NULL, NULL);
        return e;
    }
    *out = s;
    return OK;
}

/* Somebody answers, or it is only a file left behind by a crash. */
static enum err clear_stale(const char *path)
{
    int fd = -1;
    const enum err e = unix_addr_connect(path, &fd);
    if (e == OK) {
        (void)close(fd);
        return ERR_EXISTS;
    }
    struct stat st;
    if (e != ERR_IO || lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode) ||
        st.st_uid != geteuid()) {
        return ERR_EXISTS; // busy, or not a socket of ours: not ours to remove
    }
    return unlink(path) == 0 ? OK : ERR_IO;
}

/* 0600 from its first moment: the mask is on while bind() makes the file. */
static int bind_private(int fd, const struct unix_addr *a)
{
    const mode_t before = umask(0177);
    const int result = bind(fd, (const struct sockaddr *)&a->un, sizeof(a->un));
    umask(before);
    return result;
}

static enum err bind_unix(int fd, const char *path)
{
    struct unix_addr a;
    enum err e = unix_addr_init(&a, path);
    if (e != OK) {
        return e;
    }
    int result = bind_private(fd, &a);
    if (result != 0 && errno == EADDRINUSE) {
        e = clear_stale(path);
        result = e == OK ? bind_private(fd, &a) : -1;
    }
    if (result != 0 && e == OK) {
        e = errno == EACCES ? ERR_DENIED : ERR_IO;
    }
    unix_addr_fini(&a);
    return e;
}

static enum err listen_unix(struct listener *s)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    enum err e = bind_unix(fd, s->path);
    struct stat st;
    if (e == OK && lstat(s->path, &st) == 0) {
        s->inode = st.st_ino;
    }
    if (e == OK) {
        e = loop_err(uv_pipe_open(&s->uv.pipe, fd));
    }
    if (e != OK) {
        (void)close(fd);
        return e;
    }
    return loop_err(uv_listen(&s->uv.stream, BACKLOG, on_connection));
}

enum err listener_unix(struct loop *l, const char *path,
                       const struct listener_handler *to, struct diag *diag,
                       struct listener **out)
{
    struct listener *s = listener_new(l, to);
    s->path = mem_strdup(path);
    (void)uv_pipe_init(&l->uv, &s->uv.pipe, 0);
    s->uv.handle.data = s;
    const enum err e = listen_unix(s);
    if (e != OK) {
        diag_set(diag, "cannot listen on %s: %s", path, err_text(e));
        listener_close(s, NULL, NULL);
        return e;
    }
    *out = s;
    return OK;
}
