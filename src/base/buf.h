/*
 * buf: a growing run of octets with a maximum.
 *
 * Ownership  owns its octets. buf_bytes() is borrowed until the next buf_*()
 *            call that is not a read.
 * Errors     ERR_LIMIT  the maximum would be exceeded: drop the peer who sent it
 *            ERR_NOMEM  the allocation failed: likewise
 *            After either, the buffer holds what it held before.
 * Limits     `max` is required: no buffer of the program grows without one.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/bytes.h"

struct buf {
    uint8_t *at;  // octets 0..len are in use
    size_t start; // consumed octets at the front, reused when the rest moves
    size_t end;   // one past the last octet in use
    size_t cap;
    size_t max;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b); // a zeroed object is fine
void buf_wipe(struct buf *b); // fini for secrets: clears the octets first

size_t buf_len(const struct buf *b);
struct bytes buf_bytes(const struct buf *b);
void buf_clear(struct buf *b);                // keeps the memory
void buf_release(struct buf *b);              // gives the memory back, keeps the max
void buf_consume(struct buf *b, size_t n);    // drops n octets from the front; n <= len
void buf_truncate(struct buf *b, size_t len); // keeps the first len octets

/* At least `n` writable octets at the end; buf_grew(n) makes them part of it. */
NODISCARD enum err buf_reserve(struct buf *b, size_t n, uint8_t **out);
void buf_grew(struct buf *b, size_t n);

NODISCARD enum err buf_put(struct buf *b, struct bytes octets);
NODISCARD enum err buf_put_str(struct buf *b, const char *text);
NODISCARD enum err buf_put_u8(struct buf *b, uint8_t value);
NODISCARD enum err buf_put_u16(struct buf *b, uint16_t value);
NODISCARD enum err buf_put_u32(struct buf *b, uint32_t value);
NODISCARD enum err buf_put_u64(struct buf *b, uint64_t value);
NODISCARD enum err buf_put_lv(struct buf *b, struct bytes octets); // u32 length first
NODISCARD PRINTF(2, 3) enum err buf_putf(struct buf *b, const char *format, ...);

/* The text as a C string: appends a NUL that is not counted in the length. */
NODISCARD enum err buf_cstr(struct buf *b, const char **out);

#endif
