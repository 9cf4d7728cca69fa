#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "sandbox/explain.h"
#include "sandbox/run.h"

#define REPORT_MAX (512u * 1024u) // 64 refusals of the longest path

/* ---- the policy ---------------------------------------------------------------------- */

static int read_policy(const struct cli_args *args, struct sandbox_policy *policy)
{
    static const char *const ours[] = {"explain", "json",    "report",
                                       "home",    "verbose", "help"};
    sandbox_policy_init(policy);
    for (size_t i = 0; i < args->n_values; i++) {
        const char *name = args->values[i].option->name;
        struct diag diag = {.text = ""};
        bool is_ours = false;
        for (size_t k = 0; k < COUNT(ours); k++) {
            is_ours = is_ours || strcmp(ours[k], name) == 0;
        }
        if (!is_ours &&
            sandbox_policy_set(policy, name, args->values[i].value, &diag) != OK) {
            return cli_fail(EXIT_USAGE, "%s", diag.text);
        }
    }
    return EXIT_DONE;
}

/* The folders that a sandboxed command may not see; not made when they are missing. */
static size_t state_folders(const struct cli_args *args, char out[2][PATH_MAX],
                            const char *states[2])
{
    const char *home = cli_value(args, "home");
    const char *user = getenv("HOME");
    size_t n = 0;
    if (home == NULL) {
        home = getenv("FARHAND_HOME");
    }
    if (home != NULL && home[0] == '/' &&
        text_format(out[n], PATH_MAX, "%s", home) == OK) {
        states[n] = out[n];
        n++;
    }
    if (user != NULL && user[0] == '/' &&
        text_format(out[n], PATH_MAX, "%s/.farhand", user) == OK) {
        states[n] = out[n];
        n++;
    }
    return n;
}

/* ---- one sandbox ------------------------------------------------------------------------ */

struct job {
    const struct cli_args *args;
    struct sandbox_policy policy;
    struct site site;
    struct plan plan;
    struct env_list env;
    struct sandbox_result result;
    struct buf text;
};

static int print_text(struct job *j, enum err e)
{
    const char *text = "";
    if (e != OK || buf_cstr(&j->text, &text) != OK) {
        return cli_fail(EXIT_FAILED, "the plan is too large to print");
    }
    (void)fputs(text, stdout);
    return EXIT_DONE;
}

static int explain(struct job *j)
{
    if (!cli_has(j->args, "json")) {
        return print_text(j, explain_text(&j->plan, &j->env, &j->text));
    }
    enum err e = explain_json(&j->plan, &j->env, &j->text);
    if (e == OK) {
        e = buf_put_str(&j->text, "\n");
    }
    return print_text(j, e);
}

static int plan_again(struct job *j, struct diag *diag)
{
    char states[2][PATH_MAX];
    const char *paths[2];
    const size_t n = state_folders(j->args, states, paths);
    const struct sandbox_kernel kernel = j->site.kernel;
    sandbox_plan_fini(&j->plan);
    site_fini(&j->site);
    enum err e = site_look(&j->site, &j->policy, paths, n, diag);
    j->site.kernel = kernel;
    if (e == OK) {
        e = sandbox_plan_make(&j->plan, &j->policy, &j->site, diag);
    }
    return e == OK ? EXIT_DONE : EXIT_SANDBOX;
}

static void say_denials(const struct job *j)
{
    const struct denial_log *log = &j->result.denials;
    for (size_t i = 0; i < log->n && i < 5; i++) {
        char what[512];
        text_sanitize(bytes_from_str(log->rows[i].what), what, sizeof(what));
        (void)cli_fail(0, "the sandbox refused %s%s%s: %s", log->rows[i].call,
                       what[0] == '\0' ? "" : " ", what, log->rows[i].why);
    }
    if (log->n > 5 || log->more > 0) {
        (void)cli_fail(0, "and %llu more refusals",
                       (unsigned long long)(log->n > 5 ? log->n - 5 : 0) + log->more);
    }
}

/* On stderr after the command's own, or in the file that --report names. */
static void report_json(struct job *j, int report)
{
    const char *text = "";
    enum err e = sandbox_result_json(&j->result, &j->text);
    if (e == OK) {
        e = buf_put_str(&j->text, "\n");
    }
    if (e == OK && buf_cstr(&j->text, &text) == OK) {
        (void)!write(report >= 0 ? report : STDERR_FILENO, text, strlen(text));
    }
}

static void report_result(struct job *j, int report)
{
    const struct sandbox_result *r = &j->result;
    if (report >= 0 || cli_has(j->args, "json")) {
        report_json(j, report);
        return;
    }
    if (r->end == SANDBOX_NOT_RUN) {
        (void)cli_fail(0, "'%s' could not be run: %s", j->args->rest[0],
                       strerrordesc_np(r->error));
    } else if (r->end != SANDBOX_ENDED) {
        (void)cli_fail(0, "%s", sandbox_end_text(r->end));
    }
    if (r->workspace_gone) {
        (void)cli_fail(0, "the workspace '%s' was removed meanwhile",
                       j->plan.workspace);
    }
    if (r->exit_code != 0) {
        say_denials(j);
    }
}

/* Never through a link, nor into what has a second name: an earlier command may have put
 * either where the report goes, and this program is held by nothing. */
static int open_report(const char *file)
{
    struct stat st;
    const int fd =
        open(file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
                    ftruncate(fd, 0) != 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A sentence may quote names that are not ours. */
static int fail_with(int code, const struct diag *diag)
{
    char text[sizeof(diag->text)];
    text_sanitize(bytes_from_str(diag->text), text, sizeof(text));
    return cli_fail(code, "%s", text);
}

static void say_missing(const struct plan *p)
{
    for (size_t i = 0; i < p->n_missing; i++) {
        (void)cli_fail(0, "weaker: %s", p->missing[i]);
    }
}

static int run_command(struct job *j)
{
    struct diag diag = {.text = ""};
    const char *file = cli_value(j->args, "report");
    const int report = file == NULL ? -1 : open_report(file);
    if (file != NULL && report < 0) {
        return cli_fail(EXIT_SANDBOX,
                        "--report '%s' cannot be written: it must be a plain file, and "
                        "no link",
                        file);
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): execve() wants it without its const
    char *const *argv = (char *const *)(uintptr_t)j->args->rest;
    enum err e = sandbox_run(&j->plan, &j->env, argv, &j->result, &diag);
    if (e == ERR_NOT_FOUND) { // without namespaces, if the policy can be held so
        j->site.kernel.namespaces = false;
        sandbox_result_fini(&j->result);
        diag.text[0] = '\0';
        const int code = plan_again(j, &diag);
        if (code != EXIT_DONE) {
            return fail_with(code, &diag);
        }
        say_missing(&j->plan);
        e = sandbox_run(&j->plan, &j->env, argv, &j->result, &diag);
    }
    if (e != OK) {
        return fail_with(EXIT_SANDBOX, &diag);
    }
    report_result(j, report);
    if (report >= 0) {
        (void)close(report);
    }
    return j->result.exit_code;
}

static int run_job(struct job *j)
{
    struct diag diag = {.text = ""};
    const bool explains = cli_has(j->args, "explain");
    if (explains) {
        sandbox_probe(&j->site.kernel);
    } else {
        sandbox_probe_quick(&j->site.kernel);
    }
    int code = plan_again(j, &diag);
    if (code == EXIT_DONE && env_list_init(&j->env, &j->policy.env, environ) != OK) {
        return cli_fail(EXIT_USAGE, "more than %d environment variables", ENV_VARS_MAX);
    }
    if (code != EXIT_DONE) {
        return fail_with(code, &diag);
    }
    if (!explains) {
        say_missing(&j->plan);
    }
    return explains ? explain(j) : run_command(j);
}

static int run_sandbox(struct cli_args *args)
{
    if (args->n_rest == 0 && !cli_has(args, "explain")) {
        return cli_fail(EXIT_USAGE, "usage: farhand sandbox [OPTIONS] -- CMD…");
    }
    struct job *j = mem_new(sizeof(*j));
    j->args = args;
    buf_init(&j->text, REPORT_MAX);
    int code = read_policy(args, &j->policy);
    if (code == EXIT_DONE) {
        code = run_job(j);
    }
    sandbox_result_fini(&j->result);
    env_list_fini(&j->env);
    sandbox_plan_fini(&j->plan);
    site_fini(&j->site);
    buf_fini(&j->text);
    mem_free(j);
    return code;
}

static const struct cli_option options[] = {
    {"mode", "MODE", "read-only (default), workspace-write or danger-full-access"},
    {"workspace", "DIR", "the folder to work in (default: the current one)"},
    {"writable", "DIR", "one more writable folder; may be repeated"},
    {"hidden", "PATH", "a folder or file the command shall not see; may be repeated"},
    {"network", NULL, "allow IPv4 and IPv6"},
    {"env-policy", "WHICH", "variables handed on: core (default), all or none"},
    {"env-include", "PATTERN", "hand on these too, also when they look like secrets"},
    {"env-exclude", "PATTERN", "never hand on these"},
    {"env", "NAME=VALUE", "set a variable"},
    {"timeout", "SECONDS", "end everything after that time"},
    {"output-max", "OCTETS", "end everything after that much output"},
    {"file-max", "OCTETS", "no file may become larger"},
    {"process-max", "N", "no more processes than that at a time (default 4096)"},
    {"no-namespace", NULL, "Landlock and seccomp alone"},
    {"allow-weaker", NULL, "run with what the kernel has, and say what is missing"},
    {"explain", NULL, "print the plan and run nothing"},
    {"json", NULL, "the plan, or the result as the last line on stderr, as JSON"},
    {"report", "FILE", "write the result there, as JSON"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_sandbox = {
    .name = "sandbox",
    .words = "-- CMD…",
    .summary = "run a command that can touch only what the policy grants",
    .text =
        "Landlock, seccomp and a namespace of mounts and processes hold the command; no "
        "root and no setuid helper is needed. In workspace-write, .git, hooks, .farhand, "
        ".codex, .agents and AGENTS.md stay read-only, and Farhand's own state is not "
        "visible. /tmp is private and gone at the end.\n\n"
        "The exit code is the command's; 125 says that the sandbox could not be made, 126 "
        "and 127 that the command could not be run, 128 and more the signal that ended it. "
        "What was refused is said on stderr when the command failed, and always in --json "
        "and --report.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_sandbox,
};
