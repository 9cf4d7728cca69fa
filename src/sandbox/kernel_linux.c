#include "sandbox/kernel.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/text.h"
#include "sandbox/landlock.h"

static bool has_action(unsigned action)
{
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

void sandbox_probe_quick(struct sandbox_kernel *out)
{
    struct utsname name;
    memset(out, 0, sizeof(*out));
    out->landlock_abi = landlock_abi();
    out->seccomp = has_action(SECCOMP_RET_ERRNO);
    out->notify = has_action(SECCOMP_RET_USER_NOTIF);
    out->namespaces = true;
    out->nested = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2;
    out->root = geteuid() == 0;
    if (uname(&name) == 0) {
        text_sanitize(bytes_from_str(name.release), out->release, sizeof(out->release));
    }
}

/* ---- trying it -------------------------------------------------------------------------- */

enum { TRY_GOOD, TRY_UNSHARE, TRY_MOUNT, TRY_FORK, TRY_PROC };

static const char *const whys[] = {
    [TRY_GOOD] = "",
    [TRY_UNSHARE] =
        ("the kernel refuses user namespaces to this user (a chroot, an outer "
         "sandbox, or a setting such as user.max_user_namespaces)"),
    [TRY_MOUNT] = "a namespace may not mount here (AppArmor, a chroot)",
    [TRY_FORK] = "no process could be started in a namespace",
    [TRY_PROC] =
        "a fresh /proc may not be mounted here (a container that masks parts of it)",
};

static _Noreturn void try_inside(void)
{
    const int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC;
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (unshare(flags | CLONE_NEWUSER) != 0 && unshare(flags) != 0) {
        _exit(TRY_UNSHARE);
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        _exit(TRY_MOUNT);
    }
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(mount("proc", "/proc", "proc", 0, NULL) == 0 ? TRY_GOOD : TRY_PROC);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        _exit(TRY_FORK);
    }
    _exit(WEXITSTATUS(status));
}

void sandbox_probe(struct sandbox_kernel *out)
{
    sandbox_probe_quick(out);
    const pid_t pid = fork();
    if (pid == 0) {
        try_inside();
    }
    int status = 0;
    int result = TRY_FORK;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
        WEXITSTATUS(status) < (int)COUNT(whys)) {
        result = WEXITSTATUS(status);
    }
    out->namespaces = result == TRY_GOOD;
    text_sanitize(bytes_from_str(whys[result]), out->why_not, sizeof(out->why_not));
}
