/*
 * shell_priv: what the reader of words and the reader of grammar share.
 *
 * Shape      text, words and commands go into growing arrays by offset; the pointers
 *            of shell.h are set when the arrays have stopped growing. A word, and the
 *            words of a command, are gathered on stacks (`scratch`, `stack`) first: a
 *            substitution in the middle of one lists commands of its own meanwhile.
 */
#ifndef POLICY_SHELL_PRIV_H
#define POLICY_SHELL_PRIV_H

#include "policy/shell.h"

struct rough_word {
    uint32_t at, len; // in store.text
    uint8_t flags;
};

struct rough_redirect {
    enum shell_redirect_kind kind;
    struct rough_word target;
};

struct rough_command {
    uint32_t word, n_words, assign, n_assigns, redirect, n_redirects;
};

struct rough_list {
    void *at;
    uint32_t len, cap;
};

struct heredoc {
    struct rough_word end;
    bool quoted; // nothing in it is expanded
    bool tabs;   // <<-: leading tabs are dropped
};

#define HEREDOCS_MAX 16u

struct shell_store {
    struct buf text;             // finished words, each with a NUL
    struct rough_list words;     // struct rough_word, of finished commands
    struct rough_list redirects; // struct rough_redirect, likewise
    struct rough_list commands;  // struct rough_command
    struct shell_word *out_words;
    struct shell_redirect *out_redirects;
};

struct shell_reader {
    struct bytes in;
    size_t at;
    enum shell_dialect dialect;
    unsigned depth;
    unsigned n_substitutions; // that are open here
    enum err err;             // ERR_NOMEM: nothing else is a failure of ours
    const char *why; // the first obstacle; from then on every reader returns false
    size_t why_at;
    bool repeats;
    struct shell_store *store;
    struct buf scratch;                    // the words being read, innermost last
    struct rough_list stack;               // struct rough_word: words of open commands
    struct rough_list redirected;          // struct rough_redirect: likewise
    struct heredoc heredocs[HEREDOCS_MAX]; // announced, their text not yet reached
    unsigned n_heredocs;
};

/* ---- shell.c ---- */
NODISCARD bool reader_fail(struct shell_reader *r, const char *why); // false, always
NODISCARD bool reader_enter(struct shell_reader *r); // one level deeper, or it fails
void reader_leave(struct shell_reader *r);
NODISCARD bool rough_push(struct shell_reader *r, struct rough_list *list,
                          const void *item, size_t size);
int reader_peek(const struct shell_reader *r, size_t ahead); // -1: the end
bool reader_is(const struct shell_reader *r, const char *text);

/* ---- shell_word.c ---- */
/* At the first character of a word. */
NODISCARD bool word_read(struct shell_reader *r, struct rough_word *out);
/* The text of a here-document or of an arithmetic expansion: what is expanded in it. */
NODISCARD bool word_scan_expansions(struct shell_reader *r, size_t end);
bool word_ends_at(int c); // a blank, a newline, an operator, the end
NODISCARD bool word_put(struct shell_reader *r, int c);

/* ---- shell_expand.c ---- */
/* At a `$` or a backtick; `quoted`: within double quotes. */
NODISCARD bool expand_dollar(struct shell_reader *r, bool quoted, uint8_t *flags);
NODISCARD bool expand_backtick(struct shell_reader *r, bool quoted, uint8_t *flags);

/* ---- shell_grammar.c ---- */
/* Up to the end, or to the `)` that closes it (not consumed). */
NODISCARD bool grammar_program(struct shell_reader *r);

/* ---- shell_command.c ---- */
NODISCARD bool grammar_simple(struct shell_reader *r);
NODISCARD bool grammar_redirects(struct shell_reader *r); // after a compound command
void grammar_blanks(struct shell_reader *r); // blanks, comments, continued lines
NODISCARD bool grammar_newline(struct shell_reader *r); // and the here-documents

#endif
