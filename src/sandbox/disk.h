/*
 * disk: whether a command is about to fill a disk that it may write to.
 *
 * Shape      every disk of a writable folder is looked at now and then; one that has less
 *            left than its reserve is low. The nearer to it, the sooner the next look.
 * Limits     DISK_RESERVE octets stay free, or a quarter of what was free at the start.
 * Tests      tests/escape/ends_test.c
 */
#ifndef SANDBOX_DISK_H
#define SANDBOX_DISK_H

#include "sandbox/plan.h"

#define DISK_RESERVE (UINT64_C(256) << 20)

struct disk {
    int fd;
    uint64_t dev;
    uint64_t reserve;
};

struct disks {
    struct disk at[POLICY_PATHS_MAX + 1];
    size_t n;
    uint64_t look_at_ms; // UINT64_MAX: nothing is writable
};

void disks_open(struct disks *d, const struct plan *p, uint64_t now_ms);
bool disks_low(struct disks *d, uint64_t now_ms); // looks only when it is time
void disks_close(struct disks *d);

#endif
