#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "host/inside.h"
#include "host/rulebook.h"
#include "host/trust.h"

/* ---- explain ---------------------------------------------------------------------- */

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
    struct requirements admin;
    struct rulebook book;
};

/* On stderr: what is printed else may be read by a program. */
static void say_untrusted(const char *workspace)
{
    char path[PATH_MAX];
    if (text_format(path, sizeof(path), "%s/.farhand/policy.toml", workspace) == OK &&
        access(path, F_OK) == 0) {
        (void)cli_fail(EXIT_DONE,
                       "%s is not read: the folder is not trusted ('farhand trust %s')",
                       path, workspace);
    }
}

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
    if (requirements_load(&f->admin, &diag) != OK) {
        return cli_fail(EXIT_USAGE, "%s", diag.text);
    }
    const struct rulebook_from from = {.home = f->home,
                                       .workspace = f->workspace,
                                       .profile = cli_value(args, "profile"),
                                       .admin = &f->admin,
                                       .trusted = trust_look(f->home, f->workspace)};
    if (rulebook_load(&from, &f->book, &diag) != OK) {
        return cli_fail(EXIT_USAGE, "%s", diag.text);
    }
    if (!from.trusted) {
        say_untrusted(f->workspace);
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
    struct policy_ask ask = {.rules = &f->book.rules,
                             .policy = f->book.profile.policy,
                             .cwd = f->workspace,
                             .roots = roots,
                             .moment = rulebook_moment(),
                             .more = {&f->book.standing.rules},
                             .inside = inside_roots,
                             .real = rulebook_real,
                             .user = roots};
    struct policy_answer answer;
    ask.moment.role = 4; // whoever asks here owns the host
    if (script != NULL) {
        policy_judge_script(&ask, bytes_from_str(script), SHELL_BASH, &answer);
    } else {
        policy_judge_argv(&ask, args->rest, args->n_rest, &answer);
    }
    rulebook_tighten(&f->book, &answer);
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
        json_set_int(out, "rules", (json_int_t)f->book.rules.n);
        json_set_str(out, "profile", f->book.profile.name);
        json_set_str(out, "approvalPolicy",
                     approval_policy_name(f->book.profile.policy));
        local_print(out);
        json_decref(out);
        return EXIT_DONE;
    }
    cli_say("%zu rule%s, all of them readable. Profile %s: %s.", f->book.rules.n,
            f->book.rules.n == 1 ? "" : "s", f->book.profile.name,
            approval_policy_name(f->book.profile.policy));
    return EXIT_DONE;
}

/* ---- rules that people gave with an answer ----------------------------------------- */

static void say_words(const json_t *row)
{
    struct buf text;
    const char *plain = NULL;
    size_t i = 0;
    json_t *word = NULL;
    const json_t *list = json_get_arr(row, "command");
    buf_init(&text, 64u * 1024);
    json_array_foreach(list != NULL ? list : json_get_arr(row, "paths"), i, word)
    {
        if (buf_putf(&text, "%s%s", i == 0 ? "" : " ", json_string_value(word)) != OK) {
            break;
        }
    }
    if (buf_cstr(&text, &plain) == OK) {
        const size_t size = strlen(plain) * 3 + 4;
        char *shown = mem_new(size);
        text_sanitize(buf_bytes(&text), shown, size);
        cli_say("  %s%s", shown,
                list == NULL                         ? " (changes)"
                : json_get_bool(row, "whole", false) ? ""
                                                     : " …");
        mem_free(shown);
    }
    buf_fini(&text);
}

static void say_given(const json_t *row)
{
    const char *thread = json_get_str(row, "threadId");
    char by[128];
    text_sanitize(bytes_from_str(json_get_str(row, "by")), by, sizeof(by));
    cli_say("%s%s%s  %s  %s%s%s, used %lld times", cli_bold(),
            json_get_str(row, "ruleId"), cli_plain(), json_get_str(row, "scope"), by,
            thread == NULL ? "" : ", thread ", thread == NULL ? "" : thread,
            (long long)json_get_int(row, "uses", 0));
    say_words(row);
}

static int list_given(const struct cli_args *args)
{
    json_t *result = NULL;
    size_t i = 0;
    json_t *row = NULL;
    const int code =
        local_call(args, "farhand/policy/rules/list", json_object(), &result);
    if (code != EXIT_DONE) {
        return code;
    }
    if (cli_has(args, "json")) {
        local_print(result);
    } else if (json_array_size(json_get_arr(result, "data")) == 0) {
        cli_say("Nobody has allowed anything for longer than once.");
    } else {
        json_array_foreach(json_get_arr(result, "data"), i, row)
        {
            say_given(row);
        }
    }
    json_decref(result);
    return EXIT_DONE;
}

static int remove_given(const struct cli_args *args, const char *id)
{
    json_t *result = NULL;
    const int code = local_call(args, "farhand/policy/rules/remove",
                                json_pack("{s:s}", "ruleId", id), &result);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(result);
    } else if (code == EXIT_DONE) {
        cli_say("Rule %s is removed; what it allowed asks again.", id);
    }
    json_decref(result);
    return code;
}

static int given(const struct cli_args *args)
{
    const char *verb = args->n_words > 1 ? args->words[1] : "list";
    if (strcmp(verb, "remove") == 0 && args->n_words == 3) {
        return remove_given(args, args->words[2]);
    }
    if (strcmp(verb, "list") == 0 && args->n_words <= 2) {
        return list_given(args);
    }
    return cli_fail(EXIT_USAGE,
                    "farhand policy rules [list], or farhand policy rules remove ID");
}

static int run(struct cli_args *args)
{
    struct files f = {.home = ""};
    const bool explains = strcmp(args->words[0], "explain") == 0;
    if (strcmp(args->words[0], "rules") == 0) {
        return given(args);
    }
    if (args->n_words != 1 || (!explains && strcmp(args->words[0], "check") != 0)) {
        return cli_fail(EXIT_USAGE,
                        "farhand policy knows explain, check and rules, not '%s'",
                        args->words[args->n_words - 1]);
    }
    int code = files_load(args, &f);
    if (code == EXIT_DONE) {
        code = explains ? explain(args, &f) : check(args, &f);
    }
    rulebook_fini(&f.book);
    requirements_fini(&f.admin);
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
    .words = "explain|check|rules [list|remove ID] [-- COMMAND…]",
    .summary = "say what would run by itself, and read the rules",
    .text =
        "'explain' says what would happen to a command, and which line says so: allow "
        "(it runs by itself), ask (a person decides), deny (it is refused). Nothing is "
        "run.\n\n"
        "'check' reads policy.toml in the state folder, .farhand/policy.toml of the "
        "workspace and the profile, and points at what is wrong in them.\n\n"
        "'rules' lists what people allowed with an answer for longer than once, and how "
        "often that was used; 'rules remove ID' takes it back.",
    .options = options,
    .n_options = COUNT(options),
    .least_words = 1,
    .most_words = 3,
    .run = run,
};
