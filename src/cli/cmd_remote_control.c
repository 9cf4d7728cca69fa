#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "cli/remote_start.h"

static int run_pair(const struct cli_args *args)
{
    json_t *params = json_object();
    json_t *result = NULL;
    json_set_bool(params, "manualCode", true);
    if (cli_value(args, "role") != NULL) {
        json_t *ours = json_object();
        json_set_str(ours, "role", cli_value(args, "role"));
        json_set(params, "farhand", ours);
    }
    const int code = local_call(args, "remoteControl/pairing/start", params, &result);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(result);
    } else if (code == EXIT_DONE) {
        const char *phrase = json_get_str(result, "manualPairingCode");
        const char *url = json_get_str(json_get_obj(result, "farhand"), "url");
        cli_say("Pairing code: %s", phrase == NULL ? "-" : phrase);
        if (url != NULL) {
            cli_say("Link: %s", url);
        }
        cli_say("Then compare the digits and run 'farhand pair confirm'.");
    }
    json_decref(result);
    return code;
}

static int run_foreground(struct cli_args *args)
{
    struct cli_args up = *args;
    up.command = &cmd_up;
    up.n_words = 0;
    return cmd_up.run(&up);
}

static int run_remote_control(struct cli_args *args)
{
    const char *verb = args->n_words == 0 ? "" : args->words[0];
    if (verb[0] == '\0') {
        return run_foreground(args);
    }
    if (strcmp(verb, "start") == 0) {
        return remote_start(args);
    }
    if (strcmp(verb, "stop") == 0) {
        return cmd_stop.run(args);
    }
    if (strcmp(verb, "pair") == 0) {
        return run_pair(args);
    }
    return cli_fail(EXIT_USAGE,
                    "farhand remote-control takes start, stop or pair, not '%s'", verb);
}

static const struct cli_option options[] = {
    REMOTE_START_OPTIONS,
    {"no-code", NULL, "show no pairing code in the foreground"},
    {"json", NULL, "JSON on stdout"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_remote_control = {
    .name = "remote-control",
    .words = "[start | stop | pair]",
    .summary = "the same under Codex's names",
    .text =
        "'start' returns when the host is ready and outlives the terminal; 'pair' prints "
        "a phrase; 'stop' ends host and agent. Without a word it runs in the foreground.",
    .options = options,
    .n_options = COUNT(options),
    .most_words = 1,
    .run = run_remote_control,
};
