/*
 * reader: the commands that only read, and what they read.
 *
 * Source     the manuals of GNU coreutils 9.1, findutils, grep, sed, ripgrep and git.
 * Shape      a table: name, the options that neither write nor run nor name files that
 *            cannot be seen here, and what the operands are. An option that is not
 *            listed, an abbreviation, a word that is not sure: no reader.
 * Ownership  the ask is borrowed.
 * Threads    pure, but for the caller's `inside`.
 * Tests      tests/unit/policy_test.c over tests/vectors/verdicts.tsv
 */
#ifndef POLICY_READER_H
#define POLICY_READER_H

#include "policy/shell.h"

#define PATH_TEXT_MAX 4096u // as PATH_MAX: a longer one is nobody's file
#define PLACES_MAX    8u    // working folders that a script may be in after its `cd`s

/* Where a script reads. Folders are absolute, without links. */
struct reader_place {
    const char *const *roots; // the workspace; NULL-terminated
    char places[PLACES_MAX][PATH_TEXT_MAX];
    unsigned n_places;
    bool repeats; // what is judged once may run often
    bool lost;    // a `cd` could not be followed: relative names may be anywhere

    /* Does it lie within, links followed? `path` is absolute and lexically within;
     * `pattern`: it holds wildcards in its last part. NULL: the words alone decide. */
    bool (*inside)(void *user, const char *path, bool pattern);
    void *user;
};

/* *why (static) says what is against it. */
bool reader_runs_alone(struct reader_place *place, const struct shell_word *words,
                       uint32_t n_words, const char **why);

/* The same for a file that is read by redirection. */
bool reader_may_read(const struct reader_place *place, const struct shell_word *path);

/* `path` below `from` (absolute) unless it is absolute, without `.` and `..`: as text, no
 * file is looked at. False: longer than `size`. */
NODISCARD bool path_absolute(const char *from, const char *path, char *out,
                             size_t size);

/* Has it a part `..`? */
bool path_goes_up(const char *path);

/* A name alone, or one in a folder of the system's programs; otherwise NULL. */
const char *program_name(const struct shell_word *word);

#endif
