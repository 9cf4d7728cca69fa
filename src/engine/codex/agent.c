#include "engine/codex/agent.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/codex/capture.h"
#include "engine/codex/env.h"
#include "engine/codex/find.h"
#include "engine/codex/record.h"
#include "engine/codex/version.h"

#define SHELL_DEFAULT  "/bin/sh"
#define TAIL_MAX       4096 // of the log, for its last line
#define LINE_MAX_SHOWN 160

enum { IDLE, ENV, VERSION, RUNNING, ENDED, FAILED };

static const struct machine_state states[] = {
    [IDLE] = {"idle", MOVES_TO(ENV)},
    [ENV] = {"env", MOVES_TO(VERSION) | MOVES_TO(FAILED)},
    [VERSION] = {"version", MOVES_TO(RUNNING) | MOVES_TO(FAILED)},
    [RUNNING] = {"running", MOVES_TO(ENDED)},
    [ENDED] = {"ended", MOVES_TO(ENV)},
    [FAILED] = {"failed", MOVES_TO(ENV)},
};

struct agent {
    struct machine m;
    struct loop *loop;
    struct agent_options options;
    const struct agent_ops *ops;
    void *user;
    struct env env;
    char path[PATH_MAX]; // of the program
    char log_path[PATH_MAX];
    off_t log_from; // what this process writes begins here
    struct capture *capture;
    struct child *child;
    struct loop_task task;
};

/* ---- failing ----------------------------------------------------------------------- */

static void agent_fail(struct agent *a, const char *sentence)
{
    machine_move(&a->m, FAILED);
    log_warn("agent.failed", "reason=\"%s\"", sentence);
    a->ops->failed(a->user, sentence);
}

/* ---- RUNNING ------------------------------------------------------------------------- */

/* The line of a failing start that says why; else the last one. */
static struct bytes telling_line(struct bytes text)
{
    static const char mark[] = "Error: ";
    struct bytes best = BYTES_NONE;
    bool marked = false;
    while (text.len > 0) {
        const uint8_t *nl = memchr(text.at, '\n', text.len);
        const size_t n = nl == NULL ? text.len : (size_t)(nl - text.at);
        const struct bytes line = bytes_sub(text, 0, n);
        const bool tells = n > strlen(mark) && memcmp(line.at, mark, strlen(mark)) == 0;
        if (n > 0 && (tells || !marked)) {
            best = tells ? bytes_sub(line, strlen(mark), SIZE_MAX) : line;
            marked = marked || tells;
        }
        text = bytes_sub(text, n + 1, SIZE_MAX);
    }
    return best;
}

/* What the process itself said of its end, for a person. */
static void last_words(const struct agent *a, char *out, size_t size)
{
    uint8_t tail[TAIL_MAX];
    const int fd = open(a->log_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = end - (off_t)sizeof(tail);
    from = from > a->log_from ? from : a->log_from;
    const ssize_t n = fd < 0 || end <= from ? 0 : pread(fd, tail, sizeof(tail), from);
    text_sanitize(telling_line((struct bytes){tail, n > 0 ? (size_t)n : 0}), out, size);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void on_ended(struct child *c, void *user, int code, int signum)
{
    struct agent *a = user;
    char line[LINE_MAX_SHOWN];
    char sentence[LINE_MAX_SHOWN + 64];
    (void)c;
    last_words(a, line, sizeof(line));
    const enum err e = signum != 0 ? text_format(sentence, sizeof(sentence),
                                                 "Codex was ended by signal %d", signum)
                                   : text_format(sentence, sizeof(sentence),
                                                 "Codex ended with code %d%s%s", code,
                                                 line[0] != '\0' ? ": " : "", line);
    if (e != OK) {
        sentence[0] = '\0'; // cannot be: both parts are bounded
    }
    child_close(a->child, NULL, NULL);
    a->child = NULL;
    machine_move(&a->m, ENDED);
    log_warn("agent.ended", "code=%d signal=%d", code, signum);
    a->ops->ended(a->user, sentence, strstr(line, "already in use") != NULL);
}

static void note_log_end(struct agent *a)
{
    struct stat st;
    a->log_from = stat(a->log_path, &st) == 0 ? st.st_size : 0;
}

static void agent_spawn(struct agent *a)
{
    const char *const argv[] = {a->path, "app-server", "--listen", a->options.listen,
                                NULL};
    struct diag diag = {.text = ""};
    note_log_end(a);
    const struct child_options o = {.file = a->path,
                                    .argv = argv,
                                    .env = env_list(&a->env),
                                    .cwd = a->options.cwd,
                                    .stderr_path = a->log_path,
                                    .detached = true};
    if (child_spawn(a->loop, &o, on_ended, a, &diag, &a->child) != OK) {
        agent_fail(a, diag.text);
        return;
    }
    const pid_t pid = child_pid(a->child);
    if (record_write(a->options.run_dir, a->options.record, pid, 0) != OK) {
        log_warn("agent.record", "pid=%ld", (long)pid);
    }
    machine_move(&a->m, RUNNING);
    log_info("agent.started", "pid=%ld practice=%d", (long)pid, a->options.practice);
    a->ops->started(a->user, pid);
}

/* ---- VERSION -------------------------------------------------------------------------- */

static void on_version(void *user, enum err e, struct bytes text)
{
    struct agent *a = user;
    struct version v;
    char sentence[PATH_MAX + 64];
    a->capture = NULL;
    const char *problem = NULL;
    if (e != OK || version_read(text, &v) != OK) {
        problem = "does not say its version: is it Codex?";
    } else if (!version_is_enough(&v)) {
        problem = "is too old: Farhand needs Codex " VERSION_LEAST
                  " or later (npm install -g @openai/codex)";
    }
    if (problem == NULL) {
        agent_spawn(a);
    } else if (text_format(sentence, sizeof(sentence), "%s %s", a->path, problem) ==
               OK) {
        agent_fail(a, sentence);
    }
}

static void agent_ask_version(struct agent *a)
{
    machine_move(&a->m, VERSION);
    struct diag diag = {.text = ""};
    const char *asked = a->options.codex_path;
    if (asked == NULL) {
        asked = getenv("FARHAND_CODEX");
    }
    const struct find_options find = {.asked = asked,
                                      .search_path = env_get(&a->env, "PATH"),
                                      .last_resort = a->options.last_resort};
    if (find_codex(&find, &diag, a->path) != OK) {
        agent_fail(a, diag.text);
        return;
    }
    const char *const argv[] = {a->path, "--version", NULL};
    const struct capture_options o = {.file = a->path,
                                      .argv = argv,
                                      .env = env_list(&a->env),
                                      .timeout_ms = AGENT_VERSION_MS,
                                      .max = 4096};
    a->capture = capture_start(a->loop, &o, on_version, a);
}

/* ---- ENV -------------------------------------------------------------------------------- */

static enum err use_our_env(struct agent *a)
{
    union {
        char **from;
        const char *const *to;
    } list = {.from = environ};
    return env_read_list(&a->env, list.to);
}

/* Keys of a provider have no business with a model that needs none. */
static void drop_keys(struct env *v)
{
    static const char *const keys[] = {"OPENAI_*", "CODEX_*", "AZURE_OPENAI_*"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        env_unset(v, keys[i]);
    }
}

static void agent_use_env(struct agent *a)
{
    enum err e = OK;
    if (a->options.practice) {
        drop_keys(&a->env);
    }
    if (a->options.codex_home != NULL) {
        e = env_set(&a->env, "CODEX_HOME", a->options.codex_home);
    }
    if (e != OK) {
        agent_fail(a, "the environment is too large to be passed on");
        return;
    }
    agent_ask_version(a);
}

static void on_shell_env(void *user, enum err e, struct bytes text)
{
    struct agent *a = user;
    a->capture = NULL;
    if (e == OK) {
        e = env_read(&a->env, text);
    }
    if (e != OK || env_get(&a->env, "PATH") == NULL) {
        log_warn("agent.env", "shell=failed reason=\"%s\"", err_text(e));
        e = use_our_env(a);
    } else if (getenv("PATH") != NULL) { // where the codex that we know finds its node
        e = env_extend_path(&a->env, getenv("PATH"));
    }
    if (e != OK) {
        agent_fail(a, "the environment is too large to be passed on");
        return;
    }
    agent_use_env(a);
}

static const char *login_shell(void)
{
    const char *shell = getenv("SHELL");
    if (shell == NULL || shell[0] != '/') {
        const struct passwd *user = getpwuid(getuid());
        shell = user != NULL ? user->pw_shell : NULL;
    }
    return shell != NULL && shell[0] == '/' ? shell : SHELL_DEFAULT;
}

static void on_start(struct loop_task *t)
{
    struct agent *a = CONTAINER_OF(t, struct agent, task);
    if (a->options.practice) {
        if (use_our_env(a) == OK) {
            agent_use_env(a);
        } else {
            agent_fail(a, "the environment is too large to be passed on");
        }
        return;
    }
    const char *shell = login_shell();
    const char *const argv[] = {shell, "-lc", "env -0", NULL};
    const struct capture_options o = {
        .file = shell, .argv = argv, .timeout_ms = AGENT_ENV_MS, .max = ENV_OCTETS_MAX};
    a->capture = capture_start(a->loop, &o, on_shell_env, a);
}

/* ---- the object --------------------------------------------------------------------------- */

struct agent *agent_create(struct loop *l, const struct agent_options *o,
                           const struct agent_ops *ops, void *user)
{
    struct agent *a = mem_new(sizeof(*a));
    a->m = (struct machine){.what = "agent", .table = states, .state = IDLE};
    a->loop = l;
    a->options = *o;
    a->ops = ops;
    a->user = user;
    env_init(&a->env);
    return a;
}

void agent_start(struct agent *a)
{
    machine_move(&a->m, ENV);
    if (text_format(a->log_path, sizeof(a->log_path), "%s/%s", a->options.run_dir,
                    a->options.log) != OK) {
        a->log_path[0] = '\0'; // child_spawn says that it cannot be written
    }
    loop_defer(a->loop, &a->task, on_start);
}

void agent_close(struct agent *a)
{
    if (a == NULL) {
        return;
    }
    loop_task_cancel(&a->task);
    capture_cancel(a->capture);
    if (a->child != NULL) {
        child_close(a->child, NULL, NULL);
    }
    env_fini(&a->env);
    mem_free(a);
}
