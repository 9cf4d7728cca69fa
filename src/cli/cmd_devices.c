#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "cli/terms.h"
#include "crypto/random.h"

/* The host's environmentId, given; NULL after a sentence. */
static char *environment(const struct cli_args *args, int *code)
{
    json_t *status = NULL;
    char *id = NULL;
    *code = target_call(args, "farhand/status", json_object(), &status);
    if (*code == EXIT_DONE) {
        id = mem_strdup(json_get_str(json_get_obj(status, "host"), "hostId"));
    }
    json_decref(status);
    return id;
}

static void print_row(const json_t *row)
{
    const json_t *ours = json_get_obj(row, "farhand");
    char limits[TERMS_TEXT_SIZE];
    terms_text(ours, limits);
    cli_say("%.12s  %-9s  %-9s  %s%s", json_get_str(row, "clientId"),
            json_get_str(ours, "role"),
            json_get_bool(ours, "connected", false) ? "connected" : "away",
            json_get_str(row, "displayName"), limits);
}

static int list(const struct cli_args *args)
{
    int code;
    char *id = environment(args, &code);
    if (code != EXIT_DONE) {
        return code;
    }
    json_t *params = json_object();
    json_set_str(params, "environmentId", id);
    mem_free(id);
    json_t *result = NULL;
    code = target_call(args, "remoteControl/client/list", params, &result);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(result);
    } else if (code == EXIT_DONE) {
        size_t i;
        json_t *row;
        json_array_foreach(json_get_arr(result, "data"), i, row)
        {
            print_row(row);
        }
        if (json_array_size(json_get_arr(result, "data")) == 0) {
            cli_say("No device is paired: 'farhand pair' makes a code.");
        }
    }
    json_decref(result);
    return code;
}

static int update(const struct cli_args *args, const char *key, json_t *value)
{
    json_t *params = json_object();
    json_t *result = NULL;
    json_set_str(params, "clientId", args->words[1]);
    json_set(params, key, value);
    const int code = target_call(args, "farhand/device/update", params, &result);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(result);
    } else if (code == EXIT_DONE) {
        print_row(result);
    }
    json_decref(result);
    return code;
}

static int limit_threads(const struct cli_args *args)
{
    return update(args, "threads", terms_threads(&args->words[2], args->n_words - 2));
}

static int limit_time(const struct cli_args *args)
{
    json_t *until = NULL;
    const int code = terms_until(args->words[2], &until);
    return code == EXIT_DONE ? update(args, "until", until) : code;
}

static int revoke(const struct cli_args *args)
{
    int code;
    char *id = environment(args, &code);
    if (code != EXIT_DONE) {
        return code;
    }
    json_t *params = json_object();
    json_set_str(params, "environmentId", id);
    json_set_str(params, "clientId", args->words[1]);
    mem_free(id);
    json_t *result = NULL;
    code = target_call(args, "remoteControl/client/revoke", params, &result);
    if (code == EXIT_DONE && !cli_has(args, "json")) {
        cli_say("Revoked: it can neither read nor act any more, and cannot come back "
                "without a new pairing.");
    }
    json_decref(result);
    return code;
}

static int run_devices(struct cli_args *args)
{
    const char *verb = args->n_words == 0 ? "list" : args->words[0];
    crypto_init();
    if (strcmp(verb, "list") == 0 && args->n_words <= 1) {
        return list(args);
    }
    static const struct {
        const char *verb, *key;
    } texts[] = {{"rename", "displayName"}, {"person", "person"}, {"role", "role"}};
    for (size_t i = 0; i < COUNT(texts) && args->n_words == 3; i++) {
        if (strcmp(verb, texts[i].verb) == 0) {
            return update(args, texts[i].key, json_string(args->words[2]));
        }
    }
    if (strcmp(verb, "threads") == 0 && args->n_words >= 3) {
        return limit_threads(args);
    }
    if (strcmp(verb, "until") == 0 && args->n_words == 3) {
        return limit_time(args);
    }
    if (strcmp(verb, "revoke") == 0 && args->n_words == 2) {
        return revoke(args);
    }
    return cli_fail(
        EXIT_USAGE,
        "usage: farhand devices [list | rename DEVICE NAME | person "
        "DEVICE NAME | role DEVICE ROLE | threads DEVICE ID… | until DEVICE "
        "TIME | revoke DEVICE]");
}

static const struct cli_option options[] = {
    {"host", "NAME", "a joined host, or 'local' (default: the local one, if it runs)"},
    {"json", NULL, "JSON on stdout"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_devices = {
    .name = "devices",
    .words = "[list | rename DEVICE NAME | person DEVICE NAME | role DEVICE ROLE | "
             "threads DEVICE ID… | until DEVICE TIME | revoke DEVICE]",
    .summary = "who is paired; rename, change the role, limit, revoke",
    .text =
        "DEVICE is its id, the beginning of it (4 digits or more), or its name. A "
        "revocation takes effect at once. 'person' says whose device it is: where "
        "approvals want several people, devices of one person count once, and "
        "those of nobody named are all one person's. 'threads' holds a device to these "
        "threads ('all': to none), 'until' ends its invitation at that time ('never': "
        "no end; TIME as in 'farhand pair --until'); both count at once.\n\n"
        "With --host an owner's machine does all of it from anywhere, which is what "
        "a lost phone asks for: farhand devices --host desk revoke Pixel.",
    .options = options,
    .n_options = COUNT(options),
    .most_words = CLI_WORDS_MAX,
    .run = run_devices,
};
