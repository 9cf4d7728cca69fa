#include "cli/commands.h"
#include "cli/local_call.h"

static int run_stop(struct cli_args *args)
{
    json_t *params = json_object();
    json_t *result = NULL;
    json_set_bool(params, "agent", !cli_has(args, "keep-agent"));
    const int code = local_call(args, "farhand/stop", params, &result);
    json_decref(result);
    if (code == EXIT_DONE) {
        cli_say(cli_has(args, "keep-agent") ? "The host ends; the agent lives on."
                                            : "Host and agent end; a running turn may "
                                              "finish first.");
    }
    return code;
}

static const struct cli_option options[] = {
    {"keep-agent", NULL, "end the host only"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_stop = {
    .name = "stop",
    .words = "",
    .summary = "end the host and the agent it started",
    .text = "An agent that was joined (somebody else's) is never ended.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_stop,
};
