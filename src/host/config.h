/*
 * config: what of the agent's configuration others than this user may know.
 *
 * Source     ConfigReadResponse and ConfigRequirementsReadResponse of Codex 0.169.
 * Shape      pure: the members of a list stay, all others go. Provider and MCP tables,
 *            environments, headers, hooks and whatever a later Codex adds stay on the
 *            host.
 * Ownership  borrows `root`; changes it in place.
 * Tests      tests/unit/guard_test.c
 */
#ifndef HOST_CONFIG_H
#define HOST_CONFIG_H

#include "wire/json.h"

void config_hide(json_t *root); // an object: the result of the call

#endif
