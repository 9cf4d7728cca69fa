#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/help.h"

static bool colours_on(int fd)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fd) == 1 && (no_colour == NULL || no_colour[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

bool cli_is_terminal(void)
{
    return colours_on(STDOUT_FILENO);
}

const char *cli_bold(void)
{
    return cli_is_terminal() ? "\033[1m" : "";
}

const char *cli_dim(void)
{
    return cli_is_terminal() ? "\033[2m" : "";
}

const char *cli_red(void)
{
    return cli_is_terminal() ? "\033[31m" : "";
}

const char *cli_green(void)
{
    return cli_is_terminal() ? "\033[32m" : "";
}

const char *cli_yellow(void)
{
    return cli_is_terminal() ? "\033[33m" : "";
}

const char *cli_plain(void)
{
    return cli_is_terminal() ? "\033[0m" : "";
}

int cli_fail(int code, const char *format, ...)
{
    const bool colours = colours_on(STDERR_FILENO);
    va_list args;
    va_start(args, format);
    (void)fputs(colours ? "\033[31mfarhand:\033[0m " : "farhand: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return code;
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    (void)putchar('\n');
    (void)fflush(stdout);
    va_end(args);
}

bool cli_has(const struct cli_args *args, const char *option)
{
    for (size_t i = 0; i < args->n_values; i++) {
        if (strcmp(args->values[i].option->name, option) == 0) {
            return true;
        }
    }
    return false;
}

size_t cli_all(const struct cli_args *args, const char *option, const char **out,
               size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < args->n_values; i++) {
        if (strcmp(args->values[i].option->name, option) == 0 && n < max) {
            out[n++] = args->values[i].value;
        }
    }
    return n;
}

const char *cli_value(const struct cli_args *args, const char *option)
{
    const char *last = NULL;
    for (size_t i = 0; i < args->n_values; i++) {
        if (strcmp(args->values[i].option->name, option) == 0) {
            last = args->values[i].value;
        }
    }
    return last;
}

static const char *wanted_home(const struct cli_args *args, char out[PATH_MAX])
{
    const char *home = cli_value(args, "home");
    if (home == NULL) {
        home = getenv("FARHAND_HOME");
    }
    if (home != NULL && home[0] != '\0') {
        return home;
    }
    const char *user_home = getenv("HOME");
    if (user_home == NULL ||
        text_format(out, PATH_MAX, "%s/.farhand", user_home) != OK) {
        return NULL;
    }
    return out;
}

enum err cli_home(const struct cli_args *args, char out[PATH_MAX])
{
    char scratch[PATH_MAX];
    const char *home = wanted_home(args, scratch);
    if (home == NULL) {
        (void)cli_fail(EXIT_HOME,
                       "no state folder: set HOME, FARHAND_HOME or --home DIR");
        return ERR_NOT_FOUND;
    }
    enum err e = file_make_dir(home, 0700);
    if (e == OK && (realpath(home, out) == NULL || access(out, W_OK | X_OK) != 0)) {
        e = ERR_IO;
    }
    if (e != OK) {
        (void)cli_fail(EXIT_HOME,
                       "the state folder %s cannot be used: %s. Choose another with "
                       "--home DIR, or make it yours and writable",
                       home,
                       e == ERR_DENIED ? "it is not yours, or others may write to it"
                                       : strerrordesc_np(errno));
    }
    return e;
}

static const struct cli_option *option_find(const struct cli_command *command,
                                            const char *name, size_t len)
{
    for (size_t i = 0; i < command->n_options; i++) {
        const char *candidate = command->options[i].name;
        if (strlen(candidate) == len && strncmp(candidate, name, len) == 0) {
            return &command->options[i];
        }
    }
    return NULL;
}

static int unknown_option(const struct cli_command *command, const char *word)
{
    const char *names[CLI_VALUES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < command->n_options && n < COUNT(names); i++) {
        names[n++] = command->options[i].name;
    }
    const char *nearest = text_nearest(word + strspn(word, "-"), names, n);
    if (nearest != NULL) {
        return cli_fail(EXIT_USAGE, "unknown option %s; did you mean --%s?", word,
                        nearest);
    }
    return cli_fail(EXIT_USAGE, "unknown option %s; see 'farhand help %s'", word,
                    command->name);
}

/* One option at argv[*at]; moves *at past a separate value. EXIT_DONE or the code. */
static int parse_option(struct cli_args *args, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const bool is_short = strcmp(word, "-h") == 0 || strcmp(word, "-n") == 0;
    const char *name = strcmp(word, "-h") == 0   ? "help"
                       : strcmp(word, "-n") == 0 ? "last"
                                                 : word + strspn(word, "-");
    const size_t len = strcspn(name, "=");
    const struct cli_option *option = option_find(args->command, name, len);
    if (option == NULL || (word[1] != '-' && !is_short)) {
        return unknown_option(args->command, word);
    }
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    if (option->value == NULL && value != NULL) {
        return cli_fail(EXIT_USAGE, "--%s takes no value", option->name);
    }
    if (option->value != NULL && value == NULL) {
        const bool optional = option->value[0] == '[';
        const bool more = *at + 1 < argc;
        if (!more && !optional) {
            return cli_fail(EXIT_USAGE, "--%s needs %s", option->name, option->value);
        }
        value = more && !(optional && argv[*at + 1][0] == '-') ? argv[++*at] : "";
    }
    if (args->n_values == CLI_VALUES_MAX) {
        return cli_fail(EXIT_USAGE, "too many options");
    }
    args->values[args->n_values++] = (struct cli_value){option, value};
    return EXIT_DONE;
}

static int parse(struct cli_args *args, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            args->rest = (const char *const *)&argv[i + 1];
            args->n_rest = (size_t)(argc - i - 1);
            break;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            const int code = parse_option(args, argc, argv, &i);
            if (code != EXIT_DONE) {
                return code;
            }
            continue;
        }
        if (args->n_words == CLI_WORDS_MAX) {
            return cli_fail(EXIT_USAGE, "too many words");
        }
        args->words[args->n_words++] = argv[i];
    }
    return EXIT_DONE;
}

static int check_words(const struct cli_args *args)
{
    const struct cli_command *c = args->command;
    if (args->n_words < c->least_words) {
        return cli_fail(EXIT_USAGE, "usage: farhand %s %s (see 'farhand help %s')",
                        c->name, c->words, c->name);
    }
    if (args->n_words > c->most_words) {
        return cli_fail(EXIT_USAGE, "'%s' is one word too many; see 'farhand help %s'",
                        args->words[c->most_words], c->name);
    }
    return EXIT_DONE;
}

static int unknown_command(const char *name)
{
    const char *nearest = command_nearest(name);
    if (nearest != NULL) {
        return cli_fail(EXIT_USAGE, "no command '%s'; did you mean '%s'?", name,
                        nearest);
    }
    return cli_fail(EXIT_USAGE, "no command '%s'; 'farhand help' lists them", name);
}

static const char *first_word(char **argv)
{
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return "help";
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        return "version";
    }
    return argv[1];
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        help_overview();
        return EXIT_USAGE;
    }
    const char *name = first_word(argv);
    struct cli_args args = {
        .program = argv[0], .argv = argv, .command = command_find(name)};
    if (args.command == NULL) {
        return unknown_command(name);
    }
    int code = parse(&args, argc, argv);
    if (code != EXIT_DONE) {
        return code;
    }
    if (cli_has(&args, "help")) {
        help_command(args.command);
        return EXIT_DONE;
    }
    if (cli_has(&args, "verbose")) {
        log_set_level(LOG_DEBUG);
    }
    code = check_words(&args);
    return code == EXIT_DONE ? args.command->run(&args) : code;
}
