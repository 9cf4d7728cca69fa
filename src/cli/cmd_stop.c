#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "engine/codex/record.h"
#include "engine/codex/stopper.h"
#include "loop/loop.h"

#define END_WAIT_S 60u // two signals and what a turn may take between them

/* ---- without a host: what an earlier one left running -------------------------------- */

static bool any_left(const char *run_dir)
{
    static const char *const files[] = {RECORD_CODEX, RECORD_PRACTICE, RECORD_MODEL};
    struct record r;
    for (size_t i = 0; i < COUNT(files); i++) {
        if (record_read(run_dir, files[i], &r) == OK) {
            return true;
        }
    }
    return false;
}

static void on_stopped(void *user)
{
    loop_stop(user);
}

static void stop_left(const char *run_dir)
{
    struct loop *loop = loop_create();
    (void)stopper_start(loop, run_dir, STOPPER_ALL, on_stopped, loop);
    loop_run(loop);
    while (loop_turn(loop)) {
    }
    loop_destroy(loop);
}

/* True: no host runs, and the agents that the last one left behind have ended. */
static bool stopped_without_host(const char *home)
{
    char run_dir[PATH_MAX];
    char lock[PATH_MAX];
    pid_t holder = 0;
    int fd = -1; // held meanwhile, so that no host begins with a dying agent
    if (text_format(run_dir, sizeof(run_dir), "%s/run", home) != OK ||
        text_format(lock, sizeof(lock), "%s/run/host.lock", home) != OK ||
        file_lock(lock, &fd, &holder) != OK) {
        return false;
    }
    const bool left = any_left(run_dir);
    if (left) {
        stop_left(run_dir);
    }
    (void)close(fd);
    return left;
}

/* ---- the command ------------------------------------------------------------------------ */

static void on_deadline(int signum)
{
    (void)signum; // flock() comes back with EINTR
}

/* Its lock is free: whoever starts the next one need not wait. */
static bool has_ended(const char *home)
{
    char lock[PATH_MAX];
    const struct sigaction wake = {.sa_handler = on_deadline}; // without SA_RESTART
    if (text_format(lock, sizeof(lock), "%s/run/host.lock", home) != OK) {
        return false;
    }
    const int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT;
    }
    (void)sigaction(SIGALRM, &wake, NULL);
    (void)alarm(END_WAIT_S);
    const bool ended = flock(fd, LOCK_EX) == 0;
    (void)alarm(0);
    (void)close(fd);
    return ended;
}

static int stop_host(const struct cli_args *args, const char *home)
{
    json_t *params = json_object();
    json_t *result = NULL;
    json_set_bool(params, "agent", !cli_has(args, "keep-agent"));
    const int code = local_call(args, "farhand/stop", params, &result);
    json_decref(result);
    if (code != EXIT_DONE) {
        return code;
    }
    const bool keep = cli_has(args, "keep-agent");
    if (!keep) {
        cli_say("Host and agent end; a running turn may finish first.");
    }
    if (!has_ended(home)) {
        return cli_fail(EXIT_FAILED,
                        "the host does not end: 'farhand doctor' says more");
    }
    cli_say(keep ? "The host has ended; the agent lives on." : "They have ended.");
    return EXIT_DONE;
}

static int run_stop(struct cli_args *args)
{
    char home[PATH_MAX];
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    if (!cli_has(args, "keep-agent") && stopped_without_host(home)) {
        cli_say("No host was running; the agent that one had left behind has ended.");
        return EXIT_DONE;
    }
    return stop_host(args, home);
}

static const struct cli_option options[] = {
    {"keep-agent", NULL, "end the host only"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_stop = {
    .name = "stop",
    .words = "",
    .summary = "end the host and the agent it started",
    .text =
        "Comes back when they have ended. "
        "An agent that was joined (somebody else's) is never ended. Without a host, "
        "the agent that the last one left behind is ended.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_stop,
};
