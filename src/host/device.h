/*
 * device: the live table of paired devices, the authority at dispatch.
 *
 * Source     docs/protocol.md section 6 (grants, revocation).
 * Shape      loaded from the store at start; every change is durable before it is
 *            visible here, except a revocation, which is visible as soon as its
 *            tombstone is durable.
 * Ownership  devices_open() gives the table; `struct device *` is borrowed until the
 *            next add or revoke. Keeps `store` and `keys`.
 * Errors     ERR_LIMIT  DEVICES_MAX are paired
 *            ERR_EXISTS the key was revoked once, or is enrolled already
 * Limits     DEVICES_MAX: the handshake tries every device's secret, in constant
 *            count (protocol.md 2, rule 1), so their number is bounded.
 * Tests      tests/unit/device_test.c
 */
#ifndef HOST_DEVICE_H
#define HOST_DEVICE_H

#include "base/buf.h"
#include "host/keys.h"
#include "host/rights.h"
#include "store/store.h"

#define DEVICES_MAX         64u
#define GRANT_LIFE_S        (UINT64_C(90) * 86400) // renewed in READY while in use
#define DEVICE_SEEN_STEP_MS 60000u // "last seen" is written at most once a minute

struct devices;

struct device {
    struct store_device row;
    bool connected; // a session is live
};

NODISCARD enum err devices_open(struct store *store, const struct keys *keys,
                                struct devices **out);
void devices_close(struct devices *t); // wipes; NULL is fine

size_t devices_count(const struct devices *t);
struct device *devices_at(struct devices *t, size_t i); // i < count; by age of pairing
struct device *devices_find(struct devices *t, const uint8_t id[16]); // NULL: none
/* By hex id, a unique prefix of it (at least 4 digits), or the exact name. */
struct device *devices_find_text(struct devices *t, const char *text);

/* row.id, d, dr, pair_root, name, app, role, caps are given; the rest is set here. */
NODISCARD enum err devices_add(struct devices *t, const struct store_device *row,
                               uint64_t now_ms);
/* `scope`: thread ids and spaces, "" for every thread. */
NODISCARD enum err devices_update(struct devices *t, struct device *device,
                                  const char *name, enum role role, const char *scope);
NODISCARD enum err devices_revoke(struct devices *t, struct device *device,
                                  uint64_t now_ms);
void devices_seen(struct devices *t, struct device *device, bool connected,
                  uint64_t now_ms);

/* Past its not_after: pair again. */
bool device_is_expired(const struct device *device, uint64_t now_ms);

/* A fresh signed grant with the next serial; appended to *out. */
NODISCARD enum err devices_grant(struct devices *t, struct device *device,
                                 uint64_t now_ms, struct buf *out);

#endif
