/*
 * help: what the command table says, as help, man page and completions.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

void help_overview(void);
void help_command(const struct cli_command *command);
void help_exit_codes(void);
void help_environment(void);
void help_man(void); // the man page, in man(7) macros

/* ERR_NOT_FOUND for a shell we do not know. */
NODISCARD enum err help_completion(const char *shell);

#endif
