/*
 * Who is at the other end of a unix socket, as Linux tells it.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "loop/loop_uv.h"

bool peer_credentials(int fd, uid_t *uid, pid_t *pid)
{
    struct ucred c = {.pid = 0};
    socklen_t size = sizeof(c);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &size) != 0 || c.pid == 0) {
        return false;
    }
    *uid = c.uid;
    *pid = c.pid;
    return true;
}

enum err stream_peer_exe(pid_t pid, char *out, size_t size)
{
    char path[64];
    const enum err e = text_format(path, sizeof(path), "/proc/%ld/exe", (long)pid);
    if (e != OK || size == 0) {
        return ERR_LIMIT;
    }
    const ssize_t n = readlink(path, out, size - 1);
    if (n < 0) {
        out[0] = '\0';
        return errno == ENOENT || errno == ESRCH ? ERR_NOT_FOUND : ERR_DENIED;
    }
    out[n] = '\0';
    return OK;
}
