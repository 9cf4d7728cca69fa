/*
 * address: the URLs of a command line, read before anything is started.
 *
 * Errors     false: the sentence was printed; the command ends with EXIT_USAGE. An
 *            option that was not given is right.
 */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include "cli/cli.h"

/* `option` names a relay, a page or an app-server. */
bool address_is_relay(const struct cli_args *args, const char *option);
bool address_is_page(const struct cli_args *args, const char *option);
bool address_is_agent(const char *text); // NULL or "": none

/* A file of certificates that can be read; else the code of a sentence printed. */
int address_check_ca(const struct cli_args *args);

#endif
