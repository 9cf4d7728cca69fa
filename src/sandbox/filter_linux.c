#include "sandbox/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"
#include "sandbox/filter_programs.inc"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define PROGRAM(name)         \
    {                         \
        (name), COUNT((name)) \
    }

static const struct {
    const struct sock_filter *at;
    size_t len;
} refused[FILTER_KINDS] = {
    PROGRAM(refused_0), PROGRAM(refused_1), PROGRAM(refused_2), PROGRAM(refused_3),
    PROGRAM(refused_4), PROGRAM(refused_5), PROGRAM(refused_6), PROGRAM(refused_7),
};

const struct sock_filter *filter_known(size_t *len)
{
    *len = COUNT(known);
    return known;
}

const struct sock_filter *filter_refused(unsigned kind, size_t *len)
{
    *len = refused[kind].len;
    return refused[kind].at;
}

const struct filter_call *filter_calls(size_t *n)
{
    *n = COUNT(calls);
    return calls;
}

const struct filter_call *filter_call_of(int nr)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (calls[i].nr == nr) {
            return &calls[i];
        }
    }
    return NULL;
}

static int load(const struct sock_filter *at, size_t len, unsigned long flags)
{
    /* The kernel only reads the program; the type of 1997 has no const. */
    const struct sock_fprog program = {
        .len = (unsigned short)len,
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the type wants it without its const
        .filter = (struct sock_filter *)(uintptr_t)at,
    };
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int load_refused(unsigned kind, unsigned long flags)
{
    return load(refused[kind].at, refused[kind].len, flags);
}

enum err filter_load(unsigned kind, int *listener)
{
    *listener = -1;
    int got = -1;
    /* `known` first: it lets seccomp(2) itself through. */
    if (load(known, COUNT(known), 0) != 0) {
        return ERR_IO;
    }
    if ((kind & FILTER_WATCH) != 0) {
        const unsigned long flag = SECCOMP_FILTER_FLAG_NEW_LISTENER;
        got = load_refused(kind, flag | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
        if (got < 0 && errno == EINVAL) {
            got = load_refused(kind, flag); // before Linux 5.19
        }
        if (got >= 0) {
            *listener = got;
            return OK;
        }
        kind &= ~FILTER_WATCH; // EBUSY: an outer sandbox listens
    }
    return load_refused(kind, 0) == 0 ? OK : ERR_IO;
}
