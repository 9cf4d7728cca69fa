#include <string.h>

#include "cli/commands.h"
#include "cli/local_call.h"

static const char *or_dash(const char *text)
{
    return text == NULL || text[0] == '\0' ? "-" : text;
}

static void print_error(const json_t *part)
{
    const char *error = json_get_str(part, "lastError");
    if (error != NULL) {
        cli_say("          %s", error);
    }
}

static void print_relay(const json_t *relay)
{
    int64_t age_ms = 0;
    if (json_read_int(relay, "ageMs", &age_ms)) {
        cli_say("relay     %s, proved %lld s ago, %s", json_get_str(relay, "state"),
                (long long)(age_ms / 1000), or_dash(json_get_str(relay, "url")));
    } else {
        cli_say("relay     %s, %s", json_get_str(relay, "state"),
                or_dash(json_get_str(relay, "url")));
    }
    print_error(relay);
}

static void print_devices(const json_t *devices)
{
    size_t i;
    json_t *row;
    if (json_array_size(devices) == 0) {
        cli_say("devices   none paired: 'farhand pair' makes a code");
        return;
    }
    json_array_foreach(devices, i, row)
    {
        cli_say("%s%-20s %-9s %s", i == 0 ? "devices   " : "          ",
                json_get_str(row, "displayName"), json_get_str(row, "role"),
                json_get_bool(row, "connected", false) ? "connected" : "away");
    }
}

static void print_status(const json_t *status)
{
    const json_t *host = json_get_obj(status, "host");
    const json_t *agent = json_get_obj(status, "agent");
    const json_t *relay = json_get_obj(status, "relay");
    cli_say("host      %s%s%s, farhand %s, folder %s", cli_bold(),
            json_get_str(host, "name"), cli_plain(), json_get_str(host, "version"),
            or_dash(json_get_str(host, "cwd")));
    cli_say("agent     %s, Codex %s%s%s%s", json_get_str(agent, "state"),
            or_dash(json_get_str(agent, "version")),
            json_get_bool(agent, "practice", false) ? ", practice model" : "",
            strcmp(or_dash(json_get_str(agent, "kind")), "joined") == 0 ? ", joined"
                                                                        : "",
            json_get_bool(agent, "shared", false) ? ", shared agent" : "");
    print_error(agent);
    print_relay(relay);
    print_devices(json_get_arr(status, "devices"));
}

static int run_status(struct cli_args *args)
{
    json_t *status = NULL;
    const int code = local_call(args, "farhand/status", json_object(), &status);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(status);
    } else if (code == EXIT_DONE) {
        print_status(status);
    }
    json_decref(status);
    return code;
}

static const struct cli_option options[] = {
    {"json", NULL, "the whole status as JSON"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_status = {
    .name = "status",
    .words = "",
    .summary = "what works between here, the relay and the agent",
    .text = "",
    .options = options,
    .n_options = COUNT(options),
    .run = run_status,
};
