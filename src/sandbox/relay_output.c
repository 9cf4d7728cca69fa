#include "sandbox/relay_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define CHUNK 16384

enum err outputs_init(struct outputs *o, uint64_t max)
{
    o->left = max;
    for (size_t i = 0; i < OUTPUTS; i++) {
        int ends[2] = {-1, -1};
        if (max != 0 && pipe2(ends, O_CLOEXEC) != 0) {
            return ERR_IO;
        }
        o->outside[i] = ends[0];
        o->inside[i] = ends[1];
    }
    return OK;
}

static void shut(int *fd)
{
    if (*fd > 2) {
        (void)close(*fd);
    }
    *fd = -1;
}

void outputs_inside(struct outputs *o)
{
    for (int i = 0; i < OUTPUTS; i++) {
        if (o->inside[i] > 2) {
            (void)dup2(o->inside[i], i + 1);
        }
    }
}

void outputs_outside(struct outputs *o)
{
    for (size_t i = 0; i < OUTPUTS; i++) {
        shut(&o->inside[i]);
    }
}

void outputs_want(const struct outputs *o, struct pollfd *fds)
{
    for (size_t i = 0; i < OUTPUTS; i++) {
        fds[i] = (struct pollfd){.fd = o->outside[i] > 2 ? o->outside[i] : -1,
                                 .events = POLLIN};
    }
}

static enum err write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return ERR_CLOSED;
        }
        at += n;
        len -= (size_t)n;
    }
    return OK;
}

enum err outputs_pass(struct outputs *o, size_t i)
{
    char chunk[CHUNK];
    const ssize_t n = read(o->outside[i], chunk, sizeof(chunk));
    if (n <= 0) {
        shut(&o->outside[i]);
        return OK;
    }
    const size_t len = (uint64_t)n < o->left ? (size_t)n : (size_t)o->left;
    const enum err e = write_all((int)i + 1, chunk, len);
    o->left -= len;
    if (e != OK) {
        return e;
    }
    if ((size_t)n > len) {
        o->left = 0;
        return ERR_LIMIT;
    }
    return OK;
}

void outputs_drain(struct outputs *o)
{
    for (size_t i = 0; i < OUTPUTS; i++) {
        while (o->outside[i] > 2 && outputs_pass(o, i) == OK) {
        }
    }
}

void outputs_fini(struct outputs *o)
{
    for (size_t i = 0; i < OUTPUTS; i++) {
        shut(&o->inside[i]);
        shut(&o->outside[i]);
    }
}
