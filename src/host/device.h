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
    bool ending;    // its invitation runs: its end is still to be said
    bool leaving;   // it was said: its session goes next
    enum role
        role; // what it may be: row.role, and no more than the administrator allows
    uint64_t caps;
};

/* What may be changed of a device; NULL and 0: stays. */
struct device_change {
    const char *name;
    const char *person;
    enum role role;        // ROLE_NONE: stays
    const char *scope;     // "": every thread
    const uint64_t *until; // 0: no end
};

NODISCARD enum err devices_open(struct store *store, const struct keys *keys,
                                struct devices **out);
void devices_close(struct devices *t); // wipes; NULL is fine

size_t devices_count(const struct devices *t);
struct device *devices_at(struct devices *t, size_t i); // i < count; by age of pairing
struct device *devices_find(struct devices *t, const uint8_t id[16]); // NULL: none
/* By hex id, a unique prefix of it (at least 4 digits), or the exact name. */
struct device *devices_find_text(struct devices *t, const char *text);

/* row.id, d, dr, pair_root, name, app, role, caps, person, scope, until_ms are given;
 * the rest is set here. */
NODISCARD enum err devices_add(struct devices *t, const struct store_device *row,
                               uint64_t now_ms);
NODISCARD enum err devices_update(struct devices *t, struct device *device,
                                  const struct device_change *change);
/* No device is more than this from now on, whatever it was given. */
void devices_cap(struct devices *t, enum role most);
NODISCARD enum err devices_revoke(struct devices *t, struct device *device,
                                  uint64_t now_ms);
void devices_seen(struct devices *t, struct device *device, bool connected,
                  uint64_t now_ms);

/* Past its not_after: pair again. */
bool device_is_expired(const struct device *device, uint64_t now_ms);
/* Past the end of its invitation. */
bool device_is_over(const struct device *device, uint64_t now_ms);

/* A fresh signed grant with the next serial; appended to *out. */
NODISCARD enum err devices_grant(struct devices *t, struct device *device,
                                 uint64_t now_ms, struct buf *out);

#endif
