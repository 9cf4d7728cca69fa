#include "sandbox/landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "sandbox/standard.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

#define FS_EXECUTE    (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE  (UINT64_C(1) << 2)
#define FS_READ_DIR   (UINT64_C(1) << 3)
#define FS_ALL_OF_1   ((UINT64_C(1) << 13) - 1)
#define FS_REFER      (UINT64_C(1) << 13) // ABI 2
#define FS_TRUNCATE   (UINT64_C(1) << 14) // ABI 3
#define FS_IOCTL_DEV  (UINT64_C(1) << 15) // ABI 5
#define NET_BIND_TCP  (UINT64_C(1) << 0)  // ABI 4
#define NET_CONN_TCP  (UINT64_C(1) << 1)
#define SCOPE_UNIX    (UINT64_C(1) << 0) // ABI 6
#define SCOPE_SIGNAL  (UINT64_C(1) << 1)

/* For a file, the rights that speak of folders must be left out. */
#define FS_OF_FILE \
    (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_READ (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
#define FS_DEVICE \
    (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
    uint64_t fs;
    uint64_t net;    // ABI 4
    uint64_t scoped; // ABI 6
};

struct path_beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

struct rules {
    int fd;
    uint64_t handled;
    unsigned abi;
};

unsigned landlock_abi(void)
{
    const long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (unsigned)abi;
}

static uint64_t handled_of(unsigned abi)
{
    return FS_ALL_OF_1 | (abi >= 2 ? FS_REFER : 0) |
           (abi >= LANDLOCK_ABI_TRUNCATE ? FS_TRUNCATE : 0) |
           (abi >= LANDLOCK_ABI_IOCTL ? FS_IOCTL_DEV : 0);
}

static bool begin(struct rules *r, const struct plan *p)
{
    r->abi = p->landlock_abi;
    r->handled = handled_of(r->abi);
    const struct ruleset_attr attr = {
        .fs = r->handled,
        .net =
            p->network || r->abi < LANDLOCK_ABI_TCP ? 0 : NET_BIND_TCP | NET_CONN_TCP,
        .scoped = r->abi < LANDLOCK_ABI_SCOPE ? 0 : SCOPE_UNIX | SCOPE_SIGNAL,
    };
    const size_t size = r->abi >= LANDLOCK_ABI_SCOPE ? sizeof(attr)
                        : r->abi >= LANDLOCK_ABI_TCP
                            ? offsetof(struct ruleset_attr, scoped)
                            : sizeof(attr.fs);
    r->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    return r->fd >= 0;
}

/* Never through a link: what the plan saw is what is granted. What is not there, or may
 * not be opened, needs no grant. */
static bool grant(const struct rules *r, const char *path, uint64_t rights)
{
    struct stat st;
    const int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0 || S_ISLNK(st.st_mode)) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return true;
    }
    const struct path_beneath rule = {
        .allowed =
            rights & r->handled & (S_ISDIR(st.st_mode) ? UINT64_MAX : FS_OF_FILE),
        .parent_fd = fd,
    };
    const long done =
        syscall(SYS_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &rule, 0);
    (void)close(fd);
    return done == 0;
}

/* ---- without a namespace: everything but what is hidden --------------------------------- */

static bool is_left_out(const struct plan *p, const char *path)
{
    if (strcmp(path, "/dev") == 0) {
        return true; // disks are devices too: the harmless ones are granted by name
    }
    for (size_t i = 0; i < p->n_items; i++) {
        if (p->items[i].access == PLAN_HIDE && strcmp(path, p->items[i].path) == 0) {
            return true;
        }
    }
    return false;
}

static bool leads_to_left_out(const struct plan *p, const char *path)
{
    for (size_t i = 0; i < p->n_items; i++) {
        if (p->items[i].access == PLAN_HIDE && path_is_below(p->items[i].path, path)) {
            return true;
        }
    }
    return strcmp(path, "/") == 0;
}

static bool grant_around(const struct rules *r, const struct plan *p,
                         const char *folder, uint64_t rights);

static bool grant_child(const struct rules *r, const struct plan *p, const char *path,
                        uint64_t rights)
{
    if (is_left_out(p, path)) {
        return true;
    }
    return leads_to_left_out(p, path) ? grant_around(r, p, path, rights)
                                      : grant(r, path, rights);
}

/* The depth is that of a hidden path. */
static bool grant_around(const struct rules *r, const struct plan *p,
                         const char *folder, uint64_t rights)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return strcmp(folder, "/") != 0; // then nothing could be granted, nor run
    }
    bool good = true;
    for (struct dirent *d = readdir(dir); d != NULL && good; d = readdir(dir)) {
        char path[PATH_MAX];
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
            text_format(path, sizeof(path), "%s/%s",
                        strcmp(folder, "/") == 0 ? "" : folder, d->d_name) != OK) {
            continue;
        }
        good = grant_child(r, p, path, rights);
    }
    (void)closedir(dir);
    return good;
}

/* ---- the plan ------------------------------------------------------------------------- */

static bool grant_item(const struct rules *r, const struct plan *p,
                       const struct plan_item *item)
{
    switch (item->access) {
    case PLAN_DEVICE:
        return grant(r, item->path, FS_DEVICE);
    case PLAN_SCRATCH:
        return grant(r, item->path, UINT64_MAX & ~FS_IOCTL_DEV);
    case PLAN_WRITE:
        return p->namespaces || !leads_to_left_out(p, item->path)
                   ? grant(r, item->path, UINT64_MAX & ~FS_IOCTL_DEV)
                   : grant_around(r, p, item->path, UINT64_MAX & ~FS_IOCTL_DEV);
    case PLAN_READ:
    case PLAN_PIN:
    case PLAN_PROTECT:
    case PLAN_HIDE:
        break;
    }
    return true;
}

/* What the command was handed open to write it may open again, as "> /dev/stdout" does: it
 * has the right already. What no rule can speak of (a pipe) needs none. */
static void grant_standard(const struct rules *r)
{
    for (int fd = 0; fd < STANDARD_FDS; fd++) {
        struct stat st;
        if (fstat(fd, &st) != 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ||
            !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))) {
            continue;
        }
        const struct path_beneath rule = {
            .allowed = r->handled & FS_OF_FILE & FS_DEVICE,
            .parent_fd = fd,
        };
        (void)syscall(SYS_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &rule, 0);
    }
}

static bool grant_all(const struct rules *r, const struct plan *p, const char *scratch)
{
    /* Without a namespace the folders on the way to what is hidden cannot be listed: a
     * right to list them would hold below as well. */
    bool good =
        p->namespaces ? grant(r, "/", FS_READ) : grant_around(r, p, "/", FS_READ);
    for (size_t i = 0; i < p->n_items && good; i++) {
        good = grant_item(r, p, &p->items[i]);
    }
    grant_standard(r);
    return good && (scratch == NULL || grant(r, scratch, UINT64_MAX & ~FS_IOCTL_DEV));
}

enum err landlock_apply(const struct plan *p, const char *scratch, const char **step)
{
    struct rules r = {.fd = -1};
    *step = "Landlock rules";
    if (!begin(&r, p)) {
        return ERR_IO;
    }
    const bool granted = grant_all(&r, p, scratch);
    *step = granted ? "Landlock" : "Landlock rules";
    const long done = granted ? syscall(SYS_landlock_restrict_self, r.fd, 0) : -1;
    const int why = errno;
    (void)close(r.fd);
    errno = why;
    return done == 0 ? OK : ERR_IO;
}
