#include <string.h>

#include "policy/rule.h"

/* Rules that people gave with an answer. */

/* A text that the rules keep. */
static const char *keep_text(struct rules *rules, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    json_t *kept = json_string(text);
    json_push(rules->kept, kept);
    return json_string_value(kept);
}

/* ["git","add"] --> [["git"],["add"]]: no word has alternatives. */
static json_t *keep_words(struct rules *rules, const json_t *words)
{
    json_t *out = json_array();
    size_t i = 0;
    json_t *word = NULL;
    json_array_foreach(words, i, word)
    {
        json_t *one = json_array();
        json_push(one, json_incref(word));
        json_push(out, one);
    }
    json_push(rules->kept, out);
    return out;
}

static json_t *keep_thread(struct rules *rules, const char *thread)
{
    json_t *list = thread == NULL ? NULL : json_pack("[s]", thread);
    if (list != NULL) {
        json_push(rules->kept, list);
    }
    return list;
}

enum err rules_give(struct rules *rules, const struct rule_given *g)
{
    if (rules->n == RULES_MAX) {
        return ERR_LIMIT;
    }
    struct rule rule = {.decide = VERDICT_ALLOW,
                        .level = RULE_USER,
                        .source = keep_text(rules, g->source),
                        .because = keep_text(rules, g->because),
                        .thread = keep_thread(rules, g->thread),
                        .cwd = keep_text(rules, g->cwd),
                        .literal = true,
                        .whole = g->whole};
    if (g->words != NULL) {
        rule.command = keep_words(rules, g->words);
        rule.head =
            json_string_value(json_array_get(json_array_get(rule.command, 0), 0));
    } else {
        rule.path = json_deep_copy(g->paths);
        json_push(rules->kept, rule.path);
    }
    rule.any_time = rule.thread == NULL && rule.cwd == NULL;
    rules->list[rules->n++] = rule;
    return OK;
}

/* ---- what may be allowed by its first words ------------------------------------------ */

static bool is_one_of(const char *text, const char *const *list)
{
    while (*list != NULL && strcmp(text, *list) != 0) {
        list++;
    }
    return *list != NULL;
}

/* These run what the words behind them say. */
static const char *const runners[] = {
    "ash",     "bash",    "builtin", "busybox", "chroot", "command",  "dash",
    "doas",    "env",     "eval",    "exec",    "expect", "find",     "fish",
    "ionice",  "ksh",     "nice",    "nohup",   "npx",    "parallel", "pkexec",
    "rsh",     "script",  "setsid",  "sh",      "source", ".",        "ssh",
    "stdbuf",  "strace",  "su",      "sudo",    "tcsh",   "csh",      "time",
    "timeout", "unshare", "watch",   "xargs",   "zsh",    "nsenter",  "systemd-run",
    "flock",   "gdb",     "socat",   "bwrap",   "docker", "podman",   "rm",
    "dd",      NULL};

/* These run a text that an option gives them, or a file of theirs. */
static const char *const interpreters[] = {
    "python", "python2", "python3", "pypy",      "pypy3", "node",    "deno",
    "bun",    "perl",    "ruby",    "php",       "lua",   "luajit",  "awk",
    "gawk",   "mawk",    "sed",     "osascript", "tclsh", "Rscript", "java",
    "git",    "make",    "npm",     "yarn",      "pnpm",  "cargo",   "go",
    "pip",    "pip3",    "uv",      "gh",        "ed",    "ex",      "vi",
    "vim",    "emacs",   "jshell",  "irb",       "ghci",  NULL};

const char *rule_prefix_refusal(const json_t *words)
{
    const char *first = json_string_value(json_array_get(words, 0));
    const char *second = json_string_value(json_array_get(words, 1));
    if (first == NULL || first[0] == '\0') {
        return "it names no program";
    }
    const char *slash = strrchr(first, '/');
    const char *name = slash == NULL ? first : slash + 1;
    if (is_one_of(name, runners)) {
        return "such a program runs or removes whatever it is given";
    }
    if (is_one_of(name, interpreters) && (second == NULL || second[0] == '-')) {
        return "such a program runs whatever it is given";
    }
    return NULL;
}
