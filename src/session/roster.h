/*
 * roster: the devices a host answers, and what it remembers about strangers.
 *
 * Source     protocol.md 2, rules 1, 2 and 4.
 * Shape      one per host. It holds the key that signs handshakes, the live
 *            devices with their PSKs, the nonces seen in the last ten minutes, and
 *            how many handshakes are pending.
 * Ownership  keeps the host key. roster_put() copies pair_root and wipes its copy
 *            at roster_remove(). Destroy every session first.
 * Errors     roster_put: ERR_LIMIT over ROSTER_DEVICES_MAX, ERR_AUTH invalid key,
 *            ERR_EXISTS.
 * Limits     ROSTER_DEVICES_MAX devices, tried in constant count; 4 handshakes a
 *            device and 16 a mailbox pending at a time, 10 s each; 1,024 nonces a
 *            device within ten minutes, then it has to wait.
 * Tests      tests/unit/roster_test.c
 */
#ifndef SESSION_ROSTER_H
#define SESSION_ROSTER_H

#include <stdbool.h>

#include "crypto/id.h"

enum { ROSTER_DEVICES_MAX = 64, PAIR_ROOT_SIZE = 32 };

/* Modes 1 and 2: may this unknown device key be enrolled? (No tombstone.) */
typedef bool roster_may_enrol_fn(void *user, const uint8_t device_key[SIGN_PUB]);

struct roster_config {
    const struct sign_key *host_key; // H; keep
    uint8_t mailbox_id[ID_SIZE];
    const char *name;               // display name of the host; copied
    const char *version;            // copied
    roster_may_enrol_fn *may_enrol; // NULL: any valid key that is not in the roster
    void *user;
};

struct roster;

NODISCARD struct roster *roster_create(const struct roster_config *config);
void roster_destroy(struct roster *r); // NULL is fine

NODISCARD enum err roster_put(struct roster *r, const uint8_t device_key[SIGN_PUB],
                              const uint8_t pair_root[PAIR_ROOT_SIZE]);

/* Revocation: from here on no handshake of this device succeeds, and handshakes of
 * it that are under way fail. Unknown ids are no error. */
void roster_remove(struct roster *r, const uint8_t device_id[ID_SIZE]);

size_t roster_count(const struct roster *r);

/* Of strangers, since the start: handshakes whose first tag fitted nobody. */
uint64_t roster_n_refused(const struct roster *r);

#endif
