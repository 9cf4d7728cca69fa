#include "sandbox/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "sandbox/child.h"
#include "sandbox/disk.h"
#include "sandbox/orphans.h"
#include "sandbox/place.h"
#include "sandbox/relay_output.h"
#include "sandbox/scratch.h"
#include "sandbox/standard.h"
#include "sandbox/watch.h"

#define GRACE_MS 2000 // between being asked to end and being ended

struct run {
    struct plan *plan;
    struct env_list *env;
    char *const *argv;
    struct sandbox_result *result;
    struct places places;
    struct watch watch;
    struct outputs outputs;
    char scratch[SCRATCH_PATH_MAX]; // "" with namespaces
    int report;                     // read end
    int talk;
    int signals;
    int workspace;
    pid_t first;   // our child: the command, or the first process of the namespaces
    pid_t command; // as we see it; 0: not ready yet
    bool over;     // nothing of it runs any more, or its end was told
    bool noted;    // `note` is filled
    struct child_note note;
    uint64_t started_ms;
    uint64_t kill_at_ms; // 0: none
    struct disks disks;
};

/* ---- ends ------------------------------------------------------------------------------ */

static void end_it(struct run *r, enum sandbox_end why)
{
    if (r->result->end == SANDBOX_ENDED) {
        r->result->end = why;
    }
    if (r->first > 0) {
        (void)kill(r->first, SIGKILL);
    }
    if (!r->plan->namespaces && r->command > 0) {
        (void)kill(-r->command, SIGKILL);
    }
}

static void pass_on(struct run *r, int number)
{
    const pid_t to = r->command > 0 ? r->command : 0;
    if (to > 0 && kill(-to, number) != 0) {
        (void)kill(to, number);
    }
    if (r->kill_at_ms == 0) {
        r->kill_at_ms = clock_mono_ms() + GRACE_MS;
    }
}

static void on_time(struct run *r, uint64_t now_ms)
{
    if (r->plan->timeout_s != 0 &&
        now_ms >= r->started_ms + r->plan->timeout_s * 1000) {
        end_it(r, SANDBOX_TIME);
    }
    if (r->kill_at_ms != 0 && now_ms >= r->kill_at_ms) {
        end_it(r, SANDBOX_ASKED);
    }
    if (disks_low(&r->disks, now_ms)) {
        end_it(r, SANDBOX_DISK);
    }
}

static int wait_ms(const struct run *r, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;
    const uint64_t times[] = {
        r->plan->timeout_s == 0 ? UINT64_MAX
                                : r->started_ms + r->plan->timeout_s * 1000,
        r->kill_at_ms == 0 ? UINT64_MAX : r->kill_at_ms,
        r->disks.look_at_ms,
    };
    for (size_t i = 0; i < COUNT(times); i++) {
        next = times[i] < next ? times[i] : next;
    }
    if (next == UINT64_MAX || r->result->end != SANDBOX_ENDED) {
        return -1;
    }
    const uint64_t left = next > now_ms ? next - now_ms : 0;
    return left > 60000 ? 60000 : (int)left;
}

/* ---- what comes in --------------------------------------------------------------------- */

static void on_report(struct run *r)
{
    struct child_note note;
    const ssize_t n = read(r->report, &note, sizeof(note));
    if (n == (ssize_t)sizeof(note) && !r->noted) { // the first says why
        r->note = note;
        r->noted = true;
    }
    if (n == (ssize_t)sizeof(note)) {
        r->over = r->over || note.kind == CHILD_ENDED;
    } else { // without namespaces this is only the exec
        r->over = r->over || r->plan->namespaces;
        (void)close(r->report);
        r->report = -1;
    }
}

static void take_parts(struct run *r, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
         c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            memcpy(&r->watch.fd, CMSG_DATA(c), sizeof(int));
            r->result->supervised = true;
            watch_begin(&r->watch);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(c), sizeof(who));
            r->command = who.pid;
        }
    }
}

/* The command stands before its exec: one octet, its pid, and perhaps the listener. */
static void on_talk(struct run *r)
{
    char octet = 0;
    char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    struct iovec io = {&octet, 1};
    struct msghdr message = {
        .msg_iov = &io,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    if (recvmsg(r->talk, &message, MSG_CMSG_CLOEXEC) > 0) {
        take_parts(r, &message);
    }
    (void)close(r->talk);
    r->talk = -1;
}

static void on_signal(struct run *r)
{
    struct signalfd_siginfo info;
    if (read(r->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    if (info.ssi_signo != SIGCHLD) {
        pass_on(r, (int)info.ssi_signo);
        return;
    }
    int status = 0;
    if (r->first > 0 && waitpid(r->first, &status, WNOHANG) == r->first) {
        r->first = 0;
        r->over = true;
        if (!r->plan->namespaces && !r->noted) {
            r->note = (struct child_note){.kind = CHILD_ENDED, .status = status};
            r->noted = true;
        }
    }
}

static void on_watch(struct run *r, short what)
{
    if ((what & POLLIN) == 0 || watch_one(&r->watch) != OK) {
        (void)close(r->watch.fd);
        r->watch.fd = -1;
    }
}

static void on_outputs(struct run *r, const struct pollfd *fds)
{
    for (size_t i = 0; i < OUTPUTS; i++) {
        const enum err e = fds[i].revents == 0 ? OK : outputs_pass(&r->outputs, i);
        if (e != OK) {
            end_it(r, e == ERR_LIMIT ? SANDBOX_OUTPUT : SANDBOX_NO_READER);
        }
    }
}

/* In this order: what was said before the end is heard before the end. */
static void on_ready(struct run *r, const struct pollfd *fds)
{
    if (fds[1].revents != 0) {
        on_talk(r);
    }
    if (fds[3].revents != 0) {
        on_watch(r, fds[3].revents);
    }
    on_outputs(r, fds + 4);
    if (fds[0].revents != 0) {
        on_report(r);
    }
    if (fds[2].revents != 0) {
        on_signal(r);
    }
}

static void turn(struct run *r)
{
    struct pollfd fds[4 + OUTPUTS] = {
        {.fd = r->report, .events = POLLIN},
        {.fd = r->talk, .events = POLLIN},
        {.fd = r->signals, .events = POLLIN},
        {.fd = r->watch.fd, .events = POLLIN},
    };
    outputs_want(&r->outputs, fds + 4);
    const int n = poll(fds, COUNT(fds), wait_ms(r, clock_mono_ms()));
    if (n < 0 && errno != EINTR) {
        r->over = true;
        return;
    }
    if (n > 0) {
        on_ready(r, fds);
    }
    on_time(r, clock_mono_ms());
}

/* ---- starting ---------------------------------------------------------------------------- */

static bool block_signals(struct run *r)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGQUIT);
    (void)sigaddset(&set, SIGCHLD);
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
           (r->signals = signalfd(-1, &set, SFD_CLOEXEC)) >= 0;
}

static pid_t clone_process(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

/* In namespaces of its own; root where user namespaces are refused needs none. */
static pid_t start_apart(struct run *r)
{
    const unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC;
    r->plan->userns = true;
    pid_t pid = clone_process(flags | CLONE_NEWUSER);
    if (pid < 0 && geteuid() == 0) {
        r->plan->userns = false;
        pid = clone_process(flags);
    }
    return pid;
}

static enum err start(struct run *r, struct diag *diag)
{
    int report[2];
    int talk[2];
    const int yes = 1;
    if (pipe2(report, O_CLOEXEC) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) != 0 ||
        setsockopt(talk[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) != 0) {
        diag_set(diag, "no pipes left to talk to the command");
        return ERR_DENIED;
    }
    const struct child c = {
        .plan = r->plan,
        .argv = r->argv,
        .env = r->env->vars,
        .scratch = r->scratch[0] == '\0' ? NULL : r->scratch,
        .report = report[1],
        .talk = talk[1],
        .uid = geteuid(),
        .gid = getegid(),
    };
    r->first = r->plan->namespaces ? start_apart(r) : fork();
    if (r->first == 0) {
        (void)close(report[0]);
        (void)close(talk[0]);
        outputs_inside(&r->outputs);
        if (r->plan->namespaces) {
            child_init(&c);
        }
        child_enter(&c);
    }
    (void)close(report[1]);
    (void)close(talk[1]);
    r->report = report[0];
    r->talk = talk[0];
    outputs_outside(&r->outputs);
    if (r->first < 0) {
        diag_set(diag, "the kernel starts no process here");
        return r->plan->namespaces ? ERR_NOT_FOUND : ERR_DENIED;
    }
    return OK;
}

static enum err prepare(struct run *r, struct diag *diag)
{
    const char *path = "";
    enum err e = standard_check(r->plan, diag);
    if (e != OK) {
        return e;
    }
    if (places_hold(&r->places, r->plan, &path) != OK) {
        diag_set(diag, "the place of '%s' cannot be held", path);
        return ERR_DENIED;
    }
    e = r->plan->namespaces || r->plan->mode == SANDBOX_FULL_ACCESS
            ? OK
            : scratch_make(r->scratch, sizeof(r->scratch));
    if (e == OK && r->scratch[0] != '\0') {
        e = sandbox_plan_scratch(r->plan, r->scratch);
    }
    if (e == OK) {
        e = r->plan->mode == SANDBOX_FULL_ACCESS
                ? OK
                : env_list_put(r->env, "TMPDIR",
                               r->scratch[0] == '\0' ? "/tmp" : r->scratch);
    }
    if (e == OK) {
        e = sandbox_policy_mark(r->env, r->plan->mode);
    }
    if (e != OK || outputs_init(&r->outputs, r->plan->output_max) != OK ||
        !block_signals(r)) {
        diag_set(diag, "no room to begin: no private folder, pipe or signal to be had");
        return ERR_DENIED;
    }
    r->workspace = open(r->plan->workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
    disks_open(&r->disks, r->plan, r->started_ms);
    /* Whoever loses its parent is ours; and we end with our own parent. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    return OK;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void take_status(struct run *r)
{
    struct sandbox_result *out = r->result;
    if (r->note.kind == CHILD_NO_CMD) {
        out->end = SANDBOX_NOT_RUN;
        out->error = r->note.error;
        out->exit_code = r->note.error == ENOENT ? 127 : 126;
    } else if (r->noted && WIFEXITED(r->note.status)) {
        out->exit_code = WEXITSTATUS(r->note.status);
    } else {
        out->signal = r->noted ? WTERMSIG(r->note.status) : SIGKILL;
        out->exit_code = 128 + out->signal;
    }
}

static enum err conclude(struct run *r, struct diag *diag)
{
    struct stat st;
    r->result->workspace_gone =
        r->workspace >= 0 && (fstat(r->workspace, &st) != 0 || st.st_nlink == 0);
    r->result->elapsed_ms = clock_mono_ms() - r->started_ms;
    if (!r->noted || r->note.kind != CHILD_FAILED) {
        take_status(r);
        return OK;
    }
    r->note.step[sizeof(r->note.step) - 1] = '\0';
    r->note.path[sizeof(r->note.path) - 1] = '\0';
    const bool refused =
        strcmp(r->note.step, "mount") == 0 || strcmp(r->note.step, "map the user") == 0;
    if (r->plan->namespaces && refused) {
        diag_set(diag, "a namespace may not mount here (%s %s: %s)", r->note.step,
                 r->note.path, strerrordesc_np(r->note.error));
        return ERR_NOT_FOUND;
    }
    diag_set(diag, "the sandbox could not be made: %s %s: %s", r->note.step,
             r->note.path, strerrordesc_np(r->note.error));
    return ERR_DENIED;
}

static void clean_up(struct run *r)
{
    if (r->first > 0) {
        (void)kill(r->first, SIGKILL);
        (void)waitpid(r->first, NULL, 0);
    }
    orphans_end();
    outputs_drain(&r->outputs);
    const int fds[] = {r->report, r->talk, r->signals, r->watch.fd, r->workspace};
    for (size_t i = 0; i < COUNT(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    outputs_fini(&r->outputs);
    disks_close(&r->disks);
    places_release(&r->places, r->plan);
    if (r->scratch[0] != '\0') {
        scratch_remove(r->scratch);
    }
}

enum err sandbox_run(struct plan *p, struct env_list *env, char *const *argv,
                     struct sandbox_result *out, struct diag *diag)
{
    struct run r = {
        .plan = p,
        .env = env,
        .argv = argv,
        .result = out,
        .watch = {.fd = -1, .plan = p, .log = &out->denials, .may_ns = p->namespaces},
        .report = -1,
        .talk = -1,
        .signals = -1,
        .workspace = -1,
        .started_ms = clock_mono_ms(),
        .disks = {.look_at_ms = UINT64_MAX},
    };
    memset(out, 0, sizeof(*out));
    memset(r.places.fds, 0xff, sizeof(r.places.fds));
    enum err e = prepare(&r, diag);
    if (e == OK) {
        e = start(&r, diag);
    }
    while (e == OK && !r.over) {
        turn(&r);
    }
    if (e == OK) {
        while (r.talk >= 0 || r.report >= 0) { // what was said before the end
            if (r.talk >= 0) {
                on_talk(&r);
            }
            if (r.report >= 0) {
                on_report(&r);
            }
        }
        e = conclude(&r, diag);
    }
    clean_up(&r);
    return e;
}
