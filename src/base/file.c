#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"

#define READ_CHUNK 4096

static enum err from_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case ELOOP:
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

static enum err read_all(int fd, struct buf *out)
{
    for (;;) {
        uint8_t chunk[READ_CHUNK];
        const ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_IO;
        }
        if (n == 0) {
            return OK;
        }
        const enum err e = buf_put(out, (struct bytes){chunk, (size_t)n});
        secret_wipe(chunk, (size_t)n);
        if (e != OK) {
            return e;
        }
    }
}

static enum err read_checked(const char *path, mode_t forbidden, struct buf *out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return from_errno();
    }
    struct stat st;
    enum err e = ERR_IO;
    if (fstat(fd, &st) != 0) {
        goto out;
    }
    e = ERR_DENIED;
    if (!S_ISREG(st.st_mode) || (st.st_mode & forbidden) != 0 ||
        (forbidden != 0 && st.st_uid != geteuid())) {
        goto out;
    }
    e = read_all(fd, out);
out:
    (void)close(fd);
    return e;
}

enum err file_read(const char *path, struct buf *out)
{
    return read_checked(path, 0, out);
}

enum err file_read_secret(const char *path, struct buf *out)
{
    return read_checked(path, S_IRWXG | S_IRWXO, out);
}

static enum err write_all(int fd, struct bytes content)
{
    while (content.len != 0) {
        const ssize_t n = write(fd, content.at, content.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return ERR_IO;
        }
        content = bytes_sub(content, (size_t)n, SIZE_MAX);
    }
    return OK;
}

enum err file_sync_parent(const char *path)
{
    char parent[PATH_MAX];
    if (text_format(parent, sizeof(parent), "%s", path) != OK) {
        return ERR_LIMIT;
    }
    char *slash = strrchr(parent, '/');
    if (slash != NULL) {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    const int fd =
        open(slash == NULL ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return from_errno();
    }
    const int failed = fsync(fd);
    (void)close(fd);
    return failed == 0 ? OK : ERR_IO;
}

enum err file_replace(const char *path, struct bytes content, mode_t mode)
{
    char temporary[PATH_MAX];
    if (text_format(temporary, sizeof(temporary), "%s.%ld.new", path, (long)getpid()) !=
        OK) {
        return ERR_LIMIT;
    }
    (void)unlink(temporary);
    const int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return from_errno();
    }
    enum err e = write_all(fd, content);
    if (e == OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) {
        e = ERR_IO;
    }
    if (close(fd) != 0 && e == OK) {
        e = ERR_IO;
    }
    if (e == OK && rename(temporary, path) != 0) {
        e = from_errno();
    }
    if (e != OK) {
        (void)unlink(temporary);
        return e;
    }
    return file_sync_parent(path);
}

static enum err make_one(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST) {
        return OK;
    }
    return from_errno();
}

enum err file_make_dir(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    if (text_format(part, sizeof(part), "%s", path) != OK) {
        return ERR_LIMIT;
    }
    for (char *slash = strchr(part + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const enum err e = make_one(part, 0755);
        if (e != OK) {
            return e;
        }
        *slash = '/';
    }
    const enum err e = make_one(path, mode);
    if (e != OK) {
        return e;
    }
    struct stat st;
    if (stat(path, &st) != 0) {
        return from_errno();
    }
    const bool shared = (st.st_mode & ~mode & (S_IWGRP | S_IWOTH)) != 0;
    return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !shared ? OK : ERR_DENIED;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static pid_t read_pid(int fd)
{
    char text[24] = {0};
    const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    uint64_t pid = 0;
    struct bytes digits = {(const uint8_t *)text, n > 0 ? strcspn(text, "\n") : 0};
    return u64_parse(digits, INT32_MAX, &pid) == OK ? (pid_t)pid : 0;
}

enum err file_lock(const char *path, int *out_fd, pid_t *holder)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return from_errno();
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        *holder = read_pid(fd);
        (void)close(fd);
        return ERR_EXISTS;
    }
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
        (void)close(fd);
        return ERR_IO;
    }
    *out_fd = fd;
    return OK;
}
