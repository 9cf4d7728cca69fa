#include "host/rulebook.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/inside.h"
#include "host/surroundings.h"
#include "wire/toml.h"

#define RULEBOOK_FILE_MAX  TOML_MAX
#define RULEBOOK_PATHS_MAX 1024u // a change to more files than a person would read

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

static enum err read_rules(struct rules *rules, enum rule_level level, const char *dir,
                           const char *name, struct diag *diag)
{
    char path[PATH_MAX];
    struct buf text;
    buf_init(&text, RULEBOOK_FILE_MAX);
    enum err e = text_format(path, sizeof(path), "%s/%s", dir, name);
    if (e == OK) {
        e = read_text(path, &text, diag);
    }
    if (e == OK) {
        e = rules_read(rules, level, path, buf_bytes(&text), diag);
    }
    buf_fini(&text);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err read_config(const char *home, json_t **out, struct diag *diag)
{
    char path[PATH_MAX];
    struct buf text;
    struct diag why = {""};
    buf_init(&text, RULEBOOK_FILE_MAX);
    enum err e = text_format(path, sizeof(path), "%s/config.toml", home);
    if (e == OK) {
        e = read_text(path, &text, diag);
    }
    if (e == ERR_NOT_FOUND) {
        diag_set(diag, "there is no %s, so it has no profile", path);
    } else if (e == OK && (e = toml_parse(buf_bytes(&text), out, &why)) != OK) {
        diag_set(diag, "%s: %s", path, why.text);
    }
    buf_fini(&text);
    return e;
}

/* The administrator's own profile needs no config.toml; without a name none is read. */
static enum err read_profile(const struct rulebook_from *from, struct profile *out,
                             struct diag *diag)
{
    const struct requirements *q = from->admin;
    const char *name = q->profile != NULL ? q->profile : from->profile;
    json_t *config = NULL;
    enum err e = OK;
    if (name != NULL && json_get_obj(q->profiles, name) == NULL) {
        e = read_config(from->home, &config, diag);
    }
    if (e == OK) {
        e = requirements_profile(q, from->profile, config, out, diag);
    }
    json_decref(config);
    return e;
}

static enum err load(const struct rulebook_from *from, struct rulebook *book,
                     struct diag *diag)
{
    enum err e = read_profile(from, &book->profile, diag);
    e = e != OK ? e : requirements_rules(from->admin, &book->rules, diag);
    e = e != OK ? e
                : read_rules(&book->rules, RULE_USER, from->home, "policy.toml", diag);
    if (e == OK && from->trusted) {
        e = read_rules(&book->rules, RULE_REPOSITORY, from->workspace,
                       ".farhand/policy.toml", diag);
    }
    e = e != OK ? e : rules_settle(&book->rules, diag);
    e = e != OK ? e : standing_load(&book->standing, from->home, diag);
    return e != OK ? e : profiles_load(&book->profiles, from->admin, from->home, diag);
}

enum err rulebook_load(const struct rulebook_from *from, struct rulebook *out,
                       struct diag *diag)
{
    struct requirements none;
    struct rulebook_from all = *from;
    requirements_none(&none);
    if (all.admin == NULL) {
        all.admin = &none;
    }
    struct rulebook book = {.quorum = all.admin->quorum, .strong = all.admin->strong};
    rules_init(&book.rules);
    const enum err e = load(&all, &book, diag);
    if (e != OK) {
        rulebook_fini(&book);
        return e;
    }
    *out = book;
    return OK;
}

void rulebook_tighten(const struct rulebook *book, struct policy_answer *answer)
{
    if (answer->verdict == VERDICT_ASK) {
        answer->quorum = answer->quorum > book->quorum ? answer->quorum : book->quorum;
        answer->strong = answer->strong || book->strong;
    }
}

void rulebook_fini(struct rulebook *book)
{
    profile_fini(&book->profile);
    rules_fini(&book->rules);
    standing_fini(&book->standing);
    profiles_fini(&book->profiles);
}

/* ---- a request --------------------------------------------------------------------- */

struct rule_moment rulebook_moment(void)
{
    const time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm = {0};
    (void)localtime_r(&now, &tm);
    return (struct rule_moment){.day = (unsigned)(tm.tm_wday + 6) % 7,
                                .minute = (unsigned)(tm.tm_hour * 60 + tm.tm_min)};
}

static void say_person(struct policy_answer *out, const char *why)
{
    *out = (struct policy_answer){.verdict = VERDICT_ASK, .quorum = 1};
    text_sanitize(bytes_from_str(why), out->because, sizeof(out->because));
}

/* A C string of octets that may hold a NUL: then there is none. */
static char *text_of(struct bytes octets)
{
    char *text = mem_try(octets.len + 1, 1);
    if (text == NULL || octets.len == 0 ||
        memchr(octets.at, '\0', octets.len) != NULL) {
        mem_free(text);
        return NULL;
    }
    memcpy(text, octets.at, octets.len);
    return text;
}

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts != NULL && i < n; i++) {
        mem_free(texts[i]);
    }
    mem_free(texts);
}

/* NULL when one of them is none, or there are too many. */
static char **texts_of(const struct bytes *list, size_t n)
{
    char **texts = n == 0 || n > RULEBOOK_PATHS_MAX ? NULL : mem_try(n, sizeof(*texts));
    for (size_t i = 0; texts != NULL && i < n; i++) {
        texts[i] = text_of(list[i]);
        if (texts[i] == NULL) {
            free_texts(texts, i);
            return NULL;
        }
    }
    return texts;
}

static void judge_files(const struct policy_ask *ask,
                        const struct approval_request *asked, struct policy_answer *out)
{
    char **paths = texts_of(asked->paths, asked->n_paths);
    if (paths == NULL) {
        say_person(out, "it does not say plainly which files it changes");
        return;
    }
    policy_judge_files(ask, (const char *const *)paths, asked->n_paths, out);
    free_texts(paths, asked->n_paths);
}

static void judge_command(const struct policy_ask *ask,
                          const struct approval_request *asked,
                          struct policy_answer *out)
{
    if (asked->n_argv == 0) {
        policy_judge_script(ask, asked->command, SHELL_BASH, out);
        return;
    }
    char **argv = texts_of(asked->argv, asked->n_argv);
    if (argv == NULL) {
        say_person(out, "a word of it is no text");
        return;
    }
    policy_judge_argv(ask, (const char *const *)argv, asked->n_argv, out);
    free_texts(argv, asked->n_argv);
}

/* ---- where it works --------------------------------------------------------------- */

bool rulebook_real(void *user, const char *path, char *out, size_t size)
{
    char real[PATH_MAX];
    (void)user;
    return realpath(path, real) != NULL && text_format(out, size, "%s", real) == OK;
}

/* Whoever may read all of it may read what the user keeps to themselves. */
static bool is_too_wide(const char *root)
{
    char home[PATH_MAX];
    const char *set = getenv("HOME");
    const size_t len = strlen(root);
    if (strcmp(root, "/") == 0) {
        return true;
    }
    return set != NULL && realpath(set, home) != NULL &&
           strncmp(home, root, len) == 0 && (home[len] == '/' || home[len] == '\0');
}

struct places { // as the file system has them, links followed
    char root[PATH_MAX];
    char cwd[PATH_MAX];
    char thread[129];
    const char *roots[2];
};

static const char *find_places(const struct hub_question *q, struct places *out)
{
    const struct bytes cwd = q->asked->cwd;
    char *named = cwd.len == 0 ? mem_strdup(q->folder) : text_of(cwd);
    const bool ok = named != NULL && named[0] == '/' &&
                    realpath(named, out->cwd) != NULL &&
                    realpath(q->folder, out->root) != NULL;
    mem_free(named);
    out->roots[0] = out->root;
    out->roots[1] = NULL;
    out->thread[0] = '\0';
    if (q->asked->thread.len < sizeof(out->thread)) {
        memcpy(out->thread, q->asked->thread.at, q->asked->thread.len);
        out->thread[q->asked->thread.len] = '\0';
    }
    return ok ? NULL : "its folder is not on this machine";
}

/* ---- what a question is ------------------------------------------------------------- */

#define ASKS_MORE (APPROVAL_ASKS_NETWORK | APPROVAL_ASKS_OUTSIDE)

/* Words for a program that runs are no command, whatever they spell. */
static bool is_input(const struct hub_question *q)
{
    const char *kind = json_get_str(q->params, "kind");
    return q->asked->kind == APPROVAL_COMMAND && kind != NULL &&
           strcmp(kind, "command") != 0;
}

/* What a thread was started with that is no longer there asks for everything. */
const struct profile *rulebook_profile(const struct rulebook *book, struct bytes thread)
{
    static const struct profile strictest = {.name = "missing",
                                             .policy = POLICY_ASK_EVERY_TIME,
                                             .sandbox = SANDBOX_READ_ONLY,
                                             .no_outside = true};
    char id[129] = "";
    if (thread.len < sizeof(id) && thread.len != 0) {
        memcpy(id, thread.at, thread.len);
    }
    const char *name = profiles_of_thread(&book->profiles, id);
    if (name[0] == '\0' || book->profiles.is_forced) {
        return &book->profile;
    }
    const struct profile *found = profiles_find(&book->profiles, name);
    return found != NULL ? found : &strictest;
}

/* As a shell joins what quotes part: g''it is git, and $'\147it' may be. A yes too many
 * only asks. */
static bool may_spell_git(struct bytes text)
{
    static const char name[] = "git";
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = (char)text.at[i];
        if (c == '$' && i + 1 < text.len && text.at[i + 1] == '\'') {
            return true;
        }
        if (c == '\0' || strchr("'\"\\$\n", c) != NULL) {
            continue;
        }
        n = c == name[n] ? n + 1 : c == name[0] ? 1 : 0;
        if (n == sizeof(name) - 1) {
            return true;
        }
    }
    return false;
}

static bool may_run_git(const struct approval_request *asked)
{
    bool may = may_spell_git(asked->command);
    for (size_t i = 0; i < asked->n_argv && !may; i++) {
        may = may_spell_git(asked->argv[i]);
    }
    return may;
}

/* git reads the folder itself; that costs, so only where it may be named. */
static const char *find_unsafe(const struct hub_question *q, const char *root)
{
    const char *why =
        is_too_wide(root)
            ? "the workspace is the home folder, or more"
            : surroundings_of_programs((const char *const *)environ, root);
    return why != NULL || q->asked->kind != APPROVAL_COMMAND || !may_run_git(q->asked)
               ? why
               : surroundings_of_git(root);
}

static void make_ask(const struct rulebook *book, const struct hub_question *q,
                     struct places *at, struct policy_ask *out)
{
    const struct profile *profile = rulebook_profile(book, q->asked->thread);
    *out = (struct policy_ask){
        .rules = &book->rules,
        .more = {profile->policy == POLICY_ASK_EVERY_TIME ? NULL
                                                          : &book->standing.rules},
        .policy = profile->policy,
        .cwd = at->cwd,
        .roots = at->roots,
        .moment = rulebook_moment(),
        .leaves_sandbox = (q->asked->asked & ASKS_MORE) != 0,
        .unsafe = find_unsafe(q, at->root),
        .inside = inside_roots,
        .real = rulebook_real,
        .user = at->roots,
    };
    out->moment.thread = at->thread;
    out->moment.role = (unsigned)q->role;
    out->moment.cwd = json_get_str(q->params, "cwd");
    if (out->policy == POLICY_ON_FAILURE || out->policy == POLICY_ON_REQUEST) {
        out->leaves_sandbox = true;
    }
}

/* It says itself that the sandbox is too narrow for it, or says why it asks at all: a
 * command that fits into the sandbox gives no reason. */
static bool wants_out(const struct approval_request *asked)
{
    return (asked->asked & ASKS_MORE) != 0 ||
           (asked->kind == APPROVAL_COMMAND && asked->reason.len != 0);
}

/* The engine asks for every command, and may run an accepted one again outside its
 * sandbox: that a command would run within it is never known here. */
void rulebook_judge(const struct rulebook *book, const struct hub_question *q,
                    struct policy_answer *out)
{
    const struct approval_request *asked = q->asked;
    struct places at;
    struct policy_ask ask;
    if ((asked->kind != APPROVAL_COMMAND && asked->kind != APPROVAL_FILE_CHANGE) ||
        is_input(q)) {
        say_person(out, "this is for a person to answer");
        return;
    }
    const char *lost = find_places(q, &at);
    if (lost != NULL) {
        say_person(out, lost);
        return;
    }
    make_ask(book, q, &at, &ask);
    if (asked->kind == APPROVAL_COMMAND) {
        judge_command(&ask, asked, out);
    } else {
        judge_files(&ask, asked, out);
    }
    if (wants_out(asked) && out->verdict != VERDICT_DENY &&
        rulebook_profile(book, asked->thread)->no_outside) {
        say_person(out, "the profile forbids to run outside the sandbox");
        out->verdict = VERDICT_DENY;
    }
    if (out->verdict == VERDICT_ALLOW &&
        ((asked->asked & ASKS_MORE) != 0 || asked->reason.len != 0)) {
        say_person(out,
                   "it asks to run outside the sandbox, or for more than to be run");
    }
}

/* ---- what may be accepted for longer --------------------------------------------------- */

/* With a rule for these words, would it run by itself? Then they are what it runs. */
static bool proposal_covers(const struct rulebook *book, const struct hub_question *q,
                            const json_t *words)
{
    struct places at;
    struct policy_ask ask;
    struct policy_answer answer = {.verdict = VERDICT_ASK};
    struct rules one;
    json_t *copy = json_deep_copy(words);
    rules_init(&one);
    if (find_places(q, &at) == NULL &&
        rules_give(&one, &(struct rule_given){.words = copy, .source = "proposal"}) ==
            OK) {
        make_ask(book, q, &at, &ask);
        ask.more[1] = &one;
        judge_command(&ask, q->asked, &answer);
    }
    rules_fini(&one);
    json_decref(copy);
    return answer.verdict == VERDICT_ALLOW;
}

unsigned rulebook_offers(const struct rulebook *book, const struct hub_question *q)
{
    const struct approval_request *asked = q->asked;
    unsigned offers = 0;
    if (rulebook_profile(book, asked->thread)->policy == POLICY_ASK_EVERY_TIME ||
        is_input(q) || (asked->asked & ASKS_MORE) != 0 || asked->reason.len != 0) {
        return 0;
    }
    if (asked->kind == APPROVAL_FILE_CHANGE) {
        return asked->n_paths == 0 ? 0 : 1u << APPROVAL_THREAD;
    }
    json_t *words = asked->kind == APPROVAL_COMMAND ? standing_words(q->params) : NULL;
    offers |= words != NULL && asked->cwd.len != 0 ? 1u << APPROVAL_THREAD : 0;
    json_decref(words);
    const json_t *proposal = standing_proposal(q->params);
    if (asked->kind == APPROVAL_COMMAND && proposal != NULL &&
        proposal_covers(book, q, proposal)) {
        offers |= 1u << APPROVAL_UNTIL_RESTART | 1u << APPROVAL_KEPT;
    }
    return offers;
}
