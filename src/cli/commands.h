/*
 * commands: every command of the program, one row each.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command cmd_up;
extern const struct cli_command cmd_host;
extern const struct cli_command cmd_stop;
extern const struct cli_command cmd_status;
extern const struct cli_command cmd_pair;
extern const struct cli_command cmd_devices;
extern const struct cli_command cmd_approvals;
extern const struct cli_command cmd_audit;
extern const struct cli_command cmd_doctor;
extern const struct cli_command cmd_policy;
extern const struct cli_command cmd_trust;
extern const struct cli_command cmd_remote_control;
extern const struct cli_command cmd_join;
extern const struct cli_command cmd_attach;
extern const struct cli_command cmd_rpc;
extern const struct cli_command cmd_session;
extern const struct cli_command cmd_app_server;
extern const struct cli_command cmd_relay;
extern const struct cli_command cmd_sandbox;
extern const struct cli_command cmd_practice_model;
extern const struct cli_command cmd_help;
extern const struct cli_command cmd_version;
extern const struct cli_command cmd_completion;

/* In the order in which help shows them. */
extern const struct cli_command *const commands[];
extern const size_t n_commands;

const struct cli_command *command_find(const char *name); // NULL: none

/* "did you mean": the nearest name, or NULL. */
const char *command_nearest(const char *name);

#endif
