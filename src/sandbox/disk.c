#include "sandbox/disk.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOOK_MS      250
#define LOOK_SOON_MS 20
#define NEAR         4 // times the reserve

static uint64_t free_octets(int fd)
{
    struct statvfs fs;
    return fstatvfs(fd, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

static void add(struct disks *d, const char *folder)
{
    struct stat st;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool known = fd < 0 || fstat(fd, &st) != 0 || d->n == POLICY_PATHS_MAX + 1;
    for (size_t i = 0; i < d->n && !known; i++) {
        known = d->at[i].dev == (uint64_t)st.st_dev;
    }
    if (known) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    const uint64_t quarter = free_octets(fd) / 4;
    d->at[d->n++] = (struct disk){
        .fd = fd,
        .dev = (uint64_t)st.st_dev,
        .reserve = quarter < DISK_RESERVE ? quarter : DISK_RESERVE,
    };
}

void disks_open(struct disks *d, const struct plan *p, uint64_t now_ms)
{
    memset(d, 0, sizeof(*d));
    for (size_t i = 0; i < p->n_items; i++) {
        if (p->items[i].access == PLAN_WRITE) {
            add(d, p->items[i].path);
        }
    }
    d->look_at_ms = d->n == 0 ? UINT64_MAX : now_ms + LOOK_SOON_MS;
}

bool disks_low(struct disks *d, uint64_t now_ms)
{
    bool low = false;
    bool near = false;
    if (now_ms < d->look_at_ms) {
        return false;
    }
    for (size_t i = 0; i < d->n; i++) {
        const uint64_t left = free_octets(d->at[i].fd);
        low = low || left < d->at[i].reserve;
        near = near || left / NEAR < d->at[i].reserve;
    }
    d->look_at_ms = now_ms + (near ? LOOK_SOON_MS : LOOK_MS);
    return low;
}

void disks_close(struct disks *d)
{
    for (size_t i = 0; i < d->n; i++) {
        (void)close(d->at[i].fd);
    }
    d->n = 0;
}
