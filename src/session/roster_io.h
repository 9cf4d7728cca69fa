/*
 * roster_io: what sessions ask a roster. For session/ only.
 */
#ifndef SESSION_ROSTER_IO_H
#define SESSION_ROSTER_IO_H

#include "session/handshake.h"
#include "session/roster.h"

struct sign_key;

const struct sign_key *roster_host_key(const struct roster *r);
const uint8_t *roster_mailbox(const struct roster *r);
const char *roster_name(const struct roster *r);
const char *roster_version(const struct roster *r);

/* A handshake begins and ends; false: ROSTER_PENDING_MAX are under way. */
bool roster_begin(struct roster *r);
void roster_end(struct roster *r);

/* A mode 3 handshake whose first message `msg1` fits the PSK of a live device. */
struct roster_hit {
    uint8_t device_key[SIGN_PUB];
    uint8_t device_id[ID_SIZE];
    uint8_t psk[HANDSHAKE_PSK]; // wipe
};

/* ERR_AUTH: nobody's tag, a nonce seen before, or too many are pending for the device;
 * *why says which, for the local log. On OK end it with roster_end_device(). */
NODISCARD enum err roster_find(struct roster *r, struct bytes msg1, uint64_t now_ms,
                               struct roster_hit *out, const char **why);
void roster_end_device(struct roster *r, const uint8_t device_id[ID_SIZE]);

bool roster_is_live(const struct roster *r, const uint8_t device_key[SIGN_PUB]);

/* Modes 1 and 2: a valid key, not in the roster, not refused by may_enrol. */
bool roster_may_enrol(const struct roster *r, const uint8_t device_key[SIGN_PUB]);

#endif
