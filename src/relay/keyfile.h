/*
 * keyfile: the ticket keys on disk.
 *
 * Shape      HOME/relay/ticket.keys (0600 in a folder 0700), replaced atomically, so a
 *            restart of the relay does not log everybody out.
 * Errors     as base/file.h; ERR_PROTO when the content is not ours. `diag` names the
 *            file and the reason.
 */
#ifndef RELAY_KEYFILE_H
#define RELAY_KEYFILE_H

#include "relay/ticket.h"

/* Reads what is there (nothing is fine), rotates when that is due, and writes. */
NODISCARD enum err keyfile_refresh(const char *home, struct ticket_keys *keys,
                                   uint64_t wall_ms, struct diag *diag);

#endif
