/* NOT YET RUN on macOS: see seatbelt.h. Denials are not heard here, and what leaves the
 * process group of the command is not ended with it. */
#include "sandbox/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sandbox/disk.h"
#include "sandbox/relay_output.h"
#include "sandbox/scratch.h"
#include "sandbox/seatbelt.h"

#define GRACE_MS    2000 // between being asked to end and being ended
#define LOOK_MS     100  // a child's end wakes no poll() that waits for output
#define FILES_MAX   4096
#define WORDS_FIXED 4 // sandbox-exec -p PROFILE --

struct run {
    const struct plan *plan;
    struct sandbox_result *result;
    struct outputs outputs;
    struct disks disks;
    char scratch[SCRATCH_PATH_MAX];
    pid_t child;
    uint64_t started_ms;
    uint64_t kill_at_ms; // 0: none
};

static volatile sig_atomic_t asked; // the last signal that came; 0: none

static void on_signal(int number)
{
    asked = number;
}

static void end_it(struct run *r, enum sandbox_end why)
{
    if (r->result->end == SANDBOX_ENDED) {
        r->result->end = why;
    }
    (void)kill(-r->child, SIGKILL);
}

static void on_time(struct run *r, uint64_t now_ms)
{
    if (asked != 0) {
        (void)kill(-r->child, (int)asked);
        r->kill_at_ms = r->kill_at_ms == 0 ? now_ms + GRACE_MS : r->kill_at_ms;
        asked = 0;
    }
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

static void limit(int what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(what, &now) == 0 &&
        (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)) {
        now.rlim_max = most;
        now.rlim_cur = now.rlim_cur > most ? most : now.rlim_cur;
        (void)setrlimit(what, &now);
    }
}

/* sandbox-exec reads the profile, gives up the rights and becomes the command. */
static _Noreturn void enter(struct run *r, char *const *argv, struct env_list *env)
{
    sigset_t none;
    (void)setsid();
    for (int s = 1; s < NSIG; s++) {
        (void)signal(s, SIG_DFL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    outputs_inside(&r->outputs);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, FILES_MAX);
    if (r->plan->file_max != 0) {
        limit(RLIMIT_FSIZE, r->plan->file_max);
    }
    const long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < (most > 0 ? most : FILES_MAX); fd++) {
        (void)close(fd);
    }
    if (chdir(r->plan->cwd) == 0) {
        (void)execve(argv[0], argv, env->vars);
    }
    _exit(125);
}

/* sandbox-exec -p PROFILE -- CMD…; without a profile the command alone. */
static char **command_line(const char *profile, char *const *argv)
{
    static char program[] = SEATBELT_EXEC;
    static char option[] = "-p";
    static char end[] = "--";
    size_t n = 0;
    while (argv[n] != NULL) {
        n++;
    }
    char **words = mem_new((n + WORDS_FIXED + 1) * sizeof(*words));
    words[0] = program;
    words[1] = option;
    words[2] = mem_strdup(profile);
    words[3] = end;
    memcpy(words + WORDS_FIXED, argv, n * sizeof(*words));
    return words;
}

static void wait_for(struct run *r)
{
    int status = 0;
    while (waitpid(r->child, &status, WNOHANG) == 0) {
        struct pollfd fds[OUTPUTS];
        outputs_want(&r->outputs, fds);
        const int n = poll(fds, OUTPUTS, LOOK_MS);
        for (size_t i = 0; n > 0 && i < OUTPUTS; i++) {
            const enum err e = fds[i].revents == 0 ? OK : outputs_pass(&r->outputs, i);
            if (e != OK) {
                end_it(r, e == ERR_LIMIT ? SANDBOX_OUTPUT : SANDBOX_NO_READER);
            }
        }
        on_time(r, clock_mono_ms());
    }
    (void)kill(-r->child, SIGKILL); // what it left behind in its group
    struct sandbox_result *out = r->result;
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->exit_code = out->signal != 0 ? 128 + out->signal : WEXITSTATUS(status);
    out->elapsed_ms = clock_mono_ms() - r->started_ms;
}

static void listen_to_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction act = {.sa_handler = on_signal};
    (void)sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        (void)sigaction(numbers[i], &act, NULL);
    }
}

static enum err prepare(struct run *r, struct plan *p, struct env_list *env,
                        struct buf *profile)
{
    enum err e = outputs_init(&r->outputs, p->output_max);
    if (e == OK && p->mode != SANDBOX_FULL_ACCESS) {
        e = scratch_make(r->scratch, sizeof(r->scratch));
        e = e == OK ? sandbox_plan_scratch(p, r->scratch) : e;
        e = e == OK ? env_list_put(env, "TMPDIR", r->scratch) : e;
        e = e == OK ? seatbelt_profile(p, profile) : e;
    }
    return e == OK ? sandbox_policy_mark(env, p->mode) : e;
}

enum err sandbox_run(struct plan *p, struct env_list *env, char *const *argv,
                     struct sandbox_result *out, struct diag *diag)
{
    struct run r = {.plan = p, .result = out, .started_ms = clock_mono_ms()};
    struct buf profile;
    struct stat st;
    const char *text = "";
    memset(out, 0, sizeof(*out));
    buf_init(&profile, SEATBELT_PROFILE_MAX);
    if (prepare(&r, p, env, &profile) != OK || buf_cstr(&profile, &text) != OK) {
        diag_set(diag, "no profile can hold this plan, or there is no room for it");
        buf_fini(&profile);
        return ERR_DENIED;
    }
    char **words = command_line(text, argv);
    disks_open(&r.disks, p, r.started_ms);
    listen_to_signals();
    r.child = fork();
    if (r.child == 0) {
        enter(&r, p->mode == SANDBOX_FULL_ACCESS ? argv : words, env);
    }
    outputs_outside(&r.outputs);
    if (r.child > 0) {
        wait_for(&r);
        outputs_drain(&r.outputs);
    }
    out->workspace_gone = stat(p->workspace, &st) != 0;
    disks_close(&r.disks);
    outputs_fini(&r.outputs);
    if (r.scratch[0] != '\0') {
        scratch_remove(r.scratch);
    }
    mem_free(words[2]);
    mem_free(words);
    buf_fini(&profile);
    if (r.child < 0) {
        diag_set(diag, "the kernel starts no process here");
    }
    return r.child < 0 ? ERR_DENIED : OK;
}
