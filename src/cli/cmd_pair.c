#include <string.h>

#include "base/text.h"
#include "cli/cause_exit.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "cli/pair_term.h"
#include "cli/terms.h"
#include "client/reach.h"
#include "crypto/random.h"
#include "loop/loop.h"

struct pair_run {
    struct loop *loop;
    struct pair_term *term;
    int exit_code;
};

static void on_ended(void *user, int exit_code)
{
    struct pair_run *run = user;
    run->exit_code = exit_code;
    pair_term_close(run->term);
    loop_stop(run->loop);
}

/* The socket of the host that is meant; of a joined one only once it has answered. */
static int find_socket(const struct cli_args *args, const char *home,
                       struct target *out)
{
    struct diag why = {.text = ""};
    json_t *status = NULL;
    const enum err e = target_find(home, cli_value(args, "host"), out, &why);
    if (e != OK) {
        return cli_fail(find_exit(e), "%s", why.text);
    }
    const int code = out->local
                         ? EXIT_DONE
                         : target_call(args, "farhand/status", json_object(), &status);
    json_decref(status);
    return code;
}

/* `farhand pair`: a new code, and the question when somebody comes. */
static int pair_here(const struct cli_args *args, const char *home)
{
    struct target target;
    struct pair_run run = {.loop = NULL};
    json_t *limits = NULL;
    int code = find_socket(args, home, &target);
    if (code == EXIT_DONE) {
        code = terms_read(args, &limits);
    }
    if (code != EXIT_DONE) {
        return code;
    }
    run.loop = loop_create();
    const struct pair_term_options options = {.socket = target.socket,
                                              .view = {.role = cli_value(args, "role"),
                                                       .limits = limits,
                                                       .json = cli_has(args, "json"),
                                                       .confirm = true},
                                              .ended = on_ended,
                                              .user = &run};
    run.term = pair_term_open(run.loop, &options);
    loop_run(run.loop);
    loop_destroy(run.loop);
    json_decref(limits);
    return run.exit_code;
}

static int pair_answer(const struct cli_args *args, bool accept)
{
    json_t *params = json_object();
    if (args->n_words > 1) {
        json_set_str(params, "pairingId", args->words[1]);
    }
    json_set_bool(params, "accept", accept);
    json_t *result = NULL;
    const int code = target_call(args, "farhand/pairing/confirm", params, &result);
    json_decref(result);
    if (code == EXIT_DONE && !cli_has(args, "json")) {
        cli_say(accept ? "Confirmed." : "Declined: the code is spent.");
    }
    return code;
}

static int pair_cancel(const struct cli_args *args)
{
    json_t *params = json_object();
    if (args->n_words > 1) {
        json_set_str(params, "pairingId", args->words[1]);
    }
    json_t *result = NULL;
    const int code = target_call(args, "farhand/pairing/cancel", params, &result);
    json_decref(result);
    return code;
}

static int pair_unlock(const struct cli_args *args)
{
    json_t *result = NULL;
    const int code =
        target_call(args, "farhand/pairing/unlock", json_object(), &result);
    json_decref(result);
    if (code == EXIT_DONE) {
        cli_say("Phrases work again.");
    }
    return code;
}

static void print_row(const json_t *row)
{
    const char *sas = json_get_str(row, "sas");
    const char *device = json_get_str(row, "deviceName");
    cli_say("%.12s  %-10s  %-9s  %s  %s", json_get_str(row, "pairingId"),
            json_get_str(row, "state"), json_get_str(row, "role"),
            sas == NULL ? "" : sas, device == NULL ? "" : device);
}

static int pair_list(const struct cli_args *args)
{
    json_t *result = NULL;
    const int code = target_call(args, "farhand/pairing/list", json_object(), &result);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(result);
    } else if (code == EXIT_DONE) {
        size_t i;
        json_t *row;
        json_array_foreach(json_get_arr(result, "data"), i, row)
        {
            print_row(row);
        }
    }
    json_decref(result);
    return code;
}

static int run_pair(struct cli_args *args)
{
    char home[PATH_MAX];
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    crypto_init();
    if (args->n_words == 0) {
        return pair_here(args, home);
    }
    const char *verb = args->words[0];
    if (strcmp(verb, "confirm") == 0 || strcmp(verb, "decline") == 0) {
        return pair_answer(args, verb[0] == 'c');
    }
    if (strcmp(verb, "cancel") == 0) {
        return pair_cancel(args);
    }
    if (strcmp(verb, "list") == 0) {
        return pair_list(args);
    }
    if (strcmp(verb, "unlock") == 0) {
        return pair_unlock(args);
    }
    return cli_fail(EXIT_USAGE,
                    "farhand pair takes confirm, decline, cancel, list or "
                    "unlock, not '%s'",
                    verb);
}

static const struct cli_option options[] = {
    {"role", "ROLE", "viewer, approver, operator (default) or owner"},
    TERMS_OPTIONS,
    {"host", "NAME", "a joined host, as its owner (default: the local one)"},
    {"json", NULL, "one JSON object a line"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_pair = {
    .name = "pair",
    .words = "[confirm|decline|cancel [ID] | list | unlock]",
    .summary = "show a QR code and a phrase for a new device",
    .text =
        "Shows a code and asks when a device comes. 'confirm' and 'decline' answer "
        "from another terminal or a script that has compared the digits; without an ID "
        "they mean the one pairing that waits. 'unlock' allows phrases again after ten "
        "wrong guesses in a day.\n\n"
        "--for names the person whose device it will be: a quorum counts people. --thread "
        "and --until make an invitation: the device sees these threads and no other, works "
        "in them as its role says, and at that time it is told that the invitation has "
        "ended and can do nothing more. 'farhand devices' shows and changes both.",
    .options = options,
    .n_options = COUNT(options),
    .most_words = 2,
    .run = run_pair,
};
