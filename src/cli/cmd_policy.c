#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "host/inside.h"
#include "policy/profile.h"
#include "wire/toml.h"

#define POLICY_FILE_MAX TOML_MAX

/* ---- the files ------------------------------------------------------------------ */

/* ERR_NOT_FOUND: there is none, which is no failure. */
static enum err read_text(const char *path, struct buf *out, struct diag *diag)
{
    const enum err e = file_read(path, out);
    if (e != OK && e != ERR_NOT_FOUND) {
        diag_set(diag, "%s cannot be read: %s", path, err_text(e));
    }
    return e;
}

static enum err read_rules(struct rules *rules, enum rule_level level, const char *path,
                           struct diag *diag)
{
    struct buf text;
    buf_init(&text, POLICY_FILE_MAX);
    enum err e = read_text(path, &text, diag);
    if (e == OK) {
        e = rules_read(rules, level, path, buf_bytes(&text), diag);
    }
    buf_fini(&text);
    return e == ERR_NOT_FOUND ? OK : e;
}

/* The user's rules, then the repository's. */
static enum err read_all_rules(const char *home, const char *workspace,
                               struct rules *rules, struct diag *diag)
{
    char user[PATH_MAX];
    char repository[PATH_MAX];
    enum err e = text_format(user, sizeof(user), "%s/policy.toml", home);
    if (e == OK) {
        e = text_format(repository, sizeof(repository), "%s/.farhand/policy.toml",
                        workspace);
    }
    if (e == OK) {
        e = read_rules(rules, RULE_USER, user, diag);
    }
    if (e == OK) {
        e = read_rules(rules, RULE_REPOSITORY, repository, diag);
    }
    return e == OK ? rules_settle(rules, diag) : e;
}

static enum err read_profile(const char *home, const char *name, struct profile *out,
                             struct diag *diag)
{
    char path[PATH_MAX];
    struct buf text;
    json_t *config = NULL;
    if (name == NULL) {
        profile_default(out);
        return OK;
    }
    buf_init(&text, POLICY_FILE_MAX);
    enum err e = text_format(path, sizeof(path), "%s/config.toml", home);
    if (e == OK) {
        e = read_text(path, &text, diag);
    }
    if (e == ERR_NOT_FOUND) {
        diag_set(diag, "there is no %s, so no profile %s", path, name);
    }
    struct diag why = {""};
    if (e == OK && (e = toml_parse(buf_bytes(&text), &config, &why)) != OK) {
        diag_set(diag, "%s: %s", path, why.text);
    }
    if (e == OK) {
        e = profile_read(config, name, out, diag);
    }
    json_decref(config);
    buf_fini(&text);
    return e;
}

/* ---- explain ---------------------------------------------------------------------- */

static struct rule_moment moment_now(void)
{
    const time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm = {0};
    (void)localtime_r(&now, &tm);
    return (struct rule_moment){.role = 4, // whoever asks here owns the host
                                .day = (unsigned)(tm.tm_wday + 6) % 7,
                                .minute = (unsigned)(tm.tm_hour * 60 + tm.tm_min)};
}

static void print_commands(json_t *out, const char *text)
{
    struct shell_script script;
    if (shell_parse(bytes_from_str(text), SHELL_BASH, &script) != OK) {
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < script.n_commands; i++) {
        json_t *words = json_array();
        for (uint32_t k = 0; k < script.commands[i].n_words; k++) {
            const struct shell_word *word = &script.commands[i].words[k];
            json_push(words, (word->flags & WORD_UNSURE) != 0
                                 ? json_null()
                                 : json_string(word->text));
        }
        json_push(list, words);
    }
    json_set_bool(out, "understood", script.why == NULL);
    json_set(out, "commands", list);
    shell_script_fini(&script);
}

static void print_json(const struct policy_answer *a, const char *script)
{
    json_t *out = json_object();
    char rule[PATH_MAX + 16] = "";
    json_set_str(out, "verdict", verdict_name(a->verdict));
    if (a->rule != NULL && text_format(rule, sizeof(rule), "%s:%u", a->rule->source,
                                       a->rule->line) == OK) {
        json_set_str(out, "rule", rule);
    } else {
        json_set_str(out, "rule", NULL);
    }
    json_set_str(out, "because", a->because);
    if (a->verdict == VERDICT_ASK) {
        json_set_int(out, "quorum", a->quorum);
        json_set_bool(out, "strong", a->strong);
    }
    if (script != NULL) {
        print_commands(out, script);
    }
    local_print(out);
    json_decref(out);
}

static void print_plain(const struct policy_answer *a)
{
    cli_say("%s%s%s: %s", cli_bold(), verdict_name(a->verdict), cli_plain(),
            a->because);
    if (a->rule != NULL) {
        cli_say("%s  %s:%u%s", cli_dim(), a->rule->source, a->rule->line, cli_plain());
    }
    if (a->verdict == VERDICT_ASK && (a->quorum > 1 || a->strong)) {
        cli_say("  %u %s%s", a->quorum, a->quorum == 1 ? "person" : "people",
                a->strong ? ", with a strong approval" : "");
    }
}

struct files {
    char home[PATH_MAX];
    char workspace[PATH_MAX];
    struct rules rules;
    struct profile profile;
};

static int files_load(const struct cli_args *args, struct files *f)
{
    struct diag diag = {""};
    const char *cwd = cli_value(args, "cwd");
    if (cli_home(args, f->home) != OK) {
        return EXIT_HOME;
    }
    if (realpath(cwd == NULL ? "." : cwd, f->workspace) == NULL) {
        return cli_fail(EXIT_USAGE, "%s is no folder of this machine", cwd);
    }
    if (read_profile(f->home, cli_value(args, "profile"), &f->profile, &diag) != OK ||
        read_all_rules(f->home, f->workspace, &f->rules, &diag) != OK) {
        return cli_fail(EXIT_USAGE, "%s", diag.text);
    }
    return EXIT_DONE;
}

static int explain(const struct cli_args *args, struct files *f)
{
    const char *roots[] = {f->workspace, NULL};
    const char *script = cli_value(args, "sh");
    if ((script == NULL) == (args->n_rest == 0)) {
        return cli_fail(EXIT_USAGE,
                        "what is to be explained? farhand policy explain -- "
                        "COMMAND…, or --sh 'SCRIPT'");
    }
    const struct policy_ask ask = {.rules = &f->rules,
                                   .policy = f->profile.policy,
                                   .cwd = f->workspace,
                                   .roots = roots,
                                   .moment = moment_now(),
                                   .inside = inside_roots,
                                   .user = roots};
    struct policy_answer answer;
    if (script != NULL) {
        policy_judge_script(&ask, bytes_from_str(script), SHELL_BASH, &answer);
    } else {
        policy_judge_argv(&ask, args->rest, args->n_rest, &answer);
    }
    if (cli_has(args, "json")) {
        print_json(&answer, script);
    } else {
        print_plain(&answer);
    }
    return EXIT_DONE;
}

static int check(const struct cli_args *args, const struct files *f)
{
    if (cli_has(args, "json")) {
        json_t *out = json_object();
        json_set_int(out, "rules", (json_int_t)f->rules.n);
        json_set_str(out, "profile", f->profile.name);
        json_set_str(out, "approvalPolicy", approval_policy_name(f->profile.policy));
        local_print(out);
        json_decref(out);
        return EXIT_DONE;
    }
    cli_say("%zu rule%s, all of them readable. Profile %s: %s.", f->rules.n,
            f->rules.n == 1 ? "" : "s", f->profile.name,
            approval_policy_name(f->profile.policy));
    return EXIT_DONE;
}

static int run(struct cli_args *args)
{
    struct files f = {.home = ""};
    const bool explains = strcmp(args->words[0], "explain") == 0;
    if (!explains && strcmp(args->words[0], "check") != 0) {
        return cli_fail(EXIT_USAGE, "farhand policy knows explain and check, not '%s'",
                        args->words[0]);
    }
    rules_init(&f.rules);
    int code = files_load(args, &f);
    if (code == EXIT_DONE) {
        code = explains ? explain(args, &f) : check(args, &f);
    }
    profile_fini(&f.profile);
    rules_fini(&f.rules);
    return code;
}

static const struct cli_option options[] = {
    {"profile", "NAME", "the profile of config.toml (default: everything asks)"},
    {"sh", "SCRIPT", "explain this text of a shell instead of words"},
    {"cwd", "DIR", "the workspace (default: this folder)"},
    {"json", NULL, "print one JSON object"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_policy = {
    .name = "policy",
    .words = "explain|check [-- COMMAND…]",
    .summary = "say what would run by itself, and read the rules",
    .text =
        "'explain' says what would happen to a command, and which line says so: allow "
        "(it runs by itself), ask (a person decides), deny (it is refused). Nothing is "
        "run.\n\n"
        "'check' reads policy.toml in the state folder, .farhand/policy.toml of the "
        "workspace and the profile, and points at what is wrong in them.",
    .options = options,
    .n_options = COUNT(options),
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
