#include <string.h>

#include "policy/reader_priv.h"

/* git: what the reading subcommands may be given. Aliases cannot hide behind these names;
 * options that run a program (-O, --ext-diff, --textconv, -c, --exec-path, --upload-pack)
 * or write (--output) are not listed. */

#define LOOKS                                                                              \
    "abbrev? abbrev-commit all author= branches? cached check color? committer= compact-"  \
    "summary date= date-order decorate? diff-filter= dirstat? exit-code find-renames? "    \
    "first-parent follow format= full-index function-context graph grep= histogram "       \
    "ignore-all-space ignore-blank-lines ignore-space-change inter-hunk-context= max-"     \
    "count= merge-base merges minimal name-only name-status no-color no-decorate no-ext-"  \
    "diff no-merges no-patch no-renames no-textconv numstat oneline patch patience "       \
    "pickaxe-all pretty? quiet raw relative? remotes? reverse root shortstat show-"        \
    "signature since= skip= src-prefix= staged stat? submodule? summary tags? topo-order " \
    "unified? until= after= before= walk-reflogs word-diff? word-diff-regex= "

static const struct {
    const char *name;
    bool only_listing; // operands would make something, unless a list is asked for
    const char *shorts;
    const char *longs;
} commands[] = {
    {"blame", false, "CL:lsefnpwtb", "line-porcelain porcelain date= show-email "},
    {"branch", true, "alrvq",
     "all color? contains= format= list merged no-color no-merged remotes show-current "
     "sort= verbose "},
    {"cat-file", false, "eptsv", NULL},
    {"count-objects", false, "vH", "verbose human-readable "},
    {"describe", false, "",
     "abbrev= all always contains dirty? exact-match long tags "},
    {"diff", false, "abuU?pswWzRMCDS:G:", LOOKS},
    {"diff-index", false, "pruU?sz", LOOKS},
    {"diff-tree", false, "pruU?sztm", LOOKS},
    {"for-each-ref", false, "", "count= format= sort= merged no-merged contains "},
    {"grep", false, "abcEe:FGHhIilLm:nopPqvwWA:B:C:z",
     "all-match and break cached color? count extended-regexp files-with-matches fixed-"
     "strings heading ignore-case invert-match line-number max-depth= name-only not "
     "perl-regexp quiet show-function untracked word-regexp "},
    {"log", false, "abuU?pswWzRMCDS:G:n:L:i#cmt", LOOKS},
    {"ls-files", false, "cdmosutvzk",
     "cached deleted modified others ignored stage unmerged exclude-standard full-name "},
    {"ls-tree", false, "drtlz", "long name-only name-status full-name "},
    {"merge-base", false, "a", "all is-ancestor "},
    {"name-rev", false, "", "all name-only tags always "},
    {"reflog", true, "abuU?pswn:#", LOOKS},
    {"rev-list", false, "n:#", LOOKS "count objects "},
    {"rev-parse", false, "q",
     "abbrev-ref? absolute-git-dir all git-common-dir git-dir is-bare-repository is-inside-"
     "work-tree short? show-prefix show-toplevel symbolic-full-name verify "},
    {"shortlog", false, "censw", "numbered summary email all "},
    {"show", false, "abuU?pswWzRMCDS:G:", LOOKS},
    {"show-ref", false, "dhsq", "heads tags head verify "},
    {"status", false, "sbuvz",
     "ahead-behind branch ignored? long porcelain? renames short show-stash untracked-files? "
     "verbose "},
    {"tag", true, "ln",
     "list color? contains= format= merged no-merged sort= points-at= "},
    {"version", false, "", NULL},
};

/* A revision or a path within the repository; `git diff /a /b` compares any two files. */
static bool operand_is_near(const char *text)
{
    if (text[0] == '/' || text[0] == '~' || strstr(text, ":/") == text) {
        return false;
    }
    for (const char *p = text; *p != '\0';) {
        const size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", 2) == 0) {
            return false;
        }
        p += n + (p[n] == '/' ? 1 : 0);
    }
    return true;
}

/* Wherever it stands, whatever it seems to belong to. */
static bool is_dangerous(const char *text)
{
    static const char *const words[] = {
        "--output",   "--ext-diff", "--textconv", "--exec",    "--open",   "--no-index",
        "--contents", "--filt",     "--upload",   "--receive", "--config", NULL};
    for (const char *const *word = words; *word != NULL; word++) {
        if (strncmp(text, *word, strlen(*word)) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_operands(struct reader_use *use, bool only_listing)
{
    const bool lists = use->n_words > 1 && (strcmp(use->words[1].text, "--list") == 0 ||
                                            strcmp(use->words[1].text, "-l") == 0);
    for (uint32_t i = 1; i < use->n_words; i++) {
        const struct shell_word *word = &use->words[i];
        if (is_dangerous(word->text)) {
            return use_fail(use, "an option of git that may write or run a program");
        }
        if ((word->flags & WORD_UNSURE) != 0 || !operand_is_near(word->text)) {
            return use_fail(use, "an operand that may lie outside the repository");
        }
        if (only_listing && !lists && word->text[0] != '-') {
            return use_fail(use, "it makes something of that name");
        }
    }
    return true;
}

static bool check_subcommand(struct reader_use *use)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct reader options = {commands[i].name, commands[i].shorts,
                                       commands[i].longs, OPERANDS_TEXT};
        if (strcmp(use->words[0].text, commands[i].name) == 0) {
            return check_operands(use, commands[i].only_listing) &&
                   use_options(use, &options);
        }
    }
    return use_fail(use, "a command of git that may do more than read");
}

/* Two words that together only read. */
static bool is_listing_pair(const struct reader_use *use)
{
    static const char *const pairs[][2] = {
        {"remote", "-v"}, {"stash", "list"}, {"worktree", "list"}};
    if (use->n_words == 1) {
        return strcmp(use->words[0].text, "remote") == 0;
    }
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (use->n_words == 2 && strcmp(use->words[0].text, pairs[i][0]) == 0 &&
            strcmp(use->words[1].text, pairs[i][1]) == 0) {
            return true;
        }
    }
    return false;
}

/* Below the root a folder of the tree may be a repository of its own, with a configuration
 * that runs programs. */
static bool is_at_root(const struct reader_place *place)
{
    return !place->lost && place->n_places == 1 &&
           strcmp(place->places[0], place->roots[0]) == 0;
}

bool reader_git(struct reader_use *use)
{
    static const char *const plain[] = {"--version", "--no-pager", "-P",
                                        "--no-optional-locks", NULL};
    uint32_t i = 1;
    if (!is_at_root(use->place)) {
        return use_fail(use, "git in another folder than the workspace itself");
    }
    for (; i < use->n_words && use->words[i].text[0] == '-'; i++) {
        const char *const *known = plain;
        while (*known != NULL && strcmp(*known, use->words[i].text) != 0) {
            known++;
        }
        if (*known == NULL) {
            return use_fail(use, "an option of git that may run a program");
        }
    }
    if (i == use->n_words) {
        return use_has(use, "--version") || use_fail(use, "git without a command");
    }
    struct reader_use rest = {
        .place = use->place, .words = use->words + i, .n_words = use->n_words - i};
    if (is_listing_pair(&rest) || check_subcommand(&rest)) {
        return true;
    }
    return use_fail(use, rest.why);
}
