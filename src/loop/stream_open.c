/*
 * Streams made from descriptors that already are connected.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop_uv.h"

static bool is_inet(int fd)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof(a);
    return getsockname(fd, (struct sockaddr *)&a, &size) == 0 &&
           (a.ss_family == AF_INET || a.ss_family == AF_INET6);
}

enum err stream_open(struct loop *l, int fd, struct stream **out)
{
    const bool inet = is_inet(fd);
    struct stream *s = inet ? stream_new_tcp(l) : stream_new_pipe(l);
    const int status = inet ? uv_tcp_open((uv_tcp_t *)stream_uv(s), fd)
                            : uv_pipe_open((uv_pipe_t *)stream_uv(s), fd);
    if (status != 0) {
        (void)close(fd);
        stream_close(s, NULL, NULL);
        return loop_err(status);
    }
    stream_learn_peer(s);
    *out = s;
    return OK;
}

enum err stream_pair(struct loop *l, struct stream **a, struct stream **b)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0) {
        return ERR_IO;
    }
    struct stream *first = NULL;
    enum err e = stream_open(l, fd[0], &first);
    if (e != OK) {
        (void)close(fd[1]);
        return e;
    }
    e = stream_open(l, fd[1], b);
    if (e != OK) {
        stream_close(first, NULL, NULL);
        return e;
    }
    *a = first;
    return OK;
}
