#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/local_call.h"

static int set(const struct cli_args *args, const char *folder, json_t *answer)
{
    char real[PATH_MAX];
    const bool forgets = json_is_null(answer);
    json_t *params = json_object();
    json_t *result = NULL;
    // what is gone is forgotten under the name that it had
    json_set_str(params, "path", realpath(folder, real) != NULL ? real : folder);
    json_set(params, "trusted", answer);
    const bool yes = json_is_true(json_object_get(params, "trusted"));
    const int code = local_call(args, "farhand/trust/set", params, &result);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(result);
    } else if (code == EXIT_DONE) {
        cli_say(forgets ? "%s is asked about again."
                : yes   ? "%s is trusted: its .farhand/policy.toml counts."
                        : "%s is not trusted, and not asked about again.",
                folder);
    }
    json_decref(result);
    return code;
}

static void print_row(const json_t *row)
{
    const bool trusted = json_get_bool(row, "trusted", false);
    cli_say("%-11s  %s%s", trusted ? "trusted" : "not trusted",
            json_get_str(row, "path"),
            json_get_bool(row, "holds", false)
                ? ""
                : "  (another folder is there now, or none: this counts no more)");
}

static int list(const struct cli_args *args)
{
    json_t *result = NULL;
    const int code = local_call(args, "farhand/trust/list", json_object(), &result);
    const json_t *rows = json_get_arr(result, "data");
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(result);
    } else if (code == EXIT_DONE) {
        size_t i;
        json_t *row;
        json_array_foreach(rows, i, row)
        {
            print_row(row);
        }
        if (json_array_size(rows) == 0) {
            cli_say("No folder is trusted: 'farhand trust DIR' says that one is.");
        }
    }
    json_decref(result);
    return code;
}

static int run_trust(struct cli_args *args)
{
    const char *verb = args->words[0];
    if (strcmp(verb, "list") == 0 && args->n_words == 1) {
        return list(args);
    }
    if (strcmp(verb, "remove") == 0 && args->n_words == 2) {
        return set(args, args->words[1], json_null());
    }
    if (strcmp(verb, "decline") == 0 && args->n_words == 2) {
        return set(args, args->words[1], json_false());
    }
    if (args->n_words == 1) {
        return set(args, verb, json_true());
    }
    return cli_fail(EXIT_USAGE,
                    "farhand trust takes DIR, list, remove DIR or decline DIR");
}

static const struct cli_option options[] = {
    {"json", NULL, "JSON on stdout"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_trust = {
    .name = "trust",
    .words = "DIR | list | remove DIR | decline DIR",
    .summary = "say of a folder that its own rules count",
    .text =
        "What a repository brings along (.farhand/policy.toml, which may ask and deny, "
        "never allow) counts only in a folder that you trusted. It is that folder: "
        "another one that is put in its place, or a link to it, is not trusted. "
        "'decline' answers no, so that the page asks no more; 'remove' forgets the "
        "answer.",
    .options = options,
    .n_options = COUNT(options),
    .least_words = 1,
    .most_words = 2,
    .run = run_trust,
};
