#include "sandbox/standard.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* Connected, so that it leads to one peer that somebody chose, and to no other. */
static bool is_connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    int type = 0;
    int listens = 1;
    socklen_t len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
           listens == 0 && getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0;
}

/* Open for reading, and lying where the plan takes writing back: the mount that does so is
 * not the one it was opened by. */
static bool is_held(const struct plan *p, int fd)
{
    char link[32];
    char path[PATH_MAX];
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY ||
        text_format(link, sizeof(link), "/proc/self/fd/%d", fd) != OK) {
        return false;
    }
    const ssize_t n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    return path[0] == '/' && p->mode != SANDBOX_FULL_ACCESS &&
           plan_access_at(p, path) == PLAN_PROTECT;
}

static const char *why_not(const struct plan *p, int fd, mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "is a folder: it would lead out of the sandbox";
    case S_IFSOCK:
        return is_connected(fd)
                   ? NULL
                   : "is a socket without a connection: it would lead out of the sandbox";
    case S_IFREG:
        return is_held(p, fd) ? "is a file that the command must not change, and could "
                                "open again: pipe it in with cat"
                              : NULL;
    case S_IFIFO:
    case S_IFCHR:
    case S_IFBLK:
        return NULL;
    default:
        return "is neither file, pipe nor terminal";
    }
}

enum err standard_check(const struct plan *p, struct diag *diag)
{
    for (int fd = 0; fd < STANDARD_FDS; fd++) {
        struct stat st;
        if (fstat(fd, &st) != 0) {
            const int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
            if (null < 0) {
                diag_set(diag, "descriptor %d is closed and /dev/null cannot be opened",
                         fd);
                return ERR_USAGE;
            }
            continue;
        }
        const char *why = why_not(p, fd, st.st_mode);
        if (why != NULL) {
            diag_set(diag, "descriptor %d %s", fd, why);
            return ERR_USAGE;
        }
    }
    return OK;
}
