/*
 * ready: the bodies of READY, PENDING and DENIED.
 *
 * Source     protocol.md 5.4.
 * Ownership  what was read borrows from the body.
 * Errors     *_read: ERR_PROTO. *_write: ERR_LIMIT, ERR_NOMEM.
 * Tests      tests/unit/session_test.c, tests/fuzz/params_fuzz.c
 */
#ifndef SESSION_READY_H
#define SESSION_READY_H

#include "base/buf.h"
#include "session/lane_io.h"
#include "session/session.h"

/* `lane` NULL: a box, where no lane is spoken of. */
NODISCARD enum err ready_write(const struct session_welcome *w,
                               const struct lane_offer *lane, struct buf *out);
NODISCARD enum err ready_read(struct bytes in, struct session_welcome *w,
                              struct lane_offer *lane);

struct pending_body {
    uint8_t random[SAS_HOST_RANDOM]; // r_H
    uint8_t role_asked;
    struct bytes host_name;
    uint64_t expires_ms;
};

NODISCARD enum err pending_write(const struct pending_body *p, struct buf *out);
NODISCARD enum err pending_read(struct bytes in, struct pending_body *out);

#endif
