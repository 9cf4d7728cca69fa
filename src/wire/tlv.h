/*
 * tlv: `u8 tag | u16 length | value`, as in handshake parameters and READY.
 *
 * Source     protocol.md 2 (TLV params), 5.4.
 * Shape      tlv_check() walks the whole once against a table; tlv_get() and
 *            tlv_next() then read values from what was checked.
 * Ownership  values are borrowed from the input.
 * Errors     ERR_PROTO  truncated; a duplicate that may not repeat; an unknown tag
 *                       >= 0x80 (critical); a value outside its size range; a
 *                       required tag missing
 * Tests      tests/unit/tlv_test.c, tests/fuzz/tlv_fuzz.c
 */
#ifndef WIRE_TLV_H
#define WIRE_TLV_H

#include <stdbool.h>

#include "base/buf.h"

enum { TLV_REQUIRED = 1, TLV_REPEATED = 2 };

struct tlv_rule {
    uint8_t tag;
    uint16_t min; // octets of the value
    uint16_t max;
    unsigned flags;
};

NODISCARD enum err tlv_check(struct bytes in, const struct tlv_rule *rules, size_t n);

/* The first value with this tag. False: absent, or the input is broken. */
bool tlv_get(struct bytes in, uint8_t tag, struct bytes *out);

/* The next value with this tag, from a cursor that starts at the whole input. */
bool tlv_next(struct cursor *c, uint8_t tag, struct bytes *out);

NODISCARD enum err tlv_put(struct buf *b, uint8_t tag, struct bytes value);
NODISCARD enum err tlv_put_u8(struct buf *b, uint8_t tag, uint8_t value);
NODISCARD enum err tlv_put_u32(struct buf *b, uint8_t tag, uint32_t value);
NODISCARD enum err tlv_put_u64(struct buf *b, uint8_t tag, uint64_t value);

#endif
