/*
 * local_door: controllers of this machine, over WebSocket.
 *
 *     run/host.sock   0600; a peer of this user is the local owner
 *     127.0.0.1:PORT  with the bearer token of a file; an operator, never admin
 *
 * Shape      `GET /rpc` (or `/`) is upgraded to a WebSocket whose text messages are
 *            JSON-RPC; GET /readyz and /healthz answer 200, as Codex's own listener
 *            does. Programs that speak Codex's transport need no change.
 * Security   unix: another uid, or a process that the agent started, is refused: what
 *            the agent runs must not approve itself. A process that left the agent's
 *            tree is not recognised; local_door_knows_agent() says whether the check
 *            works at all. TCP: any Origin (a browser) and a foreign Host (a rebound
 *            name) are refused before the token is looked at.
 * Ownership  hub is kept. local_door_close() frees after `closed`.
 * Errors     those of the listeners; ERR_DENIED  the token file is not private.
 * Limits     LOCAL_DOOR_PEERS at once; LOCAL_DOOR_MESSAGE octets a message in,
 *            LOCAL_DOOR_QUEUE out: a peer that does not read is dropped alone.
 * Tests      tests/unit/local_door_test.c
 */
#ifndef HOST_LOCAL_DOOR_H
#define HOST_LOCAL_DOOR_H

#include "host/hub.h"
#include "loop/loop.h"

#define LOCAL_DOOR_PEERS   64
#define LOCAL_DOOR_MESSAGE (64u * 1024 * 1024) // what Codex takes, in frames of 16
#define LOCAL_DOOR_QUEUE   (72u * 1024 * 1024) // a whole history in one message

struct local_door;

/* A bearer token in the file at `path`: read, or made when there is none. */
#define LOCAL_DOOR_TOKEN_SIZE 44 // 32 octets in base64url, with NUL

NODISCARD enum err local_door_open(struct loop *l, struct hub *hub, const char *path,
                                   struct diag *diag, struct local_door **out);

struct local_door_tcp {
    const char *host;       // a loopback address
    uint16_t port;          // 0 takes a free one; the real one on return
    const char *token_path; // made when it is not there
};

NODISCARD enum err local_door_open_tcp(struct loop *l, struct hub *hub,
                                       struct local_door_tcp *at, struct diag *diag,
                                       struct local_door **out);

/* The agent's process, 0 when unknown: its descendants are refused from now on. */
void local_door_set_agent(struct local_door *d, pid_t agent);
bool local_door_knows_agent(const struct local_door *d);

/* Stops listening, closes every peer, frees, then `closed` (may be NULL). */
void local_door_close(struct local_door *d, void (*closed)(void *user), void *user);

#endif
