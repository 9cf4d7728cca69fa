#include "escape.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/attr.h"

#define RACES 3000

static bool truncates(char **a)
{
    return truncate(a[0], 0) == 0;
}

static bool open_truncates(char **a)
{
    struct stat st;
    const int fd = open(a[0], O_RDONLY | O_TRUNC);
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_size == 0;
}

static bool exchanges(char **a)
{
    return renameat2(AT_FDCWD, a[0], AT_FDCWD, a[1], RENAME_EXCHANGE) == 0;
}

static bool fchmods(char **a)
{
    const int fd = open(a[0], O_RDONLY);
    return fd >= 0 && fchmod(fd, 0755) == 0;
}

static bool chowns(char **a)
{
    return chown(a[0], getuid(), getgid()) == 0;
}

static bool sets_xattr(char **a)
{
    return setxattr(a[0], "user.farhand", "x", 1, 0) == 0;
}

static bool writes_by_mmap(char **a)
{
    const int fd = open(a[0], O_RDWR);
    char *at =
        fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return false;
    }
    *at = 'x';
    return msync(at, 1, MS_SYNC) == 0;
}

static bool opens_by_openat2(char **a)
{
    const struct open_how how = {.flags = O_WRONLY | O_TRUNC};
    const int fd = (int)syscall(SYS_openat2, AT_FDCWD, a[0], &how, sizeof(how));
    return fd >= 0 && write(fd, "x\n", 2) == 2;
}

static bool copies_range(char **a)
{
    const int from = open(a[0], O_RDONLY);
    const int to = open(a[1], O_WRONLY);
    return from >= 0 && to >= 0 && copy_file_range(from, NULL, to, NULL, 5, 0) > 0;
}

static bool by_handle(char **a)
{
    union {
        struct file_handle head;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } h = {.head = {.handle_bytes = MAX_HANDLE_SZ}};
    int mount_id = 0;
    char octet = 0;
    const int at = open("/", O_RDONLY | O_DIRECTORY);
    if (name_to_handle_at(AT_FDCWD, a[0], &h.head, &mount_id, 0) != 0) {
        return false;
    }
    const int fd = open_by_handle_at(at, &h.head, O_RDONLY);
    return fd >= 0 && read(fd, &octet, 1) == 1;
}

/* Flags need no right to write: a descriptor for reading is enough. */
static bool sets_flags(char **a)
{
    int flags = 0;
    const int fd = open(a[0], O_RDONLY);
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) {
        return false;
    }
    flags ^= FS_NODUMP_FL;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

static bool sets_attributes(char **a)
{
    struct fsxattr attr;
    const int fd = open(a[0], O_RDONLY);
    if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attr) != 0) {
        return false;
    }
    attr.fsx_xflags ^= FS_XFLAG_NODUMP;
    return ioctl(fd, FS_IOC_FSSETXATTR, &attr) == 0;
}

/* A file without a name, made where one may write, named where one may not. */
static bool names_nameless(char **a)
{
    char link[64];
    const int fd = open(a[0], O_TMPFILE | O_RDWR, 0600);
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return fd >= 0 && linkat(AT_FDCWD, link, AT_FDCWD, a[1], AT_SYMLINK_FOLLOW) == 0;
}

/* A second name for what is open, where one may write. */
static bool links_open(char **a)
{
    char link[64];
    const int fd = open(a[0], O_RDONLY);
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return fd >= 0 && linkat(AT_FDCWD, link, AT_FDCWD, a[1], AT_SYMLINK_FOLLOW) == 0;
}

static bool reads_octet(char **a)
{
    char octet = 0;
    const int fd = open(a[0], O_RDONLY | O_NONBLOCK);
    return fd >= 0 && read(fd, &octet, 1) == 1;
}

/* Between the end of one and the making of another there may be a moment without. */
static bool races_place(char **a)
{
    for (int i = 0; i < RACES; i++) {
        (void)rmdir(a[0]);
        if (symlink("/etc", a[0]) == 0) {
            return true;
        }
        (void)mkdir(a[0], 0700);
    }
    return false;
}

/* One process swaps a name between a harmless folder and the one outside, the other
 * creates through it: whatever looks first and opens later falls for it. */
static bool race(const char *work, const char *out, bool by_rename)
{
    char link[512];
    char safe[512];
    char spare[512];
    char target[600];
    char hit[600];
    (void)snprintf(link, sizeof(link), "%s/race", work);
    (void)snprintf(safe, sizeof(safe), "%s/race-safe", work);
    (void)snprintf(spare, sizeof(spare), "%s/race-spare", work);
    (void)snprintf(target, sizeof(target), "%s/raced", link);
    (void)snprintf(hit, sizeof(hit), "%s/raced", out);
    (void)mkdir(safe, 0700);
    (void)unlink(link);
    const pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < RACES; i++) {
            (void)unlink(spare);
            (void)!symlink(i % 2 == 0 ? out : safe, spare);
            if (by_rename) {
                (void)renameat2(AT_FDCWD, spare, AT_FDCWD, link,
                                i == 0 ? 0 : RENAME_EXCHANGE);
            } else {
                (void)rename(spare, link);
            }
        }
        _exit(0);
    }
    for (int i = 0; i < RACES; i++) {
        const int fd = open(target, O_WRONLY | O_CREAT, 0600);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    (void)waitpid(pid, NULL, 0);
    (void)unlink(link);
    (void)!symlink(out, link);
    (void)close(open(target, O_WRONLY | O_CREAT, 0600));
    return access(hit, F_OK) == 0;
}

static bool races_symlink(char **a)
{
    return race(a[0], a[1], false);
}

static bool races_rename(char **a)
{
    return race(a[0], a[1], true);
}

const struct attempt file_attempts[] = {
    {"truncate", truncates},
    {"open_truncate", open_truncates},
    {"exchange", exchanges},
    {"fchmod", fchmods},
    {"chown", chowns},
    {"setxattr", sets_xattr},
    {"mmap_write", writes_by_mmap},
    {"openat2", opens_by_openat2},
    {"copy_range", copies_range},
    {"by_handle", by_handle},
    {"setflags", sets_flags},
    {"fsxattr", sets_attributes},
    {"tmpfile_link", names_nameless},
    {"link_open", links_open},
    {"read_octet", reads_octet},
    {"race_place", races_place},
    {"race_symlink", races_symlink},
    {"race_rename", races_rename},
};
const size_t n_file_attempts = COUNT(file_attempts);
