/*
 * shell: what a shell would run, read from the text of a script.
 *
 * Source     POSIX.1-2017, Shell Command Language, section 2; the bash manual, section 3.
 * Shape      shell_parse() takes a script apart into the simple commands that it may
 *            run, wherever they stand: in pipelines, lists, groups, subshells, loops,
 *            functions, substitutions, here-documents. Their order is the text's. What
 *            runs is never more than what is listed, or the script is not understood:
 *            `why` says so, and whoever asked for a verdict asks a person.
 *
 *     "ls | (cd a && rm $x)"  -->  [ls] [cd a] [rm ?]
 *
 * Ownership  gives *out; its words point into it. shell_script_fini() ends it.
 * Errors     ERR_NOMEM. A script that cannot be understood is no error.
 * Limits     SHELL_TEXT_MAX, SHELL_DEPTH_MAX, SHELL_PARTS_MAX: over them a script is
 *            not understood. They stop one that is made to be read for ever.
 * Threads    pure functions; no shared state.
 * Tests      tests/unit/shell_test.c, tests/fuzz/shell_fuzz.c
 */
#ifndef POLICY_SHELL_H
#define POLICY_SHELL_H

#include "base/buf.h"

#define SHELL_TEXT_MAX  (128u * 1024)
#define SHELL_DEPTH_MAX 48u
#define SHELL_PARTS_MAX 16384u // words, commands, redirections: of each at most

/* Which shell will read it. What means one thing to bash and another to a plain POSIX
 * shell is understood in neither's favour: under SHELL_SH it is not understood. */
enum shell_dialect { SHELL_BASH, SHELL_SH };

/* What a word may become other than its text. */
enum {
    WORD_PARAM = 1,   // $x: anything
    WORD_SUBST = 2,   // $(…), `…`: anything; the commands inside are listed too
    WORD_GLOB = 4,    // *, ?, […]: names of files
    WORD_BRACE = 8,   // {a,b}: several words
    WORD_TILDE = 16,  // ~: a home
    WORD_SPLITS = 32, // one of the first two outside of quotes: any number of words
    WORD_QUOTED = 64, // some of it was quoted: never a reserved word
};
#define WORD_UNSURE (WORD_PARAM | WORD_SUBST | WORD_GLOB | WORD_BRACE | WORD_TILDE)

struct shell_word {
    const char *text; // quotes removed, NUL-terminated; what is unknown is left out
    uint32_t len;
    uint8_t flags;
};

enum shell_redirect_kind {
    REDIRECT_READ,  // <
    REDIRECT_WRITE, // >, >>, >|, &>, &>>, <>
    REDIRECT_COPY,  // >&2, <&3, >&-
    REDIRECT_TEXT,  // <<, <<<: from the script itself
};

struct shell_redirect {
    enum shell_redirect_kind kind;
    struct shell_word target;
};

struct shell_command {
    const struct shell_word *words;   // the name first; none: only assignments
    const struct shell_word *assigns; // NAME=value, as words
    const struct shell_redirect *redirects;
    uint32_t n_words, n_assigns, n_redirects;
};

struct shell_script {
    struct shell_command *commands;
    size_t n_commands;
    const char *why; // static; NULL: understood. Otherwise what stood in the way
    size_t why_at;   // … and where, in octets
    bool repeats;    // there are loops or functions: what is listed once may run often
    struct shell_store *store;
};

NODISCARD enum err shell_parse(struct bytes text, enum shell_dialect dialect,
                               struct shell_script *out);
void shell_script_fini(struct shell_script *s); // a zeroed one is fine

#endif
