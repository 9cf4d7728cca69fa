#include "escape.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"

static pid_t pid_of(const char *text)
{
    return (pid_t)strtol(text, NULL, 10);
}

/* The first mapping of a process; 0 when it may not be read. */
static uint64_t address_of(pid_t pid)
{
    char path[64];
    char line[256] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    if (maps == NULL) {
        return 0;
    }
    const char *got = fgets(line, sizeof(line), maps);
    (void)fclose(maps);
    return got == NULL ? 0 : strtoull(line, NULL, 16);
}

static bool reads_mem(char **a)
{
    char path[64];
    char octet = 0;
    const pid_t pid = pid_of(a[0]);
    (void)snprintf(path, sizeof(path), "/proc/%s/mem", a[0]);
    const int fd = open(path, O_RDONLY);
    return fd >= 0 && pread(fd, &octet, 1, (off_t)address_of(pid)) == 1;
}

static bool traces(char **a)
{
    const pid_t pid = pid_of(a[0]);
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0) {
        return false;
    }
    (void)waitpid(pid, NULL, 0);
    return ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0;
}

static bool seizes(char **a)
{
    return ptrace(PTRACE_SEIZE, pid_of(a[0]), NULL, NULL) == 0;
}

static bool moves_memory(const char *text, bool write)
{
    const pid_t pid = pid_of(text);
    char octet = 0;
    uint64_t at = address_of(pid);
    at = at == 0 ? 0x400000 : at;
    const struct iovec here = {&octet, 1};
    const struct iovec there = {(void *)(uintptr_t)at, 1};
    const ssize_t n = write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
                            : process_vm_readv(pid, &here, 1, &there, 1, 0);
    return n == 1 ||
           (write && n < 0 && errno == EFAULT); // EFAULT: past the check of rights
}

static bool reads_vm(char **a)
{
    return moves_memory(a[0], false);
}

static bool writes_vm(char **a)
{
    return moves_memory(a[0], true);
}

static bool takes_descriptor(char **a)
{
    const int pidfd = (int)syscall(SYS_pidfd_open, pid_of(a[0]), 0);
    return pidfd >= 0 && syscall(SYS_pidfd_getfd, pidfd, 9, 0) >= 0;
}

static bool compares(char **a)
{
    return syscall(SYS_kcmp, getpid(), pid_of(a[0]), KCMP_VM, 0, 0) >= 0;
}

static bool tgkills(char **a)
{
    return syscall(SYS_tgkill, pid_of(a[0]), pid_of(a[0]), SIGCONT) == 0;
}

static bool queues(char **a)
{
    const union sigval value = {.sival_int = 1};
    return sigqueue(pid_of(a[0]), SIGCONT, value) == 0;
}

static bool signals_pidfd(char **a)
{
    const int pidfd = (int)syscall(SYS_pidfd_open, pid_of(a[0]), 0);
    return pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) == 0;
}

/* A descriptor whose owner is the other one: readiness becomes a signal to it. Whether it
 * may be owned is already the answer inside a process namespace. */
static bool owns_for(char **a)
{
    int ends[2];
    return pipe(ends) == 0 && fcntl(ends[0], F_SETOWN, pid_of(a[0])) == 0 &&
           fcntl(ends[0], F_SETSIG, SIGCONT) == 0 && getpgid(pid_of(a[0])) > 0 &&
           kill(pid_of(a[0]), 0) == 0;
}

static bool nices(char **a)
{
    return setpriority(PRIO_PROCESS, (id_t)pid_of(a[0]), 1) == 0;
}

static bool pins(char **a)
{
    cpu_set_t set;
    return sched_getaffinity(pid_of(a[0]), sizeof(set), &set) == 0 &&
           sched_setaffinity(pid_of(a[0]), sizeof(set), &set) == 0;
}

static bool limits(char **a)
{
    struct rlimit was;
    return prlimit(pid_of(a[0]), RLIMIT_NOFILE, NULL, &was) == 0 &&
           prlimit(pid_of(a[0]), RLIMIT_NOFILE, &was, NULL) == 0;
}

static bool sets_io_priority(char **a)
{
    const int who = 1; // one process
    const long is = syscall(SYS_ioprio_get, who, pid_of(a[0]));
    return is >= 0 && syscall(SYS_ioprio_set, who, pid_of(a[0]), is) == 0;
}

static bool schedules(char **a)
{
    const struct sched_param plain = {.sched_priority = 0};
    return sched_setscheduler(pid_of(a[0]), SCHED_OTHER, &plain) == 0;
}

static bool advises(char **a)
{
    const int pidfd = (int)syscall(SYS_pidfd_open, pid_of(a[0]), 0);
    const struct iovec none = {(void *)(uintptr_t)address_of(pid_of(a[0])), 4096};
    return pidfd >= 0 &&
           syscall(SYS_process_madvise, pidfd, &none, 1, MADV_COLD, 0) >= 0;
}

static bool moves_pages(char **a)
{
    return syscall(SYS_move_pages, pid_of(a[0]), 0, NULL, NULL, NULL, 0) == 0;
}

static bool reads_locks(char **a)
{
    void *head = NULL;
    size_t len = 0;
    return syscall(SYS_get_robust_list, pid_of(a[0]), &head, &len) == 0;
}

static bool is_traced(char **a)
{
    (void)a;
    const pid_t pid = fork();
    int status = 1;
    if (pid == 0) {
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

/* Takes every step that loosens it from whoever waits for its end. */
static bool breaks_away(char **a)
{
    char name[] = "escape";
    char wait[] = "wait_long";
    char *argv[] = {name, wait, a[0], NULL};
    char octet = 0;
    int runs[2]; // closed by the exec
    if (pipe2(runs, O_CLOEXEC) != 0) {
        return false;
    }
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (fork() == 0) {
        (void)setsid();
        (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        if (fork() == 0) {
            (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
            (void)setsid();
            (void)signal(SIGTERM, SIG_IGN);
            (void)execv("/proc/self/exe", argv);
            _exit(1);
        }
        (void)close(runs[1]);
        (void)pause();
    }
    (void)close(runs[1]);
    (void)!read(runs[0], &octet, 1);
    return true;
}

/* Stays until somebody ends it; its command line has the tag. */
static bool waits_long(char **a)
{
    (void)a;
    (void)alarm(60);
    (void)pause();
    return true;
}

static bool looks_for(const char *tag, bool ends)
{
    bool found = false;
    DIR *proc = opendir("/proc");
    for (struct dirent *d = proc == NULL ? NULL : readdir(proc); d != NULL;
         d = readdir(proc)) {
        char path[300];
        char line[1024] = "";
        (void)snprintf(path, sizeof(path), "/proc/%s/cmdline", d->d_name);
        const int fd = open(path, O_RDONLY);
        const ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
        if (fd >= 0) {
            (void)close(fd);
        }
        if (n > 0 && memmem(line, (size_t)n, "wait_long", 9) != NULL &&
            memmem(line, (size_t)n, tag, strlen(tag)) != NULL) {
            found = true;
            if (ends) {
                (void)kill(pid_of(d->d_name), SIGKILL);
            }
        }
    }
    if (proc != NULL) {
        (void)closedir(proc);
    }
    return found;
}

static bool is_running(char **a)
{
    return looks_for(a[0], true);
}

static bool runs(char **a)
{
    return looks_for(a[0], false);
}

static bool differs(char **a)
{
    (void)a;
    return geteuid() != getuid();
}

const struct attempt process_attempts[] = {
    {"proc_mem", reads_mem},
    {"ptrace", traces},
    {"ptrace_seize", seizes},
    {"vm_read", reads_vm},
    {"vm_write", writes_vm},
    {"pidfd_getfd", takes_descriptor},
    {"kcmp", compares},
    {"tgkill", tgkills},
    {"sigqueue", queues},
    {"pidfd_signal", signals_pidfd},
    {"owner_signal", owns_for},
    {"nice", nices},
    {"affinity", pins},
    {"prlimit", limits},
    {"wait_long", waits_long},
    {"is_running", is_running},
    {"runs", runs},
    {"euid_differs", differs},
    {"ioprio", sets_io_priority},
    {"schedule", schedules},
    {"process_madvise", advises},
    {"move_pages", moves_pages},
    {"robust_list", reads_locks},
    {"traceme", is_traced},
    {"break_away", breaks_away},
};
const size_t n_process_attempts = COUNT(process_attempts);
