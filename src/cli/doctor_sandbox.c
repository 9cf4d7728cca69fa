#include "cli/doctor.h"
#include "sandbox/kernel.h"

static void landlock(struct doctor *d, const struct sandbox_kernel *k)
{
    if (k->landlock_abi == 0) {
        doctor_say(d, DOCTOR_WARN, "kernel",
                   "use a kernel with Landlock (5.13 or later, lsm=landlock): without "
                   "it 'farhand sandbox' refuses, unless --allow-weaker",
                   "%s, no Landlock: %s", k->release,
                   k->namespaces ? "mounts alone hold files" : "nothing holds files");
        return;
    }
    doctor_say(
        d, DOCTOR_OK, "kernel", NULL, "%s, Landlock ABI %u: files%s%s%s", k->release,
        k->landlock_abi, k->landlock_abi >= LANDLOCK_ABI_TCP ? ", TCP" : "",
        k->landlock_abi >= LANDLOCK_ABI_IOCTL ? ", device calls" : "",
        k->landlock_abi >= LANDLOCK_ABI_SCOPE ? ", signals, abstract sockets" : "");
}

static void seccomp(struct doctor *d, const struct sandbox_kernel *k)
{
    if (!k->seccomp) {
        doctor_say(d, DOCTOR_WARN, "seccomp",
                   "use a kernel with CONFIG_SECCOMP_FILTER: without it 'farhand "
                   "sandbox' refuses, unless --allow-weaker",
                   "no filters: nothing holds system calls");
    } else if (!k->notify || k->nested) {
        doctor_say(d, DOCTOR_OK, "seccomp", NULL,
                   k->nested ? "filters; this process is under one already: refused "
                               "calls may not be told"
                             : "filters; refused calls are not told");
    } else {
        doctor_say(d, DOCTOR_OK, "seccomp", NULL,
                   "filters, and refused calls are told");
    }
}

static void namespaces(struct doctor *d, const struct sandbox_kernel *k)
{
    if (k->namespaces) {
        doctor_say(
            d, DOCTOR_OK, "namespaces", NULL,
            "%s: .git stays read-only, /tmp is private, the state is not visible",
            k->root ? "as root" : "without root");
    } else {
        doctor_say(d, DOCTOR_WARN, "namespaces",
                   "allow user namespaces (user.max_user_namespaces, AppArmor, the "
                   "container's settings): without them a sandbox only reads",
                   "none: %s", k->why_not);
    }
}

void doctor_sandbox(struct doctor *d)
{
    struct sandbox_kernel k;
    sandbox_probe(&k);
    if (k.seatbelt) {
        doctor_say(
            d, DOCTOR_OK, "kernel", NULL,
            "Darwin %s, Seatbelt: files, network, processes (the profile has not "
            "been proved on macOS yet)",
            k.release);
        return;
    }
    landlock(d, &k);
    seccomp(d, &k);
    namespaces(d, &k);
}
