/*
 * visitor: what each address has used up.
 *
 * Shape      one entry per IPv4 address or IPv6 /64; a rate is one number (the time at
 *            which it would be unused again), so an entry is small and needs no timer.
 * Ownership  entries belong to the table and live while they have a connection or a
 *            rate that is not yet forgotten.
 * Errors     ERR_LIMIT  over the rate or the count
 *            ERR_NOMEM  no room for one more address
 * Limits     RELAY_ADDR_* and RELAY_ADDRS_MAX.
 * Tests      tests/unit/relay_limit_test.c
 */
#ifndef RELAY_VISITOR_H
#define RELAY_VISITOR_H

#include <stdbool.h>

#include "base/list.h"
#include "base/map.h"

struct visitor_addr {
    uint8_t key[16]; // IPv4 mapped; of IPv6 the first 64 bits
    bool loopback;
};

enum visitor_rate { VISITOR_UPGRADE, VISITOR_REFUSAL, VISITOR_CLAIM, VISITOR_RATES };

struct visitor {
    struct map_node node;
    struct list age; // oldest use first
    struct visitor_addr addr;
    unsigned n_legs;
    uint64_t unused_at_ms[VISITOR_RATES];
};

struct visitors {
    struct map map;
    struct list age;
};

/* "10.1.2.3", "fe80::1%eth0"; what is no address shares the zero key. */
void visitor_addr_parse(const char *text, bool loopback, struct visitor_addr *out);

/* Whom a trusted proxy speaks for: the last address of its X-Forwarded-For, which is the
 * one it saw itself; what stands before it the visitor may have written. Never loopback.
 * ERR_PROTO: that is no address. */
NODISCARD enum err visitor_forwarded(struct bytes header, struct visitor_addr *out);

void visitors_init(struct visitors *all);
void visitors_fini(struct visitors *all);

NODISCARD enum err visitors_find(struct visitors *all, const struct visitor_addr *addr,
                                 uint64_t now_ms, struct visitor **out);

/* Counts one use. ERR_LIMIT: too many in the last minute (nothing was counted). */
NODISCARD enum err visitor_use(struct visitor *v, enum visitor_rate rate,
                               uint64_t now_ms);

/* Counts one use of what has happened already: the next visitor_may() feels it. */
void visitor_note(struct visitor *v, enum visitor_rate rate, uint64_t now_ms);

/* Would one more use be allowed? */
bool visitor_may(const struct visitor *v, enum visitor_rate rate, uint64_t now_ms);

#endif
