#include <string.h>

#include "cli/commands.h"
#include "cli/help.h"

static int run_help(struct cli_args *args)
{
    if (args->n_words == 0) {
        help_overview();
        return EXIT_DONE;
    }
    if (strcmp(args->words[0], "exit-codes") == 0) {
        help_exit_codes();
        return EXIT_DONE;
    }
    if (strcmp(args->words[0], "environment") == 0) {
        help_environment();
        return EXIT_DONE;
    }
    if (strcmp(args->words[0], "man") == 0) {
        help_man();
        return EXIT_DONE;
    }
    const struct cli_command *c = command_find(args->words[0]);
    if (c == NULL) {
        const char *nearest = command_nearest(args->words[0]);
        return nearest == NULL
                   ? cli_fail(EXIT_USAGE, "no command '%s'; 'farhand help' lists them",
                              args->words[0])
                   : cli_fail(EXIT_USAGE, "no command '%s'; did you mean '%s'?",
                              args->words[0], nearest);
    }
    help_command(c);
    return EXIT_DONE;
}

const struct cli_command cmd_help = {
    .name = "help",
    .words = "[COMMAND|exit-codes|environment|man]",
    .summary = "say more about a command",
    .text = "",
    .most_words = 1,
    .run = run_help,
};

static int run_version(struct cli_args *args)
{
    (void)args;
    cli_say("farhand %s", FARHAND_VERSION);
    return EXIT_DONE;
}

const struct cli_command cmd_version = {
    .name = "version",
    .words = "",
    .summary = "print the version",
    .text = "",
    .run = run_version,
};

static int run_completion(struct cli_args *args)
{
    if (help_completion(args->words[0]) != OK) {
        return cli_fail(EXIT_USAGE,
                        "completions exist for bash, zsh and fish, not for '%s'",
                        args->words[0]);
    }
    return EXIT_DONE;
}

const struct cli_command cmd_completion = {
    .name = "completion",
    .words = "bash|zsh|fish",
    .summary = "print the shell completion",
    .text = "For bash: farhand completion bash >/etc/bash_completion.d/farhand",
    .least_words = 1,
    .most_words = 1,
    .run = run_completion,
};
