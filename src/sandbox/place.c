#include "sandbox/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_MODE 0555 // also how one that was left behind is known again
#define TRIES      16   // another sandbox may remove it just when we lock it

static bool is_named(int fd, const char *path)
{
    struct stat a;
    struct stat b;
    return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* An open, locked descriptor of the folder; -1 and errno otherwise. */
static int hold_one(const char *path)
{
    for (int i = 0; i < TRIES; i++) {
        if (mkdir(path, PLACE_MODE) == 0) {
            (void)chmod(path, PLACE_MODE); // whatever the umask
        } else if (errno != EEXIST) {
            return -1;
        }
        const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT) {
            return -1;
        }
        if (fd >= 0 && flock(fd, LOCK_SH) == 0 && is_named(fd, path)) {
            return fd;
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    errno = EBUSY;
    return -1;
}

/* Whoever may not make it outside may not inside either. */
static bool nobody_could(int why)
{
    return why == EACCES || why == EPERM || why == EROFS;
}

static bool is_left_behind(const struct plan_item *item)
{
    struct stat st;
    return item->kind == SITE_FOLDER && lstat(item->path, &st) == 0 &&
           S_ISDIR(st.st_mode) && (st.st_mode & 07777) == PLACE_MODE &&
           st.st_nlink <= 2;
}

enum err places_hold(struct places *h, struct plan *p, const char **path)
{
    for (size_t i = 0; i < p->n_items; i++) {
        h->fds[i] = -1;
    }
    for (size_t i = 0; i < p->n_items && p->namespaces; i++) {
        struct plan_item *item = &p->items[i];
        const bool missing = item->kind == SITE_MISSING;
        if (item->access != PLAN_PROTECT || !(missing || is_left_behind(item))) {
            continue;
        }
        h->fds[i] = hold_one(item->path);
        if (h->fds[i] < 0 && missing && nobody_could(errno)) {
            item->access = PLAN_READ;
        } else if (h->fds[i] < 0 && missing) {
            *path = item->path;
            return ERR_IO;
        }
    }
    return OK;
}

void places_release(struct places *h, const struct plan *p)
{
    for (size_t i = 0; i < p->n_items; i++) {
        if (h->fds[i] < 0) {
            continue;
        }
        if (flock(h->fds[i], LOCK_EX | LOCK_NB) == 0 &&
            is_named(h->fds[i], p->items[i].path)) {
            (void)rmdir(p->items[i].path); // not when somebody put something in
        }
        (void)close(h->fds[i]);
        h->fds[i] = -1;
    }
}
