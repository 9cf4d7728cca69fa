#include "sandbox/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/text.h"
#include "sandbox/filter.h"
#include "sandbox/standard.h"

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE (1UL << 0)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ul

static const struct {
    int family;
    const char *name;
} families[] = {
    {AF_UNIX, "AF_UNIX"},       {AF_INET, "AF_INET"},     {AF_INET6, "AF_INET6"},
    {AF_NETLINK, "AF_NETLINK"}, {AF_PACKET, "AF_PACKET"}, {AF_ALG, "AF_ALG"},
    {AF_VSOCK, "AF_VSOCK"},
};

/* ---- the caller's memory ------------------------------------------------------------------ */

/* A string of the caller, page by page: it may end before a page that is not there. */
static bool read_string(pid_t pid, uint64_t at, char out[PATH_MAX])
{
    size_t len = 0;
    while (len < PATH_MAX - 1) {
        const size_t page = 4096 - (size_t)((at + len) % 4096);
        const size_t room = PATH_MAX - 1 - len;
        const struct iovec to = {out + len, page < room ? page : room};
        // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process
        const struct iovec from = {(void *)(uintptr_t)(at + len), to.iov_len};
        const ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);
        if (n <= 0) {
            return false;
        }
        if (memchr(out + len, '\0', (size_t)n) != NULL) {
            return true;
        }
        len += (size_t)n;
    }
    return false;
}

static bool read_link(pid_t pid, const char *what, int fd, char out[PATH_MAX])
{
    char link[64];
    if ((fd < 0
             ? text_format(link, sizeof(link), "/proc/%d/%s", (int)pid, what)
             : text_format(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd)) != OK) {
        return false;
    }
    const ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n <= 0 || out[0] != '/') {
        return false;
    }
    out[n] = '\0';
    return true;
}

/* ---- one path of one call ------------------------------------------------------------------- */

/* In a chroot the folders of other mounts are told from the machine's root: that of the
 * command is told so, too. None can change it later. */
static void from_its_root(struct watch *w, pid_t pid, char path[PATH_MAX])
{
    if (!w->root_known) {
        w->root_known = true;
        if (!read_link(pid, "root", -1, w->root) || strcmp(w->root, "/") == 0) {
            w->root[0] = '\0';
        }
    }
    const size_t len = strlen(w->root);
    if (len > 0 && path_is_below(path, w->root)) {
        memmove(path, path + len, strlen(path + len) + 1);
        if (path[0] == '\0') {
            memcpy(path, "/", 2);
        }
    }
}

static bool folder_of(struct watch *w, const struct seccomp_notif *req, int arg,
                      char out[PATH_MAX])
{
    const int fd = arg < 0 ? AT_FDCWD : (int)req->data.args[arg];
    if (!read_link((pid_t)req->pid, "cwd", fd == AT_FDCWD ? -1 : fd, out)) {
        return false;
    }
    from_its_root(w, (pid_t)req->pid, out);
    return true;
}

/* The folder above may be reached through links; its real name is what the plan knows. */
static void without_links(char path[PATH_MAX])
{
    char real[PATH_MAX];
    char link[32];
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return;
    }
    *slash = '\0';
    const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    ssize_t n = -1;
    if (fd >= 0 && text_format(link, sizeof(link), "/proc/self/fd/%d", fd) == OK) {
        n = readlink(link, real, sizeof(real) - 1);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    char whole[PATH_MAX];
    if (n > 0 && real[0] == '/' &&
        text_format(whole, sizeof(whole), "%.*s%s", (int)n, n == 1 ? "" : real,
                    slash) == OK) {
        memcpy(path, whole, sizeof(whole));
    }
}

static bool full_path(struct watch *w, const struct seccomp_notif *req, int folder,
                      int arg, char out[PATH_MAX])
{
    char text[PATH_MAX];
    char base[PATH_MAX] = "/";
    const pid_t pid = (pid_t)req->pid;
    if (arg == FILTER_SELF) {
        return folder_of(w, req, folder, out);
    }
    if (!read_string(pid, req->data.args[arg], text)) {
        return false;
    }
    if (text[0] != '/' && !folder_of(w, req, folder, base)) {
        return false;
    }
    if (denial_path(base, text, out, PATH_MAX) != OK) {
        return false;
    }
    without_links(out);
    return true;
}

/* A descriptor opened again by its name: what it leads to counts. One of the standard ones
 * was handed in, and a pipe has no place: both are nothing to judge. */
static bool is_worth_judging(struct watch *w, pid_t pid, char path[PATH_MAX])
{
    static const char *const standard[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    uint64_t fd = 0;
    const char *number = NULL;
    for (size_t i = 0; i < COUNT(standard); i++) {
        if (strcmp(path, standard[i]) == 0) {
            return false;
        }
    }
    if (strncmp(path, "/dev/fd/", 8) == 0) {
        number = path + 8;
    } else if (path_is_below(path, "/proc") && strstr(path, "/fd/") != NULL) {
        number = strstr(path, "/fd/") + 4;
    }
    if (number == NULL || u64_parse(bytes_from_str(number), INT_MAX, &fd) != OK) {
        return true;
    }
    if (fd < STANDARD_FDS || !read_link(pid, "", (int)fd, path)) {
        return false;
    }
    from_its_root(w, pid, path);
    return true;
}

/* Whoever asked is still there: what was read was its own, not a stranger's with its pid. */
static bool is_current(const struct watch *w, const struct seccomp_notif *req)
{
    return ioctl(w->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &req->id) == 0;
}

/* A call that would fail anywhere is no denial: what it names must be there, or at least
 * the folder it would be made in. */
static bool could_be(char path[PATH_MAX])
{
    struct stat st;
    char *slash = strrchr(path, '/');
    if (lstat(path, &st) == 0 || errno != ENOENT || slash == NULL || slash == path) {
        return true;
    }
    *slash = '\0';
    const bool there = stat(path, &st) == 0;
    *slash = '/';
    return there;
}

static void look(struct watch *w, const struct seccomp_notif *req,
                 const struct filter_call *call)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < 4; i += 2) {
        if (call->args[i] == FILTER_NONE ||
            !full_path(w, req, call->args[i], call->args[i + 1], path) ||
            !is_worth_judging(w, (pid_t)req->pid, path)) {
            continue;
        }
        const char *why = denial_judge(w->plan, path);
        if (why != NULL && could_be(path) && is_current(w, req)) {
            denial_add(w->log, call->name, path, why);
        }
    }
}

static void note_refused(struct watch *w, const struct seccomp_notif *req,
                         const struct filter_call *call)
{
    char what[PATH_MAX] = "";
    const char *why = "no sandboxed command may";
    if (call->class == FILTER_META &&
        full_path(w, req, call->args[0], call->args[1], what)) {
        why = "cannot be held without a namespace";
    } else if (call->class == FILTER_NET || strcmp(call->name, "sendto") == 0) {
        why = w->plan->network ? "no such sockets in a sandbox"
                               : "no network was granted";
    }
    for (size_t i = 0; strcmp(call->name, "socket") == 0 && i < COUNT(families); i++) {
        if ((int)req->data.args[0] == families[i].family) {
            (void)!text_format(what, sizeof(what), "%s", families[i].name);
        }
    }
    denial_add(w->log, call->name, what, why);
}

/* An open without O_CREAT has no mode: its register holds anything. */
static bool opens_to_create(const struct seccomp_notif *req,
                            const struct filter_call *call)
{
    if (strcmp(call->name, "open") == 0) {
        return (req->data.args[1] & O_CREAT) != 0;
    }
    return strcmp(call->name, "openat") != 0 || (req->data.args[2] & O_CREAT) != 0;
}

/* A program left behind that runs with its owner's rights for whoever starts it. The mode
 * is in a register: nobody changes it after it was looked at. */
static bool makes_setuid(const struct seccomp_notif *req,
                         const struct filter_call *call)
{
    static const struct {
        const char *name;
        int arg;
    } modes[] = {
        {"chmod", 1},  {"fchmod", 1}, {"fchmodat", 2}, {"open", 2},
        {"openat", 3}, {"creat", 1},  {"mknod", 1},    {"mknodat", 2},
    };
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (strcmp(call->name, modes[i].name) == 0) {
            return (req->data.args[modes[i].arg] & S_ISUID) != 0 &&
                   opens_to_create(req, call);
        }
    }
    return false;
}

/* ---- the listener ------------------------------------------------------------------------------ */

void watch_begin(struct watch *w)
{
    /* The two of us take turns: the kernel may as well wake the other on this core. */
    (void)ioctl(w->fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
}

enum err watch_one(struct watch *w)
{
    struct seccomp_notif req;
    memset(&req, 0, sizeof(req));
    if (ioctl(w->fd, SECCOMP_IOCTL_NOTIF_RECV, &req) != 0) {
        return errno == ENOENT || errno == EINTR ? OK : ERR_CLOSED;
    }
    const struct filter_call *call = filter_call_of(req.data.nr);
    struct seccomp_notif_resp resp = {.id = req.id};
    if (call != NULL && !makes_setuid(&req, call) &&
        (call->class == FILTER_FILE || (call->class == FILTER_META && w->may_ns))) {
        look(w, &req, call);
        resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    } else {
        if (call != NULL) {
            note_refused(w, &req, call);
        }
        resp.error = -EPERM;
    }
    if (ioctl(w->fd, SECCOMP_IOCTL_NOTIF_SEND, &resp) != 0 && errno != ENOENT) {
        return ERR_CLOSED;
    }
    return OK;
}
