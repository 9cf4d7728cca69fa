#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/mounts.h"

#define FILES_MAX    4096 // descriptors of one process, unless the caller has fewer
#define EXIT_UNMADE  125
#define EXIT_NO_FILE 127

static _Noreturn void fail(const struct child *c, enum child_kind kind,
                           const char *step, const char *path)
{
    struct child_note note = {.kind = kind, .error = errno};
    text_sanitize(bytes_from_str(step), note.step, sizeof(note.step));
    text_sanitize(bytes_from_str(path), note.path, sizeof(note.path));
    (void)!write(c->report, &note, sizeof(note));
    _exit(kind == CHILD_NO_CMD ? EXIT_NO_FILE : EXIT_UNMADE);
}

/* ---- giving up rights ---------------------------------------------------------------- */

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    for (unsigned long cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno == EINVAL) {
            break; // past the last one; EPERM: an ordinary user, who has none
        }
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0;
}

static void limit(int what, uint64_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now) != 0) {
        return;
    }
    if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most) {
        now.rlim_max = most;
    }
    if (now.rlim_cur == RLIM_INFINITY || now.rlim_cur > now.rlim_max) {
        now.rlim_cur = now.rlim_max;
    }
    (void)setrlimit((__rlimit_resource_t)what, &now);
}

static void apply_limits(const struct plan *p)
{
    /* One octet: no file, and no program that core_pattern names either, as with none. */
    limit(RLIMIT_CORE, 1);
    if (p->mode == SANDBOX_FULL_ACCESS) {
        return;
    }
    limit(RLIMIT_NOFILE, FILES_MAX);
    limit(RLIMIT_MEMLOCK, 8u << 20);
    if (p->file_max != 0) {
        limit(RLIMIT_FSIZE, p->file_max);
    }
    if (p->namespaces) {
        limit(RLIMIT_NPROC, p->process_max); // without one it would count your others
    }
}

static void plain_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    for (int s = 1; s < NSIG; s++) {
        (void)signal(s, SIG_DFL);
    }
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- talking to the supervisor ---------------------------------------------------------- */

/* One octet, with the listener when there is one: the supervisor also learns our pid. */
static bool say_ready(const struct child *c, int listener)
{
    char octet = 'r';
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec io = {&octet, 1};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
    if (listener >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control.room);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &listener, sizeof(int));
    }
    return sendmsg(c->talk, &message, MSG_NOSIGNAL) == 1;
}

static unsigned filter_kind(const struct plan *p)
{
    return (p->network ? FILTER_NETWORK : 0) | (p->namespaces ? FILTER_NAMESPACE : 0) |
           (p->notify ? FILTER_WATCH : 0);
}

static void confine(const struct child *c, int *listener)
{
    const struct plan *p = c->plan;
    const char *step = "";
    if (!drop_capabilities()) {
        fail(c, CHILD_FAILED, "give up capabilities", "");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        fail(c, CHILD_FAILED, "no new privileges", "");
    }
    if (p->landlock && landlock_apply(p, c->scratch, &step) != OK) {
        fail(c, CHILD_FAILED, step, "");
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); // changing rights has cleared it
    if (p->seccomp && filter_load(filter_kind(p), listener) != OK) {
        fail(c, CHILD_FAILED, "seccomp", "");
    }
}

_Noreturn void child_enter(const struct child *c)
{
    int listener = -1;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)setsid();
    plain_signals();
    if (chdir(c->plan->cwd) != 0 && chdir(c->plan->workspace) != 0 && chdir("/") != 0) {
        fail(c, CHILD_FAILED, "enter", c->plan->cwd);
    }
    apply_limits(c->plan);
    /* Whatever was open stays behind: an inherited descriptor knows no sandbox. */
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOEXEC */) != 0) {
        fail(c, CHILD_FAILED, "close descriptors", "");
    }
    if (c->plan->mode != SANDBOX_FULL_ACCESS) {
        confine(c, &listener);
    }
    if (!say_ready(c, listener)) {
        fail(c, CHILD_FAILED, "reach the supervisor", "");
    }
    if (listener >= 0) {
        (void)close(listener);
    }
    environ = c->env;
    (void)execvp(c->argv[0], c->argv);
    fail(c, CHILD_NO_CMD, "run", c->argv[0]);
}

/* ---- the first process of the namespaces -------------------------------------------------- */

static bool write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const size_t len = strlen(text);
    const bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    const int why = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = why;
    return good;
}

/* The same number inside and outside: a namespace only to be allowed to mount. */
static bool map_user(const struct child *c)
{
    char uid[64];
    char gid[64];
    return text_format(uid, sizeof(uid), "%u %u 1\n", c->uid, c->uid) == OK &&
           text_format(gid, sizeof(gid), "%u %u 1\n", c->gid, c->gid) == OK &&
           write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", uid) &&
           write_file("/proc/self/gid_map", gid);
}

static void build_world(const struct child *c)
{
    const char *step = "";
    const char *path = "";
    if (c->plan->userns && !map_user(c)) {
        fail(c, CHILD_FAILED, "map the user", "");
    }
    if (mounts_apply(c->plan, &step, &path) != OK) {
        fail(c, CHILD_FAILED, step, path);
    }
}

/* Reaps whatever is left to it until the command has ended; the kernel ends the others
 * with this process. */
static _Noreturn void reap(const struct child *c, pid_t command)
{
    for (;;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, 0);
        if (pid == command) {
            const struct child_note note = {.kind = CHILD_ENDED, .status = status};
            (void)!write(c->report, &note, sizeof(note));
            _exit(0);
        }
        if (pid < 0 && errno != EINTR) {
            _exit(EXIT_UNMADE);
        }
    }
}

/* It may have ended before its death could be told: then nobody reads the report. */
static void stop_without_parent(const struct child *c)
{
    struct pollfd report = {.fd = c->report};
    if (poll(&report, 1, 0) == 1 && (report.revents & POLLERR) != 0) {
        _exit(EXIT_UNMADE);
    }
}

_Noreturn void child_init(const struct child *c)
{
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); // or /proc/self would be root's
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    stop_without_parent(c);
    build_world(c);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); // our memory has the caller's environment
    const pid_t command = fork();
    if (command < 0) {
        fail(c, CHILD_FAILED, "fork", "");
    }
    if (command == 0) {
        child_enter(c);
    }
    (void)close(c->talk);
    (void)drop_capabilities();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    reap(c, command);
}
