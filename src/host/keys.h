/*
 * keys: the host's two identities, on disk and in locked memory.
 *
 * Source     docs/protocol.md section 1 (H, Hr, storage).
 * Shape      keys/host.key and keys/relay.key: 32 octets of seed each, 0600, made at
 *            the first start, never replaced silently: a damaged file is an error,
 *            because a new key would be another host to every paired device.
 * Ownership  keys_fini() wipes; a zeroed object is fine.
 * Errors     ERR_DENIED others can read the file; ERR_PROTO it is damaged; ERR_IO
 */
#ifndef HOST_KEYS_H
#define HOST_KEYS_H

#include "base/err.h"
#include "crypto/sign.h"

struct keys {
    struct sign_key *host;  // H
    struct sign_key *relay; // Hr
    uint8_t host_id[16];
    uint8_t mailbox_id[16];
};

NODISCARD enum err keys_open(const char *home, struct keys *out, struct diag *d);
void keys_fini(struct keys *k);

#endif
