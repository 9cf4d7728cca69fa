/*
 * wsframe: WebSocket frame headers, one at a time, without I/O.
 *
 * Source     RFC 6455 section 5.2 (base framing), 5.5 (control frames).
 * Units      lengths and limits are octets.
 * Ownership  takes nothing, allocates nothing; `in` is borrowed for the call.
 * Errors     ERR_AGAIN  header incomplete: call again with more octets
 *            ERR_PROTO  the peer must be dropped with close code 1002
 *            ERR_LIMIT  payload over `max_payload`: close code 1009
 * Threads    pure functions; no shared state.
 * Tests      tests/unit/wsframe_test.c, tests/fuzz/wsframe_fuzz.c
 */
#ifndef WIRE_WSFRAME_H
#define WIRE_WSFRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define WSFRAME_HEADER_MAX  14  // 2 + 8 (length) + 4 (mask key)
#define WSFRAME_CONTROL_MAX 125 // section 5.5: a control payload is never longer

enum wsframe_op {
    WSFRAME_CONT = 0x0,
    WSFRAME_TEXT = 0x1,
    WSFRAME_BINARY = 0x2,
    WSFRAME_CLOSE = 0x8,
    WSFRAME_PING = 0x9,
    WSFRAME_PONG = 0xA,
};

struct wsframe {
    enum wsframe_op op;
    bool fin;
    bool masked;
    uint8_t mask[4];     // meaningful only if masked
    uint64_t payload;    // octets that follow the header
    uint8_t header_size; // octets the header took: 2..14
};

/* Parse one header from the front of `in`.
 *
 * On OK fills *out; the caller then skips out->header_size octets. On any
 * other code *out is untouched and nothing is consumed. */
NODISCARD enum err wsframe_parse(struct bytes in, uint64_t max_payload,
                                 struct wsframe *out);

/* Writes the header of `f` (op, fin, masked, mask, payload) to `to`, which has
 * room for WSFRAME_HEADER_MAX, and returns its size. */
size_t wsframe_build(const struct wsframe *f, uint8_t *to);

/* Section 5.3, both directions: XORs `len` octets in place. `offset` says how many
 * octets of the same payload came before. */
void wsframe_mask(uint8_t *at, size_t len, const uint8_t mask[4], uint64_t offset);

static inline bool wsframe_is_control(enum wsframe_op op)
{
    return op >= WSFRAME_CLOSE;
}

#endif
