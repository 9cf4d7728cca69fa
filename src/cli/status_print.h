/*
 * status_print: what farhand/status says, for people: one line each for the host, the
 * agent, the relay, the devices, push and the log, then the last error and what to do.
 */
#ifndef CLI_STATUS_PRINT_H
#define CLI_STATUS_PRINT_H

#include <stdint.h>

#include "wire/json.h"

/* present: rows of farhand/presence/list; took_ms: how long the host's answer took,
 * there and back. */
void status_print(const json_t *status, const json_t *present, uint64_t took_ms);

/* The host did not answer: nothing may look alive. */
void status_print_unreached(const char *name, const char *why);

#endif
