/*
 * host: the daemon. Owns the agent, the devices, the doors; wires them to the hub.
 *
 * Source     docs/architecture.md (life of one message), docs/hub.md.
 * Shape      host_create() takes the lock and opens the state; host_start() opens
 *            run/host.sock and starts the agent; host_reach() says by which relay
 *            devices come in. Everything else is a JSON-RPC call on the hub.
 * Ownership  options are copied. host_close() gives everything back, then `done`. The
 *            agent lives on unless farhand/stop asked for its end.
 * Errors     ERR_EXISTS  another host runs on this home (diag has its pid)
 *            ERR_DENIED, ERR_IO, ERR_PROTO  state or keys cannot be used
 * Reentry    callbacks run from the loop.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/err.h"
#include "engine/engine.h"
#include "host/hub.h"

struct loop;
struct host;

struct host_options {
    const char *home;       // absolute, exists, 0700
    const char *cwd;        // default workspace, absolute
    const char *profile;    // of config.toml; NULL: everything asks
    const char *name;       // shown to devices; NULL: the machine's name
    const char *app_server; // ws://127.0.0.1:PORT for what has no unix sockets; or NULL
    const char *listen;     // ADDR:PORT of the direct door; or NULL
    struct engine_options engine;
    bool practice_fallback; // no login: use the practice model, and say so
    bool enable;            // remote control on, whatever was stored (ephemeral)
};

struct host_ops {
    /* The agent's state changed. */
    void (*engine)(void *user, const struct engine_status *status);
    /* farhand/stop was called: close the host and end the loop. */
    void (*stop)(void *user, bool agent_too);
};

/* How devices reach this host. */
struct host_reach {
    const char *relay;              // dialled by the host; NULL: a direct door alone
    const char *const *device_urls; // told to devices, first = preferred
    size_t n_device_urls;
    const char *app;     // origin of the page, for links; NULL: none is known
    const char *invite;  // of the relay; NULL: none
    const char *ca_file; // trusted besides the system's; NULL: none
};

NODISCARD enum err host_create(struct loop *loop, const struct host_options *options,
                               const struct host_ops *ops, void *user,
                               struct diag *diag, struct host **out);
NODISCARD enum err host_start(struct host *h, struct diag *diag);
/* ERR_DENIED: the administrator forbids it, diag says so; the host goes on without. */
NODISCARD enum err host_reach(struct host *h, const struct host_reach *reach,
                              struct diag *diag);
void host_close(struct host *h, void (*done)(void *user));

const uint8_t *host_relay_key(const struct host *h); // Hr, 32 octets
const char *host_name(const struct host *h);
const char *host_app_server(const struct host *h); // its real address, "": none
const char *host_door(const struct host *h);       // of the direct door, "": none

#endif
