/*
 * reach: from the name of a host to an open app-server connection to it.
 *
 * Source     docs/architecture.md, doors: the local host serves run/host.sock, a joined one is
 *            served by its keeper (keeper.h) on run/hosts/<host_id>.sock.
 * Shape      target_find() decides which host is meant. reach_open() dials its socket;
 *            for a joined host whose keeper does not run it starts one, detached, and
 *            waits for it.
 * Ownership  reach_open() gives an object that frees itself after `done`. On LINK_OK
 *            `done` takes the ws_conn: ws_conn_start() it at once. `target` and
 *            `program` are copied.
 * Errors     target_find: as joined_find(). `done`: a cause and a sentence that says
 *            what to do.
 * Time       REACH_START_MS for a keeper to come up; the keeper holds the connection
 *            until the host has said READY or could not be reached.
 * Reentry    `done` exactly once, from the loop.
 */
#ifndef CLIENT_REACH_H
#define CLIENT_REACH_H

#include "client/joined.h"
#include "net/dial.h"

#define REACH_START_MS 5000u
#define REACH_WAIT_MS  45000u // all addresses of a host tried

struct target {
    bool local; // the host on this machine
    char id[JOINED_ID_SIZE];
    char name[65];
    char socket[PATH_MAX];
};

/* `name` NULL: the local host when it runs, else the only joined one. "local" is the
 * local host. */
NODISCARD enum err target_find(const char *home, const char *name, struct target *out,
                               struct diag *d);

typedef void reach_done_fn(void *user, enum link_cause cause, const char *sentence,
                           struct ws_conn *ws);

struct reach_options {
    const char *home;
    const char *program; // ours, for starting a keeper; NULL: none is started
    const struct target *target;
};

struct reach;

struct reach *reach_open(struct loop *loop, const struct reach_options *o,
                         reach_done_fn *done, void *user);
void reach_cancel(struct reach *r); // `done` still runs, with LINK_CANCELED

/* A keeper refuses a connection with an HTTP status that stands for a cause. */
unsigned reach_status(enum link_cause cause);

#endif
