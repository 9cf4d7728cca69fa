#include "escape.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"

/* ---- wide doors --------------------------------------------------------------------- */

static bool makes_ring(char **a)
{
    (void)a;
    char params[120] = {0};
    return syscall(SYS_io_uring_setup, 1, params) >= 0;
}

static bool makes_aio(char **a)
{
    (void)a;
    unsigned long ctx = 0;
    return syscall(SYS_io_setup, 1, &ctx) == 0;
}

static bool makes_userfaultfd(char **a)
{
    (void)a;
    return syscall(SYS_userfaultfd, 1) >= 0;
}

static bool makes_bpf(char **a)
{
    (void)a;
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = 4;
    attr.value_size = 4;
    attr.max_entries = 1;
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)) >= 0;
}

static bool opens_perf(char **a)
{
    (void)a;
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.type = PERF_TYPE_SOFTWARE;
    attr.size = sizeof(attr);
    attr.config = PERF_COUNT_SW_TASK_CLOCK;
    attr.exclude_kernel = 1;
    return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) >= 0;
}

static bool adds_key(char **a)
{
    (void)a;
    return syscall(SYS_add_key, "user", "farhand-escape", "x", 1,
                   KEY_SPEC_PROCESS_KEYRING) >= 0;
}

static bool finds_keyring(char **a)
{
    (void)a;
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0;
}

static bool requests_key(char **a)
{
    (void)adds_key(a);
    return syscall(SYS_request_key, "user", "farhand-escape", NULL, 0) >= 0;
}

static bool watches_all(char **a)
{
    (void)a;
    return fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY) >= 0;
}

static bool reads_log(char **a)
{
    (void)a;
    return klogctl(10, NULL, 0) > 0;
}

/* ---- namespaces and mounts ------------------------------------------------------------- */

static bool unshares_user(char **a)
{
    (void)a;
    return unshare(CLONE_NEWUSER) == 0;
}

/* Namespaces of one's own, if to be had; what follows is tried in any case. */
static bool apart(int flags)
{
    return unshare(flags) == 0 || unshare(flags | CLONE_NEWUSER) == 0;
}

static bool unshares_mount(char **a)
{
    (void)a;
    return apart(CLONE_NEWNS);
}

static bool waits_for(pid_t pid)
{
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool clones_user(char **a)
{
    (void)a;
    const pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        _exit(0);
    }
    return waits_for(pid);
}

static bool clones3_user(char **a)
{
    (void)a;
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    const pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        _exit(0);
    }
    return waits_for(pid);
}

static bool enters(char **a)
{
    (void)a;
    (void)apart(CLONE_NEWUTS);
    const int fd = open("/proc/self/ns/uts", O_RDONLY);
    return fd >= 0 && setns(fd, CLONE_NEWUTS) == 0;
}

static bool mounts(char **a)
{
    (void)a;
    (void)apart(CLONE_NEWNS);
    return mount("tmpfs", "/mnt", "tmpfs", 0, NULL) == 0;
}

static bool unmounts(char **a)
{
    return umount2(mounts(a) ? "/mnt" : "/proc", MNT_DETACH) == 0;
}

static bool opens_fs(char **a)
{
    (void)a;
    (void)apart(CLONE_NEWNS);
    return syscall(SYS_fsopen, "tmpfs", 0) >= 0;
}

static bool opens_tree(char **a)
{
    (void)apart(CLONE_NEWNS);
    return syscall(SYS_open_tree, AT_FDCWD, a[0], 1 /* clone */) >= 0;
}

static bool unshares(char **a)
{
    return apart((int)strtol(a[0], NULL, 0));
}

/* Nothing is set: whether it may be is the answer. */
static bool sets_mount(char **a)
{
    (void)a;
    const uint64_t nothing[4] = {0, 0, 0, 0};
    (void)apart(CLONE_NEWNS);
    return syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, nothing, sizeof(nothing)) == 0;
}

static bool picks_fs(char **a)
{
    (void)a;
    (void)apart(CLONE_NEWNS);
    return syscall(SYS_fspick, AT_FDCWD, "/", 0) >= 0;
}

static bool changes_root(char **a)
{
    (void)a;
    (void)apart(CLONE_NEWNS);
    return chroot("/") == 0;
}

static bool names_host(char **a)
{
    (void)a;
    (void)apart(CLONE_NEWUTS);
    return sethostname("x", 1) == 0;
}

/* ---- programs that are no file ------------------------------------------------------------- */

static int memory_program(unsigned flags, bool script)
{
    char chunk[4096];
    const int fd = (int)syscall(SYS_memfd_create, "escape", flags);
    if (script) {
        return fd >= 0 && write(fd, "#!/bin/sh\nexit 0\n", 17) == 17 ? fd : -1;
    }
    const int from = open("/bin/true", O_RDONLY);
    for (ssize_t n = read(from, chunk, sizeof(chunk)); n > 0;
         n = read(from, chunk, sizeof(chunk))) {
        if (fd < 0 || write(fd, chunk, (size_t)n) != n) {
            return -1;
        }
    }
    return fd;
}

static bool runs_memory(bool script, bool by_path)
{
    static const unsigned kinds[] = {0, 0x10 /* MFD_EXEC */};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const int fd = memory_program(kinds[i], script);
        char path[64];
        char name[] = "true";
        char *argv[] = {name, NULL};
        char *env[] = {NULL};
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        const pid_t pid = fork();
        if (pid == 0) {
            (void)fchmod(fd, 0755);
            if (by_path) {
                (void)execve(path, argv, env);
            } else {
                (void)execveat(fd, "", argv, env, AT_EMPTY_PATH);
            }
            _exit(1);
        }
        if (waits_for(pid)) {
            return true;
        }
    }
    return false;
}

static bool runs_by_descriptor(char **a)
{
    (void)a;
    return runs_memory(false, false);
}

static bool runs_by_path(char **a)
{
    (void)a;
    return runs_memory(false, true);
}

static bool runs_script(char **a)
{
    (void)a;
    return runs_memory(true, true);
}

/* ---- terminals -------------------------------------------------------------------------------- */

/* A terminal of one's own, as the controlling one of a new session. */
static int own_terminal(void)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    char name[64];
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, name, sizeof(name)) != 0) {
        return -1;
    }
    (void)setsid();
    const int fd = open(name, O_RDWR);
    (void)ioctl(fd, TIOCSCTTY, 0);
    return fd;
}

static bool types(char **a)
{
    const char octet = 'x';
    const uint64_t command =
        strcmp(a[0], "1") == 0 ? UINT64_C(0x100000000) | TIOCSTI : TIOCSTI;
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(syscall(SYS_ioctl, own_terminal(), command, &octet) == 0 ? 0 : 1);
    }
    return waits_for(pid);
}

static bool sets_discipline(char **a)
{
    (void)a;
    const int plain = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(ioctl(own_terminal(), TIOCSETD, &plain) == 0 ? 0 : 1);
    }
    return waits_for(pid);
}

/* ---- the clock, the machine, other doors into it ------------------------------------------------- */

static bool reads_adjtimex(char **a)
{
    (void)a;
    struct timex t = {.modes = 0};
    return adjtimex(&t) >= 0;
}

static bool steps_clock(char **a)
{
    (void)a;
    struct timex t = {.modes = ADJ_SETOFFSET}; // by nothing
    return clock_adjtime(CLOCK_REALTIME, &t) >= 0;
}

#ifdef __x86_64__
static bool raises_io(char **a)
{
    (void)a;
    return syscall(SYS_iopl, 3) == 0;
}

static bool calls_i386(char **a)
{
    (void)a;
    long got = 20; // getpid of i386
    __asm__ volatile("int $0x80" : "+a"(got) : : "memory", "r8", "r9", "r10", "r11");
    return got == getpid();
}

static bool calls_x32(char **a)
{
    (void)a;
    return syscall(0x40000000 | SYS_getpid) == getpid();
}
#endif

static bool reads_ldt(char **a)
{
    (void)a;
#ifdef SYS_modify_ldt
    char room[16];
    return syscall(SYS_modify_ldt, 0, room, sizeof(room)) >= 0;
#else
    return false;
#endif
}

static bool stops_accounting(char **a)
{
    (void)a;
    return acct(NULL) == 0;
}

static bool opens_semaphore(char **a)
{
    return semget((key_t)strtol(a[0], NULL, 10), 1, 0) >= 0;
}

static bool opens_messages(char **a)
{
    return msgget((key_t)strtol(a[0], NULL, 10), 0) >= 0;
}

static bool attaches_shm(char **a)
{
    const int id = shmget((key_t)strtol(a[0], NULL, 10), 1, 0);
    return id >= 0 && shmat(id, NULL, SHM_RDONLY) != MAP_FAILED;
}

static bool opens_queue(char **a)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "/%s", a[0]);
    return mq_open(name, O_RDWR) != (mqd_t)-1;
}

const struct attempt kernel_attempts[] = {
    {"io_uring", makes_ring},
    {"aio", makes_aio},
    {"userfaultfd", makes_userfaultfd},
    {"bpf", makes_bpf},
    {"perf", opens_perf},
    {"add_key", adds_key},
    {"keyctl", finds_keyring},
    {"request_key", requests_key},
    {"fanotify", watches_all},
    {"syslog", reads_log},
    {"unshare_user", unshares_user},
    {"unshare_mount", unshares_mount},
    {"clone_user", clones_user},
    {"clone3_user", clones3_user},
    {"setns", enters},
    {"mount", mounts},
    {"umount", unmounts},
    {"fsopen", opens_fs},
    {"open_tree", opens_tree},
    {"chroot", changes_root},
    {"sethostname", names_host},
    {"memfd_execveat", runs_by_descriptor},
    {"memfd_path", runs_by_path},
    {"memfd_script", runs_script},
    {"tiocsti", types},
    {"tiocsetd", sets_discipline},
    {"adjtimex", reads_adjtimex},
    {"clock_settime", steps_clock},
#ifdef __x86_64__
    {"iopl", raises_io},
    {"int80", calls_i386},
    {"x32", calls_x32},
#endif
    {"shm", attaches_shm},
    {"mqueue", opens_queue},
    {"sem", opens_semaphore},
    {"msg", opens_messages},
    {"unshare", unshares},
    {"mount_setattr", sets_mount},
    {"fspick", picks_fs},
    {"modify_ldt", reads_ldt},
    {"acct", stops_accounting},
};
const size_t n_kernel_attempts = COUNT(kernel_attempts);
