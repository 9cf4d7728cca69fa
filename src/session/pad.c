#include "session/pad.h"

#include <string.h>

enum { MARK = 0x80 };

/* Padmé: the low bits of the length are rounded up, so that only O(log log n) bits
 * of it are told; at most 12 % more. */
static size_t padme(size_t len)
{
    const unsigned e = 63u - (unsigned)__builtin_clzll((unsigned long long)len);
    const unsigned s = e == 0 ? 0 : 32u - (unsigned)__builtin_clz(e);
    const size_t mask = ((size_t)1 << (e - s)) - 1;
    return (len + mask) & ~mask;
}

size_t pad_size(enum session_padding mode, size_t len)
{
    const size_t least = len + 1; // the mark always fits
    switch (mode) {
    case PADDING_OFF:
        return least;
    case PADDING_B1K:
        return (least + PAD_BLOCK - 1) / PAD_BLOCK * PAD_BLOCK;
    case PADDING_PADME:
        break;
    }
    return least <= PAD_MIN ? PAD_MIN : padme(least);
}

void pad_apply(uint8_t *at, size_t len, size_t size)
{
    at[len] = MARK;
    memset(at + len + 1, 0, size - len - 1);
}

enum err pad_strip(struct bytes padded, struct bytes *out)
{
    uint32_t found = 0; // all ones once the last nonzero octet has been met
    uint32_t bad = 0;
    size_t content = 0;
    // Reads every octet, branches on none: the time tells the length and no more.
    for (size_t i = padded.len; i-- > 0;) {
        const uint32_t octet = padded.at[i];
        const uint32_t nonzero = (uint32_t)0 - ((octet + 0xff) >> 8);
        const uint32_t first = nonzero & ~found;
        content |= i & (size_t)((int64_t)(int32_t)first);
        bad |= first & (octet ^ MARK);
        found |= nonzero;
    }
    if (found == 0 || bad != 0) {
        return ERR_PROTO;
    }
    *out = (struct bytes){padded.at, content};
    return OK;
}
