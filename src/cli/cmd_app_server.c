#include <unistd.h>

#include "base/log.h"
#include "cli/cause_exit.h"
#include "cli/commands.h"
#include "client/stdio.h"
#include "crypto/random.h"

static int run_app_server(struct cli_args *args)
{
    char home[PATH_MAX];
    struct diag d = {.text = ""};
    struct target target;
    crypto_init();
    if (!cli_has(args, "verbose")) {
        log_set_level(LOG_ERROR); // people read sentences, not log lines
    }
    if (!cli_has(args, "stdio")) {
        return cli_fail(EXIT_USAGE,
                        "say --stdio; an address to dial is what 'farhand attach "
                        "--print' gives");
    }
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    const enum err e = target_find(home, cli_value(args, "host"), &target, &d);
    if (e != OK) {
        return cli_fail(find_exit(e), "%s", d.text);
    }
    const struct reach_options reach = {
        .home = home, .program = args->program, .target = &target};
    const enum link_cause cause = stdio_run(&reach, STDIN_FILENO, STDOUT_FILENO, &d);
    return cause == LINK_OK ? EXIT_DONE : cli_fail(cause_exit(cause), "%s", d.text);
}

static const struct cli_option options[] = {
    {"stdio", NULL, "one JSON text a line on stdin and stdout"},
    {"host", "NAME", "a joined host, or 'local' (default: the local one, if it runs)"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_app_server = {
    .name = "app-server",
    .words = "",
    .summary = "be an app-server on stdin and stdout, for editors and scripts",
    .text =
        "Speaks what 'codex app-server' speaks on stdio, carried to the host: begin "
        "with initialize. Ends with its input.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_app_server,
};
