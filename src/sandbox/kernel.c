#include "sandbox/kernel.h"

enum err sandbox_probe_text(const struct sandbox_kernel *k, struct buf *out)
{
    enum err e = buf_putf(out, "kernel\t%s\t\n", k->release);
    if (e == OK && k->landlock_abi == 0) {
        e = buf_put_str(out,
                        "landlock\tno\tfiles are held by mounts alone, if at all\n");
    } else if (e == OK) {
        e = buf_putf(
            out, "landlock\tABI %u\tfiles%s%s%s\n", k->landlock_abi,
            k->landlock_abi >= LANDLOCK_ABI_TCP ? ", TCP" : "",
            k->landlock_abi >= LANDLOCK_ABI_IOCTL ? ", device calls" : "",
            k->landlock_abi >= LANDLOCK_ABI_SCOPE ? ", signals, abstract sockets" : "");
    }
    if (e == OK) {
        e = buf_putf(out, "seccomp\t%s\tsystem calls\n", k->seccomp ? "yes" : "no");
    }
    if (e == OK) {
        e = buf_putf(out, "seccomp-notify\t%s\ttelling which call was refused\n",
                     k->notify ? "yes" : "no");
    }
    if (e == OK) {
        e = buf_putf(out, "namespaces\t%s\t%s\n", k->namespaces ? "yes" : "no",
                     k->namespaces ? "read-only .git, private /tmp, hidden state"
                                   : k->why_not);
    }
    return e;
}
