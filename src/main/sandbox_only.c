/* The one command of a program that has only this one. */
#include <string.h>

#include "cli/commands.h"

const struct cli_command *const commands[] = {&cmd_sandbox};
const size_t n_commands = COUNT(commands);

const struct cli_command *command_find(const char *name)
{
    return strcmp(name, cmd_sandbox.name) == 0 ? &cmd_sandbox : NULL;
}

const char *command_nearest(const char *name)
{
    (void)name;
    return cmd_sandbox.name;
}
