/*
 * kernel: what this kernel gives a sandbox, found out at run time.
 *
 * Shape      sandbox_probe() asks without changing anything of the caller: what needs a
 *            try (namespaces, private processes) is tried in a child that ends at once.
 *            The quick form leaves those out and hopes; a start that fails says so.
 * Threads    sandbox_probe() forks: from a single-threaded process only.
 */
#ifndef SANDBOX_KERNEL_H
#define SANDBOX_KERNEL_H

#include <stdbool.h>

struct sandbox_kernel {
    unsigned landlock_abi; // 0: no Landlock
    bool seccomp;          // filters
    bool notify;           // a supervisor can be told of refused calls
    bool namespaces;       // mounts and processes of its own
    bool nested;           // this process is under a filter already
    bool root;             // the caller is the superuser
    char release[64];      // uname -r
    char why_not[160];     // why there are no namespaces; "" when there are
    bool seatbelt;         // macOS: holds files, network and processes at once
};

void sandbox_probe(struct sandbox_kernel *out);
void sandbox_probe_quick(struct sandbox_kernel *out);

#define LANDLOCK_ABI_TRUNCATE 3
#define LANDLOCK_ABI_TCP      4
#define LANDLOCK_ABI_IOCTL    5
#define LANDLOCK_ABI_SCOPE    6 // abstract sockets and signals

#endif
