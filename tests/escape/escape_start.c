/* Not attempts, but ways to start one: `escape NAME ARG… CMD…` becomes CMD, with something
 * taken from its kernel or put in its place. */
#include "escape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attr.h"

#define LOAD(field) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define EQUALS(value, yes, no) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), (yes), (no))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define FAIL(number)   (SECCOMP_RET_ERRNO | (number))

#define LANDLOCK_FIRST 444u // create_ruleset, add_rule, restrict_self
#define LANDLOCK_LAST  446u
#define ASKS_VERSION   1u

#define SPACES \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET)

static const struct sock_filter no_landlock[] = {
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, LANDLOCK_FIRST, 0, 2),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LANDLOCK_LAST, 1, 0),
    ANSWER(FAIL(EOPNOTSUPP)),
    ANSWER(SECCOMP_RET_ALLOW),
};

static const struct sock_filter no_seccomp[] = {
    LOAD(nr),
    EQUALS(SYS_seccomp, 0, 1),
    ANSWER(FAIL(ENOSYS)),
    ANSWER(SECCOMP_RET_ALLOW),
};

static const struct sock_filter no_spaces[] = {
    LOAD(nr),
    EQUALS(SYS_clone, 1, 0),
    EQUALS(SYS_unshare, 0, 3),
    LOAD(args[0]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SPACES, 0, 1),
    ANSWER(FAIL(EPERM)),
    ANSWER(SECCOMP_RET_ALLOW),
};

/* Only the question which version it is goes to whoever listens. */
static const struct sock_filter ask_version[] = {
    LOAD(nr),
    EQUALS(LANDLOCK_FIRST, 0, 3),
    LOAD(args[2]),
    EQUALS(ASKS_VERSION, 0, 1),
    ANSWER(SECCOMP_RET_USER_NOTIF),
    ANSWER(SECCOMP_RET_ALLOW),
};

static int load(const struct sock_filter *at, size_t len, unsigned long flags)
{
    const struct sock_fprog program = {
        .len = (unsigned short)len,
        .filter = (struct sock_filter *)(uintptr_t)at,
    };
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* Answers for an older kernel until nobody is left to ask. */
static _Noreturn void answer(int listener, int version)
{
    for (;;) {
        struct seccomp_notif ask;
        memset(&ask, 0, sizeof(ask));
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &ask) != 0 && errno != EINTR) {
            _exit(0);
        }
        struct seccomp_notif_resp say = {.id = ask.id, .val = version};
        (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &say);
    }
}

/* The one who answers is the parent: it is under the filter too, but never asks. */
static bool older_landlock(int version)
{
    const int listener =
        load(ask_version, COUNT(ask_version), SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (listener < 0) {
        return false;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        answer(listener, version);
    }
    (void)close(listener);
    return pid > 0;
}

static bool takes(const char *what)
{
    if (strcmp(what, "landlock") == 0) {
        return load(no_landlock, COUNT(no_landlock), 0) == 0;
    }
    if (strcmp(what, "seccomp") == 0) {
        return load(no_seccomp, COUNT(no_seccomp), 0) == 0;
    }
    if (strcmp(what, "namespaces") == 0) {
        return load(no_spaces, COUNT(no_spaces), 0) == 0;
    }
    return strncmp(what, "landlock-", 9) == 0 &&
           older_landlock((int)strtol(what + 9, NULL, 10));
}

static bool starts_without(char **a)
{
    if (takes(a[0])) {
        (void)execvp(a[1], a + 1);
    }
    return false;
}

static bool becomes(int fd, char **a)
{
    (void)dup2(fd, 0);
    (void)execvp(a[0], a);
    return false;
}

static bool listens_on_stdin(char **a)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
           listen(fd, 1) == 0 && becomes(fd, a);
}

static bool has_lone_stdin(char **a)
{
    return becomes(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), a);
}

const struct attempt start_attempts[] = {
    {"without", starts_without},
    {"listen_stdin", listens_on_stdin},
    {"lone_stdin", has_lone_stdin},
};
const size_t n_start_attempts = COUNT(start_attempts);
