/*
 * cli: commands as tables.
 *
 * Shape      one file per command, ending in one `const struct cli_command` row;
 *            commands.c lists the rows. Help, the man page and the completions
 *            are made from the rows, so they cannot disagree with the parser.
 * Ownership  everything in a row is static. `struct cli_args` borrows argv.
 * Errors     a bad command line prints one sentence with the nearest valid word
 *            and gives EXIT_USAGE; the command is not run.
 * Limits     CLI_WORDS_MAX words and CLI_VALUES_MAX options on a command line.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "cli/exit.h"

#define CLI_WORDS_MAX  64
#define CLI_VALUES_MAX 64

struct cli_option {
    const char *name;  // without the dashes
    const char *value; // name of its value in the help; NULL: a switch; "[X]": may
                       // be left out, and then reads as ""
    const char *text;  // one line
};

struct cli_args;

struct cli_command {
    const char *name;    // also the name of its own completion
    const char *words;   // synopsis of the words that follow, e.g. "URL|PHRASE"
    const char *summary; // one line, lower case, no full stop
    const char *text;    // paragraphs for help and man page
    const struct cli_option *options;
    size_t n_options;
    size_t least_words; // fewer than this is a usage error
    size_t most_words;
    int (*run)(struct cli_args *args); // the exit code
};

struct cli_value {
    const struct cli_option *option;
    const char *value; // NULL for a switch
};

struct cli_args {
    const struct cli_command *command;
    const char *program; // argv[0], for finding what is installed beside it
    char *const *argv;   // the whole command line, NULL at the end
    const char *words[CLI_WORDS_MAX];
    size_t n_words;
    const char *const *rest; // what follows "--", untouched
    size_t n_rest;
    struct cli_value values[CLI_VALUES_MAX];
    size_t n_values;
};

/* Options every command has. */
#define CLI_COMMON_OPTIONS                                                  \
    {"home", "DIR", "state folder (default: $FARHAND_HOME or ~/.farhand)"}, \
        {"verbose", NULL, "say more in the log"},                           \
    {                                                                       \
        "help", NULL, "this help"                                           \
    }

/* Parses and runs; the exit code of the process. */
int cli_main(int argc, char **argv);

bool cli_has(const struct cli_args *args, const char *option);
const char *cli_value(const struct cli_args *args, const char *option); // last; or NULL
/* The values of a repeated option, in order; how many there were. */
size_t cli_all(const struct cli_args *args, const char *option, const char **out,
               size_t max);

/* The state folder, made 0700 when it is missing. On failure the sentence has been
 * printed: exit with EXIT_HOME. */
NODISCARD enum err cli_home(const struct cli_args *args, char out[PATH_MAX]);

/* Prints "farhand: …" (red on a terminal) to stderr; returns `code`. */
PRINTF(2, 3) int cli_fail(int code, const char *format, ...);

/* Prints one line to stdout. */
PRINTF(1, 2) void cli_say(const char *format, ...);

bool cli_is_terminal(void); // stdout is one, and colours are wanted

/* The terminal sequences, or "" when colours are not wanted. */
const char *cli_bold(void);
const char *cli_dim(void);
const char *cli_red(void);
const char *cli_green(void);
const char *cli_yellow(void);
const char *cli_plain(void);

#endif
