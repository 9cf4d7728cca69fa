/*
 * filter: the seccomp programs, made at build time, and the names of the calls.
 *
 * Source     syscall_table.inc; filter_make.c turns it into programs with libseccomp.
 * Shape      default deny: what no row names does not exist (ENOSYS); what a row refuses
 *            is EPERM, or asked of the supervisor, which records it and says EPERM.
 *            A call of another architecture (i386, x32) ends the process.
 * Errors     ERR_IO  the kernel took no filter; errno says why
 * Tests      tests/unit/sandbox_filter_test.c runs every program over every call
 */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include <stdint.h>

#include "base/err.h"

#define FILTER_EPERM  1
#define FILTER_ENOSYS 38

/* A kind of plan, as bits. */
#define FILTER_NETWORK   1u // the plan grants the network
#define FILTER_NAMESPACE 2u // mounts, processes and queues of its own
#define FILTER_WATCH     4u // a supervisor listens
#define FILTER_KINDS     8u

enum filter_class {
    FILTER_ALLOW,
    FILTER_FILE,
    FILTER_META,
    FILTER_OWN,
    FILTER_NET,
    FILTER_DENY,
};

/* Where a call has its paths. */
#define FILTER_HERE (-1) // the folder is the current one
#define FILTER_SELF (-2) // the descriptor itself is meant
#define FILTER_NONE (-3)

struct filter_call {
    int nr;
    const char *name;
    enum filter_class class;
    int args[4]; // folder, path, second folder, second path
};

struct sock_filter;

/* The two programs of a kind; static. */
const struct sock_filter *filter_known(size_t *len);
const struct sock_filter *filter_refused(unsigned kind, size_t *len);

const struct filter_call *filter_call_of(int nr); // NULL: in no row
const struct filter_call *filter_calls(size_t *n);

/* Puts both on the calling process, for good. With FILTER_WATCH *listener is the
 * descriptor on which refused calls arrive; -1 when an outer sandbox listens already
 * (then the same kind without FILTER_WATCH is in force). */
NODISCARD enum err filter_load(unsigned kind, int *listener);

#endif
