/*
 * relay: the core on real sockets, mounted on an http_server.
 *
 *     http_server --request--> relay_handle() --upgrade--> ws_conn <--> core
 *
 * Source     docs/protocol.md section 5.0; docs/relay.md for who runs it.
 * Shape      the owner of the http_server passes each request on; RELAY_PATH, /healthz
 *            and /readyz are ours, everything else is not touched. /metrics is answered
 *            by relay_handle_metrics(), which the owner puts on a listener of its own:
 *            how busy a relay is, is its operator's to know. So a relay stands
 *            alone (`farhand relay`) or shares a listener (`farhand up`).
 * Ownership  relay_create() gives. relay_close() ends the connections and frees after
 *            `closed`; close the http_server too, in either order.
 * Errors     relay_create: ERR_IO, ERR_DENIED  the folder or the keys cannot be used
 *            ERR_PROTO, ERR_LIMIT  a line of the admission file
 *            ERR_NOT_FOUND  no admission file; `diag` says it in words
 * Limits     relay/limit.h.
 * Security   logs carry the first four octets of mailbox and device hashes, nothing
 *            else that identifies anybody.
 * Tests      tests/unit/relay_io_test.c
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "net/http_server.h"
#include "relay/core.h"

#define RELAY_PATH "/relay"

struct relay;

struct relay_options {
    const char *const *urls; // exact addresses that an AUTH may name
    size_t n_urls;           // 1..RELAY_URLS_MAX
    const char *home;        // keeps HOME/relay/ticket.keys; NULL: only in memory
    enum admission_kind admission;
    const char *admission_path; // INVITE, LISTED: the file; NULL: none
    size_t memory_max;          // 0: the default
    /* Numeric addresses of reverse proxies whose X-Forwarded-For is believed. */
    const char *const *proxies;
    size_t n_proxies; // 0..RELAY_PROXIES_MAX
};

NODISCARD enum err relay_create(struct loop *l, const struct relay_options *o,
                                struct diag *diag, struct relay **out);

/* One more mailbox of an ADMISSION_LISTED relay: that of `farhand up`'s own host. */
NODISCARD enum err relay_allow(struct relay *r, const uint8_t mailbox[16]);

/* True: the request was ours and has been answered. */
bool relay_handle(struct relay *r, struct http_exchange *x);

/* Likewise, for GET /metrics. `certificate_until_s`: 0 without TLS. */
bool relay_handle_metrics(struct relay *r, struct http_exchange *x,
                          uint64_t certificate_until_s);

struct relay_stats relay_stats(const struct relay *r);

/* Tells everyone to come back later, waits for the goodbyes (at most 2 s), frees. */
void relay_close(struct relay *r, stream_closed_fn *closed, void *user);

#endif
