/* filter_make: writes the seccomp programs of every kind of plan, at build time. A program
 * made at run time would cost a command two milliseconds; made here it costs a copy.
 *
 * Two filters, of which the kernel takes the stricter answer: `known` refuses what is in no
 * row of the table, `refused` takes back what a plan does not grant. libseccomp is the
 * authority on numbers, architectures and the layout of a program. */
#include <error.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "sandbox/filter.h"

#define MFD_NOEXEC_SEAL_BIT 0x8u
#define SOCK_TYPE_BITS      0xfu
#define LOW_32_BITS         UINT64_C(0xffffffff)
#define TIOCSETD_CMD        0x5423
#define TIOCLINUX_CMD       0x541C
#define TIOCSTI_CMD         0x5412
#define TIOCCONS_CMD        0x541D
#define IOCTL_TYPE_BITS     UINT64_C(0xff00)
#define IOCTL_BTRFS         UINT64_C(0x9400)
#define IOCTL_F2FS          UINT64_C(0xf500)

#define H FILTER_HERE
#define N FILTER_SELF
#define X FILTER_NONE

struct row {
    enum filter_class class;
    const char *name;
    int args[4];
};

#define A(name)                    {FILTER_ALLOW, #name, {X, X, X, X}},
#define C(class, name)             {FILTER_##class, #name, {X, X, X, X}},
#define F(class, name, a, b, c, d) {FILTER_##class, #name, {a, b, c, d}},
static const struct row rows[] = {
#include "sandbox/syscall_table.inc"
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void must(int code, const char *what, const char *name)
{
    if (code != 0) {
        error(1, 0, "%s %s: %d", what, name, code);
    }
}

static scmp_filter_ctx begin(uint32_t otherwise)
{
    scmp_filter_ctx ctx = seccomp_init(otherwise);
    if (ctx == NULL) {
        must(-1, "cannot begin", "");
    }
    must(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
         "attribute", "badarch");
    must(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2), "attribute", "optimize");
    return ctx;
}

static int number_of(const char *name)
{
    const int nr = seccomp_syscall_resolve_name(name);
    return nr < 0 ? -1 : nr; // of another architecture, or newer than this libseccomp
}

/* One rule with any number of comparisons. */
static void rule(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned n,
                 const struct scmp_arg_cmp *cmp)
{
    const int nr = number_of(name);
    if (nr >= 0) {
        must(seccomp_rule_add_array(ctx, action, nr, n, cmp), "rule", name);
    }
}

static void rule_bits(scmp_filter_ctx ctx, uint32_t action, const char *name,
                      unsigned arg, uint64_t mask, uint64_t value)
{
    const struct scmp_arg_cmp cmp = {arg, SCMP_CMP_MASKED_EQ, mask, value};
    rule(ctx, action, name, 1, &cmp);
}

static void rule_compare(scmp_filter_ctx ctx, uint32_t action, const char *name,
                         unsigned arg, enum scmp_compare op, uint64_t value)
{
    const struct scmp_arg_cmp cmp = {arg, op, value, 0};
    rule(ctx, action, name, 1, &cmp);
}

/* ---- calls whose arguments decide ------------------------------------------------------- */

/* Without a process namespace the user's other programs have numbers here: limits and
 * priorities are for the caller itself, which is 0. */
static void refuse_others(scmp_filter_ctx ctx, uint32_t deny)
{
    static const char *const first[] = {"prlimit64", "sched_setaffinity",
                                        "sched_setparam", "sched_setscheduler",
                                        "sched_setattr"};
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        rule_compare(ctx, deny, first[i], 0, SCMP_CMP_NE, 0);
    }
    rule_compare(ctx, deny, "setpriority", 0, SCMP_CMP_NE, 0);
    rule_compare(ctx, deny, "setpriority", 1, SCMP_CMP_NE, 0);
    rule_compare(ctx, deny, "ioprio_set", 0, SCMP_CMP_NE, 1);
    rule_compare(ctx, deny, "ioprio_set", 1, SCMP_CMP_NE, 0);
}

/* Flags of a file (immutable, no dump, project, encryption) need no right to write it, only
 * its owner: a read-only mount holds them, and without one nothing would. */
static void refuse_flags(scmp_filter_ctx ctx, uint32_t deny)
{
    static const uint64_t commands[] = {
        FS_IOC_SETFLAGS,
        FS_IOC32_SETFLAGS,
        FS_IOC_SETVERSION,
        FS_IOC32_SETVERSION,
        FS_IOC_FSSETXATTR,
        FS_IOC_SETFSLABEL,
        FIFREEZE,
        FITHAW,
        FITRIM,
        FS_IOC_ENABLE_VERITY,
        FS_IOC_SET_ENCRYPTION_POLICY,
        FS_IOC_ADD_ENCRYPTION_KEY,
        FS_IOC_REMOVE_ENCRYPTION_KEY,
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        rule_bits(ctx, deny, "ioctl", 1, LOW_32_BITS, commands[i] & LOW_32_BITS);
    }
    /* All of btrfs' and f2fs' own: subvolumes are made and removed by an ioctl. */
    rule_bits(ctx, deny, "ioctl", 1, IOCTL_TYPE_BITS, IOCTL_BTRFS);
    rule_bits(ctx, deny, "ioctl", 1, IOCTL_TYPE_BITS, IOCTL_F2FS);
}

/* What watch_linux.c refuses where a supervisor listens. */
static void refuse_setuid(scmp_filter_ctx ctx, uint32_t deny)
{
    static const struct {
        const char *name;
        unsigned mode;
    } calls[] = {{"chmod", 1}, {"fchmod", 1}, {"fchmodat", 2},
                 {"creat", 1}, {"mknod", 1},  {"mknodat", 2}};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        rule_bits(ctx, deny, calls[i].name, calls[i].mode, S_ISUID, S_ISUID);
    }
    for (unsigned at = 0; at < 2; at++) { // open(2) and openat(2)
        const struct scmp_arg_cmp cmp[] = {
            {1 + at, SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT},
            {2 + at, SCMP_CMP_MASKED_EQ, S_ISUID, S_ISUID},
        };
        rule(ctx, deny, at == 0 ? "open" : "openat", 2, cmp);
    }
}

static void refuse_by_argument(scmp_filter_ctx ctx, uint32_t deny, unsigned kind)
{
    static const uint64_t spaces[] = {CLONE_NEWNS,    CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER,  CLONE_NEWPID, CLONE_NEWNET,
                                      CLONE_NEWCGROUP};
    static const uint64_t ioctls[] = {TIOCSTI_CMD, TIOCLINUX_CMD, TIOCSETD_CMD,
                                      TIOCCONS_CMD};
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        rule_bits(ctx, deny, "clone", 0, spaces[i], spaces[i]);
    }
    /* The kernel reads 32 bits of the command, so these compare 32 (CVE-2019-10063). */
    for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]); i++) {
        rule_bits(ctx, deny, "ioctl", 1, LOW_32_BITS, ioctls[i]);
    }
    /* A program that is no file is held by nothing that speaks of files. */
    rule_bits(ctx, deny, "memfd_create", 1, MFD_NOEXEC_SEAL_BIT, 0);
    if ((kind & FILTER_WATCH) == 0) {
        refuse_setuid(ctx, deny);
    }
    if ((kind & FILTER_NAMESPACE) == 0) {
        refuse_others(ctx, deny);
        refuse_flags(ctx, deny);
    }
    /* A datagram end of a pair could be sent to any address: streams only. */
    rule_compare(ctx, deny, "socketpair", 0, SCMP_CMP_NE, AF_UNIX);
    rule_bits(ctx, deny, "socketpair", 1, SOCK_TYPE_BITS, SOCK_DGRAM);
    rule_bits(ctx, deny, "socketpair", 1, SOCK_TYPE_BITS, SOCK_RAW);
}

static void refuse_network(scmp_filter_ctx ctx, uint32_t deny)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (rows[i].class == FILTER_NET) {
            rule(ctx, deny, rows[i].name, 0, NULL);
        }
    }
    rule_compare(ctx, deny, "sendto", 4, SCMP_CMP_NE, 0);
}

/* IPv4, IPv6 and the kernel's answer to "which addresses have I"; no raw packets. */
static void narrow_network(scmp_filter_ctx ctx, uint32_t deny)
{
    for (uint64_t family = 0; family < AF_NETLINK; family++) {
        if (family != AF_INET && family != AF_INET6) {
            rule_compare(ctx, deny, "socket", 0, SCMP_CMP_EQ, family);
        }
    }
    rule_compare(ctx, deny, "socket", 0, SCMP_CMP_GT, AF_NETLINK);
    const struct scmp_arg_cmp netlink[] = {
        {0, SCMP_CMP_EQ, AF_NETLINK, 0},
        {2, SCMP_CMP_NE, 0, 0},
    };
    rule(ctx, deny, "socket", 2, netlink);
    const struct scmp_arg_cmp raw4[] = {
        {0, SCMP_CMP_EQ, AF_INET, 0},
        {1, SCMP_CMP_MASKED_EQ, SOCK_TYPE_BITS, SOCK_RAW},
    };
    rule(ctx, deny, "socket", 2, raw4);
    const struct scmp_arg_cmp raw6[] = {
        {0, SCMP_CMP_EQ, AF_INET6, 0},
        {1, SCMP_CMP_MASKED_EQ, SOCK_TYPE_BITS, SOCK_RAW},
    };
    rule(ctx, deny, "socket", 2, raw6);
}

static bool is_open(const char *name)
{
    return strcmp(name, "open") == 0 || strcmp(name, "openat") == 0;
}

/* An open that may change something: for writing, to create, to empty. */
static void watch_open(scmp_filter_ctx ctx, const char *name)
{
    const unsigned arg = strcmp(name, "open") == 0 ? 1 : 2;
    rule_bits(ctx, SCMP_ACT_NOTIFY, name, arg, O_ACCMODE, O_WRONLY);
    rule_bits(ctx, SCMP_ACT_NOTIFY, name, arg, O_ACCMODE, O_RDWR);
    rule_bits(ctx, SCMP_ACT_NOTIFY, name, arg, O_CREAT, O_CREAT);
    rule_bits(ctx, SCMP_ACT_NOTIFY, name, arg, O_TRUNC, O_TRUNC);
}

/* ---- the programs ------------------------------------------------------------------------- */

static void refuse_row(scmp_filter_ctx ctx, const struct row *row, unsigned kind,
                       uint32_t deny)
{
    const bool own = (kind & FILTER_NAMESPACE) != 0;
    const bool watch = (kind & FILTER_WATCH) != 0;
    switch (row->class) {
    case FILTER_DENY:
        rule(ctx, deny, row->name, 0, NULL);
        break;
    case FILTER_OWN:
        if (!own) {
            rule(ctx, deny, row->name, 0, NULL);
        }
        break;
    case FILTER_META:
        if (!own || watch) {
            rule(ctx, own ? SCMP_ACT_NOTIFY : deny, row->name, 0, NULL);
        }
        break;
    case FILTER_FILE:
        if (watch && is_open(row->name)) {
            watch_open(ctx, row->name);
        } else if (watch) {
            rule(ctx, SCMP_ACT_NOTIFY, row->name, 0, NULL);
        }
        break;
    case FILTER_ALLOW:
    case FILTER_NET:
        break;
    }
}

static scmp_filter_ctx make_refused(unsigned kind)
{
    const uint32_t deny =
        (kind & FILTER_WATCH) != 0 ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(FILTER_EPERM);
    scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);
    for (size_t i = 0; i < N_ROWS; i++) {
        refuse_row(ctx, &rows[i], kind, deny);
    }
    refuse_by_argument(ctx, deny, kind);
    if ((kind & FILTER_NETWORK) != 0) {
        narrow_network(ctx, deny);
    } else {
        refuse_network(ctx, deny);
    }
    return ctx;
}

static scmp_filter_ctx make_known(void)
{
    scmp_filter_ctx ctx = begin(SCMP_ACT_ERRNO(FILTER_ENOSYS));
    for (size_t i = 0; i < N_ROWS; i++) {
        rule(ctx, SCMP_ACT_ALLOW, rows[i].name, 0, NULL);
    }
    return ctx;
}

static void write_program(FILE *out, scmp_filter_ctx ctx, const char *name)
{
    struct {
        uint16_t code;
        uint8_t jt, jf;
        uint32_t k;
    } op;
    FILE *raw = tmpfile();
    if (raw == NULL) {
        must(-1, "no temporary file for", name);
        return;
    }
    must(seccomp_export_bpf(ctx, fileno(raw)), "export", name);
    seccomp_release(ctx);
    rewind(raw);
    (void)fprintf(out, "static const struct sock_filter %s[] = {\n", name);
    while (fread(&op, sizeof(op), 1, raw) == 1) {
        (void)fprintf(out, "    {0x%02x, %u, %u, 0x%08x},\n", op.code, op.jt, op.jf,
                      op.k);
    }
    (void)fprintf(out, "};\n");
    (void)fclose(raw);
}

static void write_calls(FILE *out)
{
    (void)fprintf(out, "static const struct filter_call calls[] = {\n");
    for (size_t i = 0; i < N_ROWS; i++) {
        const int nr = number_of(rows[i].name);
        if (nr >= 0) {
            const int *a = rows[i].args;
            (void)fprintf(
                out, "    {%d, \"%s\", (enum filter_class)%d, {%d, %d, %d, %d}},\n", nr,
                rows[i].name, (int)rows[i].class, a[0], a[1], a[2], a[3]);
        }
    }
    (void)fprintf(out, "};\n");
}

int main(int argc, char **argv)
{
    FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (out == NULL) {
        error(2, 0, "usage: filter_make FILE");
        return 2;
    }
    must(seccomp_api_set(6), "api level", "6"); // of the target, not of this machine
    write_program(out, make_known(), "known");
    for (unsigned kind = 0; kind < FILTER_KINDS; kind++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "refused_%u", kind);
        write_program(out, make_refused(kind), name);
    }
    write_calls(out);
    return fclose(out) == 0 ? 0 : 1;
}
