#include "policy/policy.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/reader.h"
#include "policy/spoken.h"
#include "policy/wrapper.h"

static const char *const policy_names[N_APPROVAL_POLICIES] = {
    [POLICY_ASK_EVERY_TIME] = "ask-every-time",
    [POLICY_UNTRUSTED] = "untrusted",
    [POLICY_SUGGEST] = "suggest",
    [POLICY_UNLESS_ALLOW_LISTED] = "unless-allow-listed",
    [POLICY_ON_FAILURE] = "on-failure",
    [POLICY_ON_REQUEST] = "on-request",
    [POLICY_NEVER] = "never",
};

const char *approval_policy_name(enum approval_policy policy)
{
    return policy_names[policy];
}

enum err approval_policy_parse(const char *name, enum approval_policy *out)
{
    for (unsigned i = 0; i < N_APPROVAL_POLICIES; i++) {
        if (strcmp(policy_names[i], name) == 0) {
            *out = (enum approval_policy)i;
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"allow", "ask", "deny"};
    return names[verdict];
}

struct judge {
    const struct policy_ask *ask;
    struct policy_answer *answer; // the strictest so far
    struct reader_place place;
    unsigned depth;
};

static void judge_script(struct judge *j, struct bytes text,
                         enum shell_dialect dialect);
static void judge_words(struct judge *j, const struct shell_word *words, uint32_t n,
                        unsigned how);

/* ---- the strictest so far ---------------------------------------------------------- */

static void say(struct judge *j, enum verdict verdict, const struct rule *rule,
                const char *because, const char *about)
{
    struct policy_answer *a = j->answer;
    if (verdict == VERDICT_ASK && rule != NULL) {
        a->quorum = rule->quorum > a->quorum ? rule->quorum : a->quorum;
        a->strong = a->strong || rule->strong;
    }
    const bool stricter = verdict > a->verdict || a->because[0] == '\0';
    const bool better = verdict == a->verdict && rule != NULL && a->rule == NULL;
    if (verdict < a->verdict || (!stricter && !better)) {
        return;
    }
    char line[BECAUSE_MAX] = "";
    const enum err fits =
        text_format(line, sizeof(line), "%s%s%.200s", because,
                    about == NULL ? "" : ": ", about == NULL ? "" : about);
    assert(fits == OK); // BECAUSE_MAX holds a sentence and 200 octets
    text_sanitize(bytes_from_str(line), a->because, sizeof(a->because));
    a->verdict = verdict;
    a->rule = rule;
}

static void say_rule(struct judge *j, const struct rule *rule, const char *about)
{
    const char *because = rule->because != NULL           ? rule->because
                          : rule->decide == VERDICT_DENY  ? "a rule denies it"
                          : rule->decide == VERDICT_ALLOW ? "a rule allows it"
                                                          : "a rule asks for it";
    say(j, rule->decide, rule, because, about);
}

static void say_ask(struct judge *j, const char *because, const char *about)
{
    say(j, VERDICT_ASK, NULL, because, about);
}

/* ---- rules ------------------------------------------------------------------------- */

/* Says what the strict rules want; gives the rule that allows, if one does. */
static const struct rule *say_rules(struct judge *j, const struct spoken *s,
                                    const char *about)
{
    if (s->denies != NULL) {
        say_rule(j, s->denies, about);
    }
    if (s->asks != NULL) {
        say_rule(j, s->asks, about);
    }
    if (s->may_deny != NULL) {
        say(j, VERDICT_ASK, s->may_deny, "it may be what a rule is about", about);
    }
    return s->allows;
}

/* ---- what no rule speaks of ------------------------------------------------------------ */

static bool reading_runs(enum approval_policy policy)
{
    return policy == POLICY_SUGGEST || policy == POLICY_UNLESS_ALLOW_LISTED ||
           policy == POLICY_NEVER;
}

static bool sandboxed_runs(const struct policy_ask *ask)
{
    return (ask->policy == POLICY_ON_REQUEST || ask->policy == POLICY_ON_FAILURE) &&
           !ask->leaves_sandbox;
}

static void judge_by_profile(struct judge *j, const struct shell_word *words,
                             uint32_t n, unsigned how)
{
    const char *why = "the profile asks for everything";
    if (sandboxed_runs(j->ask)) {
        say(j, VERDICT_ALLOW, NULL, "it runs in the sandbox", NULL);
        return;
    }
    if (how != 0) {
        why = (how & WRAPPED_STRONGER) != 0
                  ? "it runs with other rights, or elsewhere"
                  : "it runs with words that are not known yet";
    } else if (j->ask->unsafe != NULL) {
        why = j->ask->unsafe;
    } else if (j->ask->leaves_sandbox) {
        why = "it would run outside the sandbox";
    } else if (reading_runs(j->ask->policy) &&
               reader_runs_alone(&j->place, words, n, &why)) {
        say(j, VERDICT_ALLOW, NULL, "it only reads, inside the workspace", NULL);
        return;
    }
    say_ask(j, why, words[0].text);
}

/* ---- a command --------------------------------------------------------------------------- */

static const char *const harmless_names[] = {
    "LC_ALL",           "LANG",           "LC_CTYPE", "TZ",    "NO_COLOR",
    "FORCE_COLOR",      "TERM",           "COLUMNS",  "LINES", "CI",
    "GIT_PAGER_IN_USE", "RUST_BACKTRACE", NULL};

/* A variable decides which program runs, or what it loads, unless it is known to be
 * harmless. */
static bool assignment_is_harmless(const struct shell_word *word)
{
    const size_t len = strcspn(word->text, "=");
    for (const char *const *name = harmless_names; *name != NULL; name++) {
        if (strlen(*name) == len && memcmp(*name, word->text, len) == 0) {
            return (word->flags & WORD_UNSURE) == 0;
        }
    }
    return false;
}

static void judge_assigns(struct judge *j, const struct shell_word *assigns, uint32_t n)
{
    for (uint32_t i = 0; i < n && !sandboxed_runs(j->ask); i++) {
        if (!assignment_is_harmless(&assigns[i])) {
            say_ask(j, "it sets a variable that may change what runs", assigns[i].text);
        }
    }
}

static void judge_inner(struct judge *j, const struct wrapped *w)
{
    if (w->kind == WRAPPED_SCRIPT) {
        judge_script(j, w->script, w->dialect);
        return;
    }
    judge_assigns(j, w->assigns, w->n_assigns);
    judge_words(j, w->words, w->n_words, w->how & ~(unsigned)WRAPPED_ALSO);
}

/* Under a rule that allows the whole, what is inside may still be denied or asked for. */
static void judge_inner_rules(struct judge *j, const struct wrapped *w)
{
    struct policy_answer inner = {.verdict = VERDICT_ALLOW, .quorum = 1};
    struct judge sub = *j;
    sub.answer = &inner;
    judge_inner(&sub, w);
    j->place = sub.place; // where it went, the rest goes on
    if (inner.rule != NULL && inner.verdict != VERDICT_ALLOW) {
        say_rule(j, inner.rule, NULL);
    }
}

static void judge_wrapped(struct judge *j, const struct wrapped *inner, int n,
                          const struct rule *allows)
{
    for (int i = 0; i < n; i++) {
        if (allows != NULL) {
            judge_inner_rules(j, &inner[i]);
        } else {
            judge_inner(j, &inner[i]);
        }
    }
}

/* Allowed by a rule, it is not followed: relative names behind it may be anywhere. */
static bool moves(const char *name)
{
    return strcmp(name, "cd") == 0 || strcmp(name, "pushd") == 0 ||
           strcmp(name, "popd") == 0;
}

static void judge_words(struct judge *j, const struct shell_word *words, uint32_t n,
                        unsigned how)
{
    struct wrapped inner[WRAPPED_MAX];
    const char *why = NULL;
    if (++j->depth > POLICY_DEPTH_MAX) {
        say_ask(j, "it is nested too deeply", NULL);
        j->depth--;
        return;
    }
    const struct spoken spoken = spoken_of_words(j->ask, &j->place, words, n);
    const struct rule *allows = say_rules(j, &spoken, words[0].text);
    const char *name = program_name(&words[0]);
    const int n_inner = name == NULL ? 0 : wrapper_open(name, words, n, inner, &why);
    if (n_inner > 0) {
        judge_wrapped(j, inner, n_inner, allows);
    }
    if (allows != NULL) {
        j->place.lost = j->place.lost || name == NULL || moves(name);
        if (j->ask->unsafe != NULL) { // the rule means another program, perhaps
            say_ask(j, j->ask->unsafe, words[0].text);
        }
        say_rule(j, allows, words[0].text);
    } else if (n_inner < 0 && !sandboxed_runs(j->ask)) {
        say_ask(j, why, words[0].text);
    } else if (n_inner <= 0 || (inner[0].how & WRAPPED_ALSO) != 0) {
        judge_by_profile(j, words, n, how);
    }
    j->depth--;
}

/* ---- redirections ------------------------------------------------------------------------- */

static bool is_nowhere(const struct shell_word *word)
{
    static const char *const names[] = {"/dev/null", "/dev/stdout", "/dev/stderr",
                                        NULL};
    for (const char *const *name = names; *name != NULL; name++) {
        if ((word->flags & WORD_UNSURE) == 0 && strcmp(word->text, *name) == 0) {
            return true;
        }
    }
    return false;
}

/* A rule that allows a path means that file, not one that a link stands for. */
static bool leads_inside(const struct judge *j, const char *text)
{
    char path[PATH_TEXT_MAX];
    return path_absolute(j->ask->cwd, text, path, sizeof(path)) &&
           (j->ask->inside == NULL || j->ask->inside(j->ask->user, path, false));
}

static void judge_file(struct judge *j, const struct spoken_file *file, const char *why)
{
    const char *path = file->path;
    const struct spoken s = spoken_of_file(j->ask, &j->place, file);
    const struct rule *allows = say_rules(j, &s, path);
    if (allows != NULL && !leads_inside(j, path)) {
        say_ask(j, "a link leads out of the workspace", path);
    } else if (allows != NULL) {
        say_rule(j, allows, path);
    } else if (why != NULL) {
        say_ask(j, why, path);
    }
}

static void judge_redirect(struct judge *j, const struct shell_command *c,
                           const struct shell_redirect *r)
{
    const bool sure = (r->target.flags & WORD_UNSURE) == 0;
    if (r->kind == REDIRECT_TEXT || r->kind == REDIRECT_COPY ||
        is_nowhere(&r->target)) {
        return;
    }
    const char *why = NULL;
    if (!sandboxed_runs(j->ask)) {
        if (r->kind == REDIRECT_WRITE) {
            why = "it writes a file";
        } else if (!reader_may_read(&j->place, &r->target)) {
            why = "it reads a file outside the workspace";
        }
    }
    judge_file(j, &(struct spoken_file){r->target.text, sure, c}, why);
}

/* ---- a script -------------------------------------------------------------------------------- */

static void judge_command(struct judge *j, const struct shell_command *c)
{
    judge_assigns(j, c->assigns, c->n_assigns);
    for (uint32_t i = 0; i < c->n_redirects; i++) {
        judge_redirect(j, c, &c->redirects[i]);
    }
    if (c->n_words != 0) {
        judge_words(j, c->words, c->n_words, 0);
    }
}

static void judge_script(struct judge *j, struct bytes text, enum shell_dialect dialect)
{
    struct shell_script script;
    if (++j->depth > POLICY_DEPTH_MAX) {
        say_ask(j, "it is nested too deeply", NULL);
        j->depth--;
        return;
    }
    if (shell_parse(text, dialect, &script) != OK) {
        say_ask(j, "there is no memory to read it", NULL);
        j->depth--;
        return;
    }
    j->place.repeats = j->place.repeats || script.repeats;
    if (script.why != NULL) {
        say_ask(j, "it cannot be understood", script.why);
    }
    for (size_t i = 0; i < script.n_commands; i++) {
        judge_command(j, &script.commands[i]);
    }
    if (script.n_commands == 0 && script.why == NULL) {
        say(j, VERDICT_ALLOW, NULL, "it runs nothing", NULL);
    }
    shell_script_fini(&script);
    j->depth--;
}

/* ---- asks --------------------------------------------------------------------------------- */

static void begin(struct judge *j, const struct policy_ask *ask,
                  struct policy_answer *out)
{
    *out = (struct policy_answer){.verdict = VERDICT_ALLOW, .quorum = 1};
    *j = (struct judge){.ask = ask, .answer = out};
    j->place = (struct reader_place){
        .roots = ask->roots, .inside = ask->inside, .user = ask->user, .n_places = 1};
    if (text_format(j->place.places[0], PATH_TEXT_MAX, "%s", ask->cwd) != OK) {
        j->place.lost = true;
    }
}

/* Nobody is asked: what would ask is refused, and says so. */
static void settle(const struct policy_ask *ask, struct policy_answer *out)
{
    if (ask->policy == POLICY_NEVER && out->verdict == VERDICT_ASK) {
        out->verdict = VERDICT_DENY;
    }
}

void policy_judge_script(const struct policy_ask *ask, struct bytes text,
                         enum shell_dialect dialect, struct policy_answer *out)
{
    struct judge j;
    begin(&j, ask, out);
    judge_script(&j, text, dialect);
    settle(ask, out);
}

void policy_judge_argv(const struct policy_ask *ask, const char *const *argv,
                       size_t argc, struct policy_answer *out)
{
    struct judge j;
    begin(&j, ask, out);
    struct shell_word *words =
        argc == 0 || argc > SHELL_PARTS_MAX ? NULL : mem_try(argc, sizeof(*words));
    if (words == NULL) {
        say_ask(&j, "there is nothing to run, or too much of it", NULL);
    } else {
        for (size_t i = 0; i < argc; i++) {
            words[i] =
                (struct shell_word){.text = argv[i], .len = (uint32_t)strlen(argv[i])};
        }
        judge_words(&j, words, (uint32_t)argc, 0);
    }
    mem_free(words);
    settle(ask, out);
}

void policy_judge_files(const struct policy_ask *ask, const char *const *paths,
                        size_t n, struct policy_answer *out)
{
    struct judge j;
    begin(&j, ask, out);
    const char *why = sandboxed_runs(ask) ? NULL : "it changes a file";
    for (size_t i = 0; i < n; i++) {
        judge_file(&j, &(struct spoken_file){paths[i], true, NULL}, why);
    }
    if (n == 0) {
        say_ask(&j, "it does not say which files it changes", NULL);
    }
    settle(ask, out);
}
