/*
 * bytes: a borrowed run of octets, and a cursor that reads one.
 *
 * Units      lengths are octets; integers on the wire are big-endian.
 * Ownership  owns nothing: a `struct bytes` is valid as long as what it points
 *            into.
 * Errors     cursor_*() return ERR_PROTO when the input is too short and then
 *            consume nothing.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct bytes {
    const uint8_t *at;
    size_t len;
};

#define BYTES_NONE ((struct bytes){NULL, 0})

/* The octets of a fixed array, and of a string literal without its NUL. */
#define BYTES_OF(array) ((struct bytes){(array), sizeof(array)})
#define BYTES_LIT(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

struct bytes bytes_from_str(const char *text); // without the NUL; NULL is empty

/* Not constant time: never for secrets (secret_equal). */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_str(struct bytes a, const char *text);

/* `from` is clamped to the end; `len` to what is left. */
struct bytes bytes_sub(struct bytes b, size_t from, size_t len);

uint16_t be16_read(const uint8_t *at);
uint32_t be32_read(const uint8_t *at);
uint64_t be64_read(const uint8_t *at);
void be16_write(uint8_t *at, uint16_t value);
void be32_write(uint8_t *at, uint32_t value);
void be64_write(uint8_t *at, uint64_t value);

struct cursor {
    struct bytes left; // what has not been read yet
};

NODISCARD enum err cursor_u8(struct cursor *c, uint8_t *out);
NODISCARD enum err cursor_u16(struct cursor *c, uint16_t *out);
NODISCARD enum err cursor_u32(struct cursor *c, uint32_t *out);
NODISCARD enum err cursor_u64(struct cursor *c, uint64_t *out);
NODISCARD enum err cursor_take(struct cursor *c, size_t n, struct bytes *out);

/* Reads exactly `n` octets into `to`. */
NODISCARD enum err cursor_copy(struct cursor *c, uint8_t *to, size_t n);

/* LV(x): u32 length, then the octets (protocol.md, head). */
NODISCARD enum err cursor_lv(struct cursor *c, size_t max, struct bytes *out);

#endif
