/* Runs the seccomp programs as the kernel would, over every call and some arguments. */
#include "test.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sandbox/filter.h"

#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* The instructions that libseccomp writes. */
static uint32_t run(const struct sock_filter *at, size_t len,
                    const struct seccomp_data *d)
{
    uint32_t a = 0;
    for (size_t i = 0; i < len; i++) {
        const uint32_t k = at[i].k;
        bool yes = false;
        switch (at[i].code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)d + k, sizeof(a));
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= k;
            continue;
        case BPF_RET | BPF_K:
            return k;
        case BPF_JMP | BPF_JA:
            i += k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = a == k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = a > k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = a >= k;
            break;
        default:
            print_error("instruction %zu is 0x%02x\n", i, at[i].code);
            fail();
        }
        i += yes ? at[i].jt : at[i].jf;
    }
    fail();
    return 0;
}

/* The stricter of the two answers, in the kernel's order. */
static uint32_t answer(unsigned kind, const struct seccomp_data *d)
{
    size_t len = 0;
    const struct sock_filter *at = filter_known(&len);
    const uint32_t known = run(at, len, d);
    at = filter_refused(kind, &len);
    const uint32_t refused = run(at, len, d);
    return (int32_t)(known & SECCOMP_RET_ACTION_FULL) <
                   (int32_t)(refused & SECCOMP_RET_ACTION_FULL)
               ? known
               : refused;
}

static struct seccomp_data call(int nr, uint64_t a, uint64_t b, uint64_t c)
{
    return (struct seccomp_data){.nr = nr, .arch = NATIVE, .args = {a, b, c}};
}

static bool allowed(unsigned kind, struct seccomp_data d)
{
    return answer(kind, &d) == SECCOMP_RET_ALLOW;
}

TEST(what_is_in_no_row_does_not_exist)
{
    for (int nr = 0; nr < 1024; nr++) {
        struct seccomp_data d = call(nr, 0, 0, 0);
        if (filter_call_of(nr) == NULL) {
            for (unsigned kind = 0; kind < FILTER_KINDS; kind++) {
                EQ_INT(answer(kind, &d), SECCOMP_RET_ERRNO | FILTER_ENOSYS);
            }
        }
    }
}

TEST(every_row_is_answered_as_its_class_says)
{
    size_t n = 0;
    const struct filter_call *calls = filter_calls(&n);
    TRUE(n > 300);
    for (size_t i = 0; i < n; i++) {
        for (unsigned kind = 0; kind < FILTER_KINDS; kind++) {
            const struct seccomp_data d = call(calls[i].nr, 0, 0, 0);
            const uint32_t no = (kind & FILTER_WATCH) != 0
                                    ? (uint32_t)SECCOMP_RET_USER_NOTIF
                                    : SECCOMP_RET_ERRNO | FILTER_EPERM;
            const bool own = (kind & FILTER_NAMESPACE) != 0;
            CASE(calls[i].name);
            if (calls[i].class == FILTER_DENY ||
                (calls[i].class == FILTER_OWN && !own) ||
                (calls[i].class == FILTER_META && !own) ||
                (calls[i].class == FILTER_NET && (kind & FILTER_NETWORK) == 0)) {
                EQ_INT(answer(kind, &d), no);
            } else if (calls[i].class == FILTER_OWN) {
                EQ_INT(answer(kind, &d), SECCOMP_RET_ALLOW);
            }
        }
    }
}

TEST(arguments_decide_where_they_must)
{
    const uint64_t high = UINT64_C(1) << 32;
    static const uint64_t spaces[] = {CLONE_NEWNS,    CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER,  CLONE_NEWPID, CLONE_NEWNET,
                                      CLONE_NEWCGROUP};
    for (unsigned kind = 0; kind < FILTER_KINDS; kind++) {
        const bool net = (kind & FILTER_NETWORK) != 0;
        for (size_t i = 0; i < COUNT(spaces); i++) {
            FALSE(allowed(kind, call(SYS_clone, spaces[i] | 17, 0, 0)));
        }
        TRUE(allowed(kind,
                     call(SYS_clone, CLONE_VM | CLONE_FILES | CLONE_THREAD, 0, 0)));
        FALSE(allowed(kind, call(SYS_ioctl, 0, 0x5412, 0)));
        FALSE(allowed(kind, call(SYS_ioctl, 0, 0x5412 | high, 0)));
        FALSE(allowed(kind, call(SYS_ioctl, 0, 0x541c | high << 5, 0)));
        TRUE(allowed(kind, call(SYS_ioctl, 0, 0x5413, 0)));
        TRUE(allowed(kind,
                     call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
        FALSE(allowed(kind, call(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0)));
        FALSE(
            allowed(kind, call(SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
        FALSE(allowed(kind, call(SYS_socketpair, AF_INET, SOCK_STREAM, 0)));
        EQ_INT(allowed(kind, call(SYS_socket, AF_INET, SOCK_STREAM, 0)), net);
        EQ_INT(allowed(kind, call(SYS_socket, AF_INET6, SOCK_DGRAM, 0)), net);
        EQ_INT(allowed(kind, call(SYS_connect, 3, 0, 0)), net);
        FALSE(allowed(kind, call(SYS_socket, AF_INET, SOCK_RAW, 0)));
        FALSE(allowed(kind, call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)));
        FALSE(allowed(kind, call(SYS_socket, AF_UNIX | high, SOCK_STREAM, 0)));
        for (uint64_t family = 0; family < 64; family++) {
            if (family != AF_INET && family != AF_INET6 && family != AF_NETLINK) {
                FALSE(allowed(kind, call(SYS_socket, family, SOCK_STREAM, 0)));
            }
        }
        FALSE(allowed(kind, call(SYS_socket, AF_NETLINK, SOCK_RAW, 16)));
        FALSE(allowed(kind, call(SYS_fchmodat, 0, 0, 04755)));
        FALSE(allowed(kind, call(SYS_fchmod, 0, 04755, 0)));
        FALSE(allowed(
            kind, (struct seccomp_data){.nr = SYS_openat,
                                        .arch = NATIVE,
                                        .args = {0, 0, O_CREAT | O_WRONLY, 04755}}));
        EQ_INT(allowed(kind, call(SYS_ioctl, 0, 0x40086602, 0)), // FS_IOC_SETFLAGS
               (kind & FILTER_NAMESPACE) != 0);
        EQ_INT(allowed(kind, call(SYS_ioctl, 0, 0x5000940e, 0)), // a btrfs subvolume
               (kind & FILTER_NAMESPACE) != 0);
        FALSE(allowed(kind, call(SYS_memfd_create, 0, 0x10, 0)));
        FALSE(allowed(kind, call(SYS_memfd_create, 0, 0, 0)));
        TRUE(allowed(kind, call(SYS_memfd_create, 0, 0x8, 0)));
    }
}

TEST(calls_of_other_architectures_end_the_process)
{
    static const uint32_t others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, 0xffffffff};
    for (size_t i = 0; i < COUNT(others); i++) {
        struct seccomp_data d = call(SYS_getpid, 0, 0, 0);
        d.arch = others[i];
        EQ_INT(answer(0, &d), SECCOMP_RET_KILL_PROCESS);
    }
#ifdef __x86_64__
    const struct seccomp_data x32 = call(0x40000000 | SYS_getpid, 0, 0, 0);
    EQ_INT(answer(0, &x32), SECCOMP_RET_KILL_PROCESS);
#endif
}

TEST(only_an_open_that_may_change_something_is_looked_at)
{
    const unsigned kind = FILTER_NAMESPACE | FILTER_WATCH;
    TRUE(allowed(kind, call(SYS_openat, 0, 0, O_RDONLY | O_CLOEXEC)));
    TRUE(allowed(kind, call(SYS_openat, 0, 0, O_PATH)));
    static const uint64_t flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC,
                                     O_WRONLY | O_APPEND};
    for (size_t i = 0; i < COUNT(flags); i++) {
        const struct seccomp_data d = call(SYS_openat, 0, 0, flags[i]);
        EQ_INT(answer(kind, &d), SECCOMP_RET_USER_NOTIF);
        TRUE(allowed(FILTER_NAMESPACE, d));
    }
}

RUN_TESTS(T(what_is_in_no_row_does_not_exist),
          T(every_row_is_answered_as_its_class_says),
          T(arguments_decide_where_they_must),
          T(calls_of_other_architectures_end_the_process),
          T(only_an_open_that_may_change_something_is_looked_at))
