#include "base/bytes.h"

#include <string.h>

struct bytes bytes_from_str(const char *text)
{
    if (text == NULL) {
        return BYTES_NONE;
    }
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool bytes_equal_str(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_from_str(text));
}

struct bytes bytes_sub(struct bytes b, size_t from, size_t len)
{
    if (from >= b.len) {
        return BYTES_NONE;
    }
    const size_t left = b.len - from;
    return (struct bytes){b.at + from, len < left ? len : left};
}

uint16_t be16_read(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t be32_read(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint64_t be64_read(const uint8_t *at)
{
    return (uint64_t)be32_read(at) << 32 | be32_read(at + 4);
}

void be16_write(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void be32_write(uint8_t *at, uint32_t value)
{
    be16_write(at, (uint16_t)(value >> 16));
    be16_write(at + 2, (uint16_t)value);
}

void be64_write(uint8_t *at, uint64_t value)
{
    be32_write(at, (uint32_t)(value >> 32));
    be32_write(at + 4, (uint32_t)value);
}

enum err cursor_take(struct cursor *c, size_t n, struct bytes *out)
{
    if (c->left.len < n) {
        return ERR_PROTO;
    }
    *out = (struct bytes){c->left.at, n};
    if (n != 0) {
        c->left.at += n;
        c->left.len -= n;
    }
    return OK;
}

enum err cursor_u8(struct cursor *c, uint8_t *out)
{
    struct bytes b;
    const enum err e = cursor_take(c, 1, &b);
    if (e == OK) {
        *out = b.at[0];
    }
    return e;
}

enum err cursor_u16(struct cursor *c, uint16_t *out)
{
    struct bytes b;
    const enum err e = cursor_take(c, 2, &b);
    if (e == OK) {
        *out = be16_read(b.at);
    }
    return e;
}

enum err cursor_u32(struct cursor *c, uint32_t *out)
{
    struct bytes b;
    const enum err e = cursor_take(c, 4, &b);
    if (e == OK) {
        *out = be32_read(b.at);
    }
    return e;
}

enum err cursor_u64(struct cursor *c, uint64_t *out)
{
    struct bytes b;
    const enum err e = cursor_take(c, 8, &b);
    if (e == OK) {
        *out = be64_read(b.at);
    }
    return e;
}

enum err cursor_copy(struct cursor *c, uint8_t *to, size_t n)
{
    struct bytes b;
    const enum err e = cursor_take(c, n, &b);
    if (e == OK && n != 0) {
        memcpy(to, b.at, n);
    }
    return e;
}

enum err cursor_lv(struct cursor *c, size_t max, struct bytes *out)
{
    struct cursor ahead = *c;
    uint32_t len;
    struct bytes value;
    if (cursor_u32(&ahead, &len) != OK || len > max ||
        cursor_take(&ahead, len, &value) != OK) {
        return ERR_PROTO;
    }
    *c = ahead;
    *out = value;
    return OK;
}
