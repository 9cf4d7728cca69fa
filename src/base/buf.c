#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

#define BUF_FIRST 256 // the first allocation; most messages fit

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    mem_free(b->at);
    *b = (struct buf){.max = b->max};
}

void buf_wipe(struct buf *b)
{
    if (b->at != NULL) {
        secret_wipe(b->at, b->cap);
    }
    buf_fini(b);
}

size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

struct bytes buf_bytes(const struct buf *b)
{
    if (b->at == NULL) {
        return BYTES_NONE;
    }
    return (struct bytes){b->at + b->start, b->end - b->start};
}

void buf_clear(struct buf *b)
{
    b->start = 0;
    b->end = 0;
}

void buf_release(struct buf *b)
{
    buf_fini(b);
}

void buf_consume(struct buf *b, size_t n)
{
    b->start += n;
    if (b->start >= b->end) {
        buf_clear(b);
    }
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len < buf_len(b)) {
        b->end = b->start + len;
    }
}

static void move_to_front(struct buf *b)
{
    if (b->start != 0) {
        memmove(b->at, b->at + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
}

static enum err grow(struct buf *b, size_t need)
{
    size_t cap = b->cap == 0 ? BUF_FIRST : b->cap;
    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    }
    uint8_t *at = mem_try_resize(b->at, cap);
    if (at == NULL) {
        return ERR_NOMEM;
    }
    b->at = at;
    b->cap = cap;
    return OK;
}

enum err buf_reserve(struct buf *b, size_t n, uint8_t **out)
{
    const size_t len = buf_len(b);
    if (n > b->max || len > b->max - n) {
        return ERR_LIMIT;
    }
    if (b->cap - b->end < n) {
        move_to_front(b);
    }
    if (b->cap - b->end < n || b->at == NULL) {
        const enum err e = grow(b, b->end + n);
        if (e != OK) {
            return e;
        }
    }
    *out = b->at + b->end;
    return OK;
}

void buf_grew(struct buf *b, size_t n)
{
    b->end += n;
}

enum err buf_put(struct buf *b, struct bytes octets)
{
    uint8_t *to;
    const enum err e = buf_reserve(b, octets.len, &to);
    if (e != OK) {
        return e;
    }
    if (octets.len != 0) {
        memcpy(to, octets.at, octets.len);
        b->end += octets.len;
    }
    return OK;
}

enum err buf_put_str(struct buf *b, const char *text)
{
    return buf_put(b, bytes_from_str(text));
}

enum err buf_put_u8(struct buf *b, uint8_t value)
{
    return buf_put(b, (struct bytes){&value, 1});
}

enum err buf_put_u16(struct buf *b, uint16_t value)
{
    uint8_t raw[2];
    be16_write(raw, value);
    return buf_put(b, BYTES_OF(raw));
}

enum err buf_put_u32(struct buf *b, uint32_t value)
{
    uint8_t raw[4];
    be32_write(raw, value);
    return buf_put(b, BYTES_OF(raw));
}

enum err buf_put_u64(struct buf *b, uint64_t value)
{
    uint8_t raw[8];
    be64_write(raw, value);
    return buf_put(b, BYTES_OF(raw));
}

enum err buf_put_lv(struct buf *b, struct bytes octets)
{
    const size_t before = buf_len(b);
    if (octets.len > UINT32_MAX) {
        return ERR_LIMIT;
    }
    enum err e = buf_put_u32(b, (uint32_t)octets.len);
    if (e == OK) {
        e = buf_put(b, octets);
    }
    if (e != OK) {
        buf_truncate(b, before);
    }
    return e;
}

enum err buf_putf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    enum err e = ERR_LIMIT;
    uint8_t *to;
    if (len >= 0 && (size_t)len < b->max) {
        e = buf_reserve(b, (size_t)len + 1, &to);
    }
    if (e == OK) {
        (void)vsnprintf((char *)to, (size_t)len + 1, format, again);
        b->end += (size_t)len;
    }
    va_end(again);
    return e;
}

enum err buf_cstr(struct buf *b, const char **out)
{
    uint8_t *to;
    const enum err e = buf_reserve(b, 1, &to);
    if (e != OK) {
        return e;
    }
    *to = '\0';
    *out = (const char *)b->at + b->start;
    return OK;
}
