#include "loop/unix_addr.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

static enum err from_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP:
        return ERR_DENIED;
    case EAGAIN:
        return ERR_AGAIN;
    default:
        return ERR_IO;
    }
}

static int open_folder(const char *path, size_t len)
{
    char *folder = mem_new(len + 1);
    memcpy(folder, path, len);
    const int fd = open(len == 0 ? "." : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    mem_free(folder);
    return fd;
}

enum err unix_addr_init(struct unix_addr *a, const char *path)
{
    *a = (struct unix_addr){.un = {.sun_family = AF_UNIX}, .dir_fd = -1};
    if (text_format(a->un.sun_path, sizeof(a->un.sun_path), "%s", path) == OK) {
        return OK;
    }
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    a->dir_fd = open_folder(path, (size_t)(name - path));
    if (a->dir_fd < 0) {
        return from_errno();
    }
    const enum err e = text_format(a->un.sun_path, sizeof(a->un.sun_path),
                                   "/proc/self/fd/%d/%s", a->dir_fd, name);
    if (e != OK) {
        unix_addr_fini(a);
        return ERR_LIMIT;
    }
    return OK;
}

void unix_addr_fini(struct unix_addr *a)
{
    if (a->dir_fd >= 0) {
        (void)close(a->dir_fd);
        a->dir_fd = -1;
    }
}

enum err unix_addr_connect(const char *path, int *out_fd)
{
    struct unix_addr a;
    enum err e = unix_addr_init(&a, path);
    if (e != OK) {
        return e;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        e = ERR_IO;
    } else if (connect(fd, (const struct sockaddr *)&a.un, sizeof(a.un)) != 0) {
        e = from_errno();
        (void)close(fd);
    } else {
        *out_fd = fd;
    }
    unix_addr_fini(&a);
    return e;
}
