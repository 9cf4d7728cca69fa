#include "cli/cause_exit.h"
#include "cli/commands.h"
#include "client/joined.h"
#include "client/keeper.h"
#include "crypto/random.h"

static int run_session(struct cli_args *args)
{
    char home[PATH_MAX];
    char id[JOINED_ID_SIZE];
    struct diag d = {.text = ""};
    struct link_joined joined;
    crypto_init();
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    enum err e = joined_find(home, cli_value(args, "host"), &joined, &d);
    if (e != OK) {
        return cli_fail(find_exit(e), "%s", d.text);
    }
    joined_id(&joined, id);
    link_joined_wipe(&joined);
    const struct keeper_options options = {
        .home = home, .host_id = id, .ca_file = cli_value(args, "ca")};
    e = keeper_run(&options, &d);
    if (e == OK) {
        return EXIT_DONE;
    }
    return cli_fail(e == ERR_EXISTS ? EXIT_RUNNING : find_exit(e), "%s", d.text);
}

static const struct cli_option options[] = {
    {"host", "NAME", "the joined host (default: the only one)"},
    {"ca", "FILE", "authorities to trust besides the system's, for wss:// relays"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_session = {
    .name = "session",
    .words = "",
    .summary = "keep the session with a joined host (started by itself when needed)",
    .text = "attach, rpc and app-server start it in the background; any number of them "
            "share it. It ends after ten minutes without use.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_session,
};
