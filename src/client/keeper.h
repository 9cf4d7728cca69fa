/*
 * keeper: the process that keeps the session with one joined host.
 *
 *     attach ─┐
 *     rpc    ─┤ run/hosts/<host_id>.sock (WebSocket /rpc) ── streams ── one session
 *     attach ─┘
 *
 * Source     docs/protocol.md 5.2, docs/architecture.md (the table of doors).
 * Shape      each connection on the socket is one stream of the session. A connection
 *            made while there is no session is held until there is one, or refused
 *            with the cause (reach_status()). The process ends itself after
 *            KEEPER_IDLE_MS without connections; it never ends one that is used. A
 *            connection that the host ends is closed with 1012; with 1008 only when
 *            the host has revoked this device.
 * Ownership  keeper_run() loads the joined record, and holds run/hosts/<host_id>.lock.
 * Errors     ERR_EXISTS  another keeper of this host runs (not a failure)
 *            ERR_NOT_FOUND, ERR_DENIED, ERR_PROTO as joined_load(); ERR_IO the socket
 * Limits     KEEPER_CONNS_MAX connections (local ones, this user's).
 * Tests      tests/unit/keeper_test.c
 */
#ifndef CLIENT_KEEPER_H
#define CLIENT_KEEPER_H

#include "base/err.h"

#define KEEPER_IDLE_MS   (10u * 60 * 1000)
#define KEEPER_CONNS_MAX 64u

struct keeper_options {
    const char *home;
    const char *host_id;
    const char *ca_file; // NULL: what `join` kept, and the system's authorities
};

/* Runs until it is idle, told to stop (SIGTERM, SIGINT) or revoked. */
NODISCARD enum err keeper_run(const struct keeper_options *o, struct diag *d);

#endif
