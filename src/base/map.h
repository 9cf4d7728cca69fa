/*
 * map: an intrusive hash table keyed by octets.
 *
 * Shape      members embed a `struct map_node`; CONTAINER_OF recovers them.
 *            SipHash-2-4 with a key drawn at start, so that a peer who chooses
 *            keys cannot choose collisions.
 * Ownership  the map owns its bucket array only; a node's key octets belong to
 *            the member and must not change while it is in the map (keep).
 * Errors     map_put: ERR_EXISTS, ERR_NOMEM.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"

struct map_node {
    struct map_node *next;
    struct bytes key;
    uint64_t hash;
};

struct map {
    struct map_node **buckets;
    size_t n_buckets; // zero or a power of two
    size_t count;
};

void map_init(struct map *m);
void map_fini(struct map *m); // members are left alone

NODISCARD enum err map_put(struct map *m, struct bytes key, struct map_node *node);
struct map_node *map_get(const struct map *m, struct bytes key); // NULL: not there
void map_remove(struct map *m, struct map_node *node);           // must be in it

/* Any order; NULL starts, NULL ends. Removing the returned node is allowed only
 * after the next one was fetched. */
struct map_node *map_next(const struct map *m, const struct map_node *node);

uint64_t map_hash(struct bytes key); // SipHash-2-4 under the process's key

#endif
