/*
 * endpoint: a local app-server address whose connections go to a host.
 *
 *     codex --remote unix://PATH ── endpoint ── run/hosts/<host_id>.sock ── the host
 *
 * Source     docs/hub.md "The profile" (folders), "Doors on this machine".
 * Shape      each connection is carried to the host by a connection of its own (reach.h);
 *            its upgrade is answered when that one is open, or refused with its cause.
 *            Whoever reads slowly stops the other side, nobody else.
 * Ownership  endpoint_open() gives; endpoint_close() frees after `closed`. Options are
 *            copied, strings kept.
 * Errors     ERR_EXISTS, ERR_LIMIT, ERR_IO as listener_unix(); `diag` says it.
 * Security   a unix socket is 0600 in a private folder, its peer's uid is checked; on
 *            loopback a bearer token is asked for, any Origin is refused.
 * Tests      tests/unit/endpoint_test.c
 */
#ifndef CLIENT_ENDPOINT_H
#define CLIENT_ENDPOINT_H

#include "client/reach.h"

struct endpoint;

struct endpoint_options {
    struct reach_options reach;
    const char *socket;  // path of a unix socket, or NULL: loopback TCP
    uint16_t port;       // TCP: 0 asks for a free one
    const char *token;   // TCP: the bearer token
    const char *profile; // likewise, of the host's config.toml
    const char *cwd;     // folder on the host for new threads; NULL: as the client says
    /* A connection to the host failed: say it to the person. May be NULL. */
    void (*failed)(void *user, enum link_cause cause, const char *sentence);
    void *user;
};

NODISCARD enum err endpoint_open(struct loop *loop, const struct endpoint_options *o,
                                 struct diag *d, struct endpoint **out);
uint16_t endpoint_port(const struct endpoint *e);
void endpoint_close(struct endpoint *e, void (*closed)(void *user), void *user);

/* thread/start and thread/fork with params.cwd and params.farhand.profile, as far as they are
 * given; any other text as it is: ERR_NOT_FOUND. */
NODISCARD enum err endpoint_put_choice(struct bytes text, const char *cwd,
                                       const char *profile, struct buf *out);

#endif
