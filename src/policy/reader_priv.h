/*
 * reader_priv: what the table of readers and the readers with a check of their own share.
 */
#ifndef POLICY_READER_PRIV_H
#define POLICY_READER_PRIV_H

#include "policy/reader.h"

enum operands {
    OPERANDS_PATHS, // files and folders, any number
    OPERANDS_ONE,   // at most one file: a second one would be written
    OPERANDS_TEXT,  // words
    OPERANDS_NONE,
    OPERANDS_REGEX, // a pattern unless an option gave it, then files
};

/* Options in one string each. Short: a letter; `:` behind it: takes a text; `/`: takes a
 * file; `?`: may take a text, in
 * the same word only; `#`: a number may stand as an option (-20). Long: words with a blank behind each;
 * `=`: takes a text; `/`: takes a file; `?`: may take a text, behind `=` only. */
struct reader {
    const char *name;
    const char *shorts;
    const char *longs; // NULL: none
    enum operands operands;
};

struct reader_use {
    struct reader_place *place;
    const struct shell_word *words; // the name first
    uint32_t n_words;
    const char *why; // static: the first thing against it
};

NODISCARD bool use_fail(struct reader_use *use, const char *why); // false, always
NODISCARD bool use_options(struct reader_use *use, const struct reader *reader);
bool use_has(const struct reader_use *use, const char *word);

/* ---- reader_path.c ---- */
bool place_is_home(const struct reader_place *place); // where it is now, for certain
bool place_has(const struct reader_place *place, const struct shell_word *word);
NODISCARD bool place_enter(struct reader_place *place, const struct shell_word *word);

/* ---- reader_git.c ---- */
NODISCARD bool reader_git(struct reader_use *use);

/* ---- reader_special.c: those that a table of options does not describe ---- */
typedef bool reader_check_fn(struct reader_use *use);
reader_check_fn *special_find(const char *name); // NULL: not one of them

#endif
