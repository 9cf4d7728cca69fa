/*
 * cause_exit: the exit code for each cause for which a host cannot be reached.
 */
#ifndef CLI_CAUSE_EXIT_H
#define CLI_CAUSE_EXIT_H

#include "cli/exit.h"
#include "link/link_joined.h"

int cause_exit(enum link_cause cause);

/* For what target_find() and joined_load() return. */
int find_exit(enum err e);

#endif
