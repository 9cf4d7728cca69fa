#include "cli/commands.h"

#include <string.h>

#include "base/text.h"

const struct cli_command *const commands[] = {
    &cmd_up,         &cmd_pair,           &cmd_devices,    &cmd_status,
    &cmd_stop,       &cmd_join,           &cmd_attach,     &cmd_rpc,
    &cmd_policy,     &cmd_trust,          &cmd_approvals,  &cmd_audit,
    &cmd_doctor,     &cmd_remote_control, &cmd_host,       &cmd_relay,
    &cmd_app_server, &cmd_session,        &cmd_sandbox,    &cmd_practice_model,
    &cmd_help,       &cmd_version,        &cmd_completion,
};
const size_t n_commands = COUNT(commands);

const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < n_commands; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

const char *command_nearest(const char *name)
{
    const char *names[COUNT(commands)];
    for (size_t i = 0; i < n_commands; i++) {
        names[i] = commands[i]->name;
    }
    return text_nearest(name, names, n_commands);
}
