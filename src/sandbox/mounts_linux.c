#include "sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/text.h"

/* <sys/mount.h> and <linux/mount.h> of this time exclude each other. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);
#define MS_NOSUID_  2ul
#define MS_NODEV_   4ul
#define MS_NOEXEC_  8ul
#define MS_REC_     16384ul
#define MS_PRIVATE_ (1ul << 18)

#define SCRATCH_OPTIONS \
    "mode=1777,size=1073741824,nr_inodes=262144" // a full /tmp ends here
#define HIDE_OPTIONS "mode=0555,size=4096,nr_inodes=2"

#define OLD_DEVICES 8

struct world {
    const struct plan *p;
    int trees[PLAN_ITEMS_MAX]; // clones of writable folders, from before; -1
    int devices[OLD_DEVICES];  // clones of harmless devices
    const char **step;
    const char **path;
};

static const char *const device_names[] = {
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
};

static bool failed(struct world *w, const char *step, const char *path)
{
    *w->step = step;
    *w->path = path;
    return false;
}

/* ---- the calls ------------------------------------------------------------------------- */

static int open_plain(const char *path)
{
    const struct open_how how = {
        .flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static int clone_tree(int fd)
{
    return (int)syscall(SYS_open_tree, fd, "",
                        AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE |
                            OPEN_TREE_CLOEXEC);
}

static bool set_attributes(int fd, const char *path, unsigned flags, uint64_t set,
                           uint64_t clear)
{
    const struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    return syscall(SYS_mount_setattr, fd, path, flags, &attr, sizeof(attr)) == 0;
}

static bool attach(int tree, const char *path)
{
    return syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) ==
           0;
}

static bool is_same(int fd, const struct plan_item *item)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (uint64_t)st.st_dev == item->dev &&
           (uint64_t)st.st_ino == item->ino;
}

/* ---- before anything is covered ---------------------------------------------------------- */

static bool clone_root(struct world *w, size_t i)
{
    const struct plan_item *item = &w->p->items[i];
    const int fd = open_plain(item->path);
    if (fd < 0) {
        return failed(w, "open", item->path);
    }
    if (!is_same(fd, item)) {
        (void)close(fd);
        errno = ESTALE;
        return failed(w, "changed between look and use", item->path);
    }
    w->trees[i] = clone_tree(fd);
    (void)close(fd);
    return w->trees[i] >= 0 &&
                   set_attributes(w->trees[i], "", AT_EMPTY_PATH | AT_RECURSIVE,
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0)
               ? true
               : failed(w, "clone", item->path);
}

static bool clone_all(struct world *w)
{
    for (size_t i = 0; i < w->p->n_items; i++) {
        w->trees[i] = -1;
        if (w->p->items[i].access == PLAN_WRITE && !clone_root(w, i)) {
            return false;
        }
    }
    for (size_t i = 0; i < COUNT(device_names); i++) {
        const int fd = open_plain(device_names[i]);
        w->devices[i] = fd < 0 ? -1 : clone_tree(fd); // a missing one is left out
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return true;
}

/* ---- a new /dev, /proc and /tmp ----------------------------------------------------------- */

static bool put_device(struct world *w, size_t i)
{
    if (w->devices[i] < 0) {
        return true;
    }
    const int fd =
        open(device_names[i], O_CREAT | O_WRONLY | O_CLOEXEC | O_EXCL, (mode_t)0600);
    if (fd < 0) {
        return failed(w, "create", device_names[i]);
    }
    (void)close(fd);
    const bool good = attach(w->devices[i], device_names[i]);
    (void)close(w->devices[i]);
    return good ? true : failed(w, "attach", device_names[i]);
}

static bool make_dev(struct world *w)
{
    static const char *const links[][2] = {
        {"/proc/self/fd", "/dev/fd"},       {"/proc/self/fd/0", "/dev/stdin"},
        {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
        {"pts/ptmx", "/dev/ptmx"},
    };
    if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID_ | MS_NOEXEC_,
              "mode=0755,size=65536,nr_inodes=64") != 0) {
        return failed(w, "mount", "/dev");
    }
    for (size_t i = 0; i < COUNT(device_names); i++) {
        if (!put_device(w, i)) {
            return false;
        }
    }
    for (size_t i = 0; i < COUNT(links); i++) {
        if (symlink(links[i][0], links[i][1]) != 0) {
            return failed(w, "link", links[i][1]);
        }
    }
    if (mkdir("/dev/pts", 0755) != 0 || mkdir("/dev/shm", 01777) != 0 ||
        mount("devpts", "/dev/pts", "devpts", MS_NOSUID_ | MS_NOEXEC_,
              "newinstance,ptmxmode=0666,mode=0620") != 0) {
        return failed(w, "mount", "/dev/pts");
    }
    return set_attributes(AT_FDCWD, "/dev", 0, MOUNT_ATTR_RDONLY, 0)
               ? true
               : failed(w, "close", "/dev");
}

static bool make_proc(struct world *w)
{
    if (mount("proc", "/proc", "proc", MS_NOSUID_ | MS_NODEV_ | MS_NOEXEC_, NULL) !=
        0) {
        return failed(w, "mount", "/proc");
    }
    return set_attributes(AT_FDCWD, "/proc", 0, MOUNT_ATTR_RDONLY, 0)
               ? true
               : failed(w, "close", "/proc");
}

static bool make_scratch(struct world *w, const struct plan_item *item)
{
    struct stat st;
    if (lstat(item->path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return true; // no such folder here: programs cannot expect one
    }
    return mount("tmpfs", item->path, "tmpfs", MS_NOSUID_ | MS_NODEV_,
                 SCRATCH_OPTIONS) == 0
               ? true
               : failed(w, "mount", item->path);
}

/* ---- the items of the plan --------------------------------------------------------------- */

/* Below a folder that was covered the way to `path` is made anew. */
static bool make_way(const char *path)
{
    char part[PATH_MAX];
    for (const char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        const size_t len = at == NULL ? strlen(path) : (size_t)(at - path);
        if (text_format(part, sizeof(part), "%.*s", (int)len, path) != OK) {
            return false;
        }
        struct stat st;
        if (lstat(part, &st) != 0 && mkdir(part, 0755) != 0) {
            return false;
        }
        if (at == NULL) {
            return true;
        }
    }
}

static bool put_root(struct world *w, size_t i)
{
    const struct plan_item *item = &w->p->items[i];
    const bool good = make_way(item->path) && attach(w->trees[i], item->path);
    (void)close(w->trees[i]);
    return good ? true : failed(w, "attach", item->path);
}

static bool hold(struct world *w, const struct plan_item *item)
{
    const int fd = open_plain(item->path);
    if (fd < 0) {
        return failed(w, "hold", item->path);
    }
    const int tree = clone_tree(fd);
    (void)close(fd);
    bool good = tree >= 0;
    if (good && item->access == PLAN_PROTECT) {
        good = set_attributes(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY,
                              0);
    }
    good = good && attach(tree, item->path);
    if (tree >= 0) {
        (void)close(tree);
    }
    return good ? true : failed(w, "hold", item->path);
}

static bool hide(struct world *w, const struct plan_item *item)
{
    struct stat st;
    if (lstat(item->path, &st) != 0) {
        return errno == ENOENT || errno == EACCES ? true
                                                  : failed(w, "hide", item->path);
    }
    if (S_ISDIR(st.st_mode)) {
        return mount("tmpfs", item->path, "tmpfs", MS_NOSUID_ | MS_NODEV_ | MS_NOEXEC_,
                     HIDE_OPTIONS) == 0 &&
                       set_attributes(AT_FDCWD, item->path, 0, MOUNT_ATTR_RDONLY, 0)
                   ? true
                   : failed(w, "hide", item->path);
    }
    const int fd = open_plain("/dev/null");
    const int tree = fd < 0 ? -1 : clone_tree(fd);
    const bool good = tree >= 0 && attach(tree, item->path);
    (void)close(fd);
    (void)close(tree);
    return good ? true : failed(w, "hide", item->path);
}

static bool put_item(struct world *w, size_t i)
{
    const struct plan_item *item = &w->p->items[i];
    switch (item->access) {
    case PLAN_SCRATCH:
        return make_scratch(w, item);
    case PLAN_WRITE:
        return put_root(w, i);
    case PLAN_PIN:
    case PLAN_PROTECT:
        return hold(w, item);
    case PLAN_HIDE:
        return hide(w, item);
    case PLAN_READ:
    case PLAN_DEVICE:
        break;
    }
    return true;
}

enum err mounts_apply(const struct plan *p, const char **step, const char **path)
{
    struct world w = {.p = p, .step = step, .path = path};
    *step = "mount";
    *path = "/";
    if (mount(NULL, "/", NULL, MS_REC_ | MS_PRIVATE_, NULL) != 0 || !clone_all(&w)) {
        return errno == ESTALE ? ERR_DENIED : ERR_IO;
    }
    /* A device is one wherever its node lies: those that are meant come in a new /dev. */
    if (!set_attributes(AT_FDCWD, "/", AT_RECURSIVE,
                        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0)) {
        (void)failed(&w, "close", "/");
        return ERR_IO;
    }
    if (!make_dev(&w) || !make_proc(&w)) {
        return ERR_IO;
    }
    for (size_t i = 0; i < p->n_items; i++) {
        if (!put_item(&w, i)) {
            return ERR_IO;
        }
    }
    return OK;
}
