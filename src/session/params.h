/*
 * params: what both ends say about themselves inside the handshake.
 *
 * Source     protocol.md 2 (TLV params).
 * Ownership  texts are borrowed from the parameters they were read from.
 * Errors     *_read: ERR_PROTO. *_write: ERR_LIMIT, ERR_NOMEM.
 * Tests      tests/unit/session_test.c, tests/fuzz/params_fuzz.c
 */
#ifndef SESSION_PARAMS_H
#define SESSION_PARAMS_H

#include "base/buf.h"
#include "session/lane_io.h"
#include "session/session.h"

enum { FEATURES = 0 }; // no feature bit is defined yet

struct host_params {
    struct bytes version;
    uint64_t features;
    bool has_commit;
    uint8_t commit[SAS_COMMIT]; // c_H; modes 1 and 2
    struct bytes name;
    uint64_t time_ms; // wall clock, 0: not said
};

NODISCARD enum err host_params_write(const struct host_params *p, struct buf *out);
NODISCARD enum err host_params_read(struct bytes in, struct host_params *out);

struct device_params {
    struct bytes version;
    uint64_t features;
    bool has_random;
    uint8_t random[SAS_DEVICE_RANDOM]; // r_I
    struct bytes name;
    bool has_relay_key;
    uint8_t relay_key[SIGN_PUB]; // Dr
    uint8_t role_asked;          // 0: did not ask
    uint64_t grant_serial;
    struct session_audit audit;
    struct lane_claim lane;
};

NODISCARD enum err device_params_write(const struct device_params *p, struct buf *out);
NODISCARD enum err device_params_read(struct bytes in, struct device_params *out);

#endif
