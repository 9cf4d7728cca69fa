/*
 * relay_output: stdout and stderr of a command, counted, when the policy has a maximum.
 *
 * Shape      without a maximum the command gets our own descriptors and this does nothing.
 * Errors     ERR_LIMIT   more than the maximum: what came before it was passed on
 *            ERR_CLOSED  nobody reads our output any more
 */
#ifndef SANDBOX_RELAY_OUTPUT_H
#define SANDBOX_RELAY_OUTPUT_H

#include <stdint.h>

#include "base/err.h"

#define OUTPUTS 2 // stdout, stderr

struct pollfd;

struct outputs {
    uint64_t left;       // octets; 0: not counted
    int inside[OUTPUTS]; // write ends; only when counted
    int outside[OUTPUTS];
};

NODISCARD enum err outputs_init(struct outputs *o, uint64_t max);
void outputs_inside(struct outputs *o);  // in the child: become 1 and 2
void outputs_outside(struct outputs *o); // in the parent, after the fork
void outputs_want(const struct outputs *o, struct pollfd *fds); // OUTPUTS of them
NODISCARD enum err outputs_pass(struct outputs *o, size_t i);
void outputs_drain(
    struct outputs *o); // the command is gone: what is still in the pipes
void outputs_fini(struct outputs *o);

#endif
