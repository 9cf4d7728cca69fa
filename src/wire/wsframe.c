#include "wire/wsframe.h"

#include <string.h>

enum {
    FIN_BIT = 0x80,
    RSV_BITS = 0x70,
    OP_BITS = 0x0F,
    MASK_BIT = 0x80,
    LEN_BITS = 0x7F,
    LEN_16BIT = 126,
    LEN_64BIT = 127,
};

static bool op_is_known(uint8_t op)
{
    return op <= WSFRAME_BINARY || (op >= WSFRAME_CLOSE && op <= WSFRAME_PONG);
}

static size_t length_field_size(uint8_t len7)
{
    if (len7 == LEN_64BIT) {
        return 8;
    }
    return len7 == LEN_16BIT ? 2 : 0;
}

static uint64_t read_length(const uint8_t *at, size_t size)
{
    return size == 8 ? be64_read(at) : be16_read(at);
}

/* Section 5.2: "the minimal number of bytes MUST be used", top bit clear. */
static bool length_is_canonical(uint64_t len, size_t field_size)
{
    if (field_size == 8) {
        return len > UINT16_MAX && len <= INT64_MAX;
    }
    return field_size == 0 || len >= LEN_16BIT;
}

enum err wsframe_parse(struct bytes in, uint64_t max_payload, struct wsframe *out)
{
    if (in.len < 2) {
        return ERR_AGAIN;
    }
    const uint8_t op = in.at[0] & OP_BITS;
    const bool fin = (in.at[0] & FIN_BIT) != 0;
    const bool masked = (in.at[1] & MASK_BIT) != 0;
    const uint8_t len7 = in.at[1] & LEN_BITS;

    if ((in.at[0] & RSV_BITS) != 0 || !op_is_known(op)) {
        return ERR_PROTO;
    }
    if (wsframe_is_control((enum wsframe_op)op) &&
        (!fin || len7 > WSFRAME_CONTROL_MAX)) {
        return ERR_PROTO;
    }

    const size_t ext = length_field_size(len7);
    const size_t size = 2 + ext + (masked ? 4 : 0);
    if (in.len < size) {
        return ERR_AGAIN;
    }
    const uint64_t payload = ext == 0 ? len7 : read_length(in.at + 2, ext);
    if (!length_is_canonical(payload, ext)) {
        return ERR_PROTO;
    }
    if (payload > max_payload) {
        return ERR_LIMIT;
    }

    *out = (struct wsframe){
        .op = (enum wsframe_op)op,
        .fin = fin,
        .masked = masked,
        .payload = payload,
        .header_size = (uint8_t)size,
    };
    if (masked) {
        memcpy(out->mask, in.at + 2 + ext, sizeof(out->mask));
    }
    return OK;
}

size_t wsframe_build(const struct wsframe *f, uint8_t *to)
{
    const uint8_t mask_bit = f->masked ? MASK_BIT : 0;
    size_t size = 2;
    to[0] = (uint8_t)((f->fin ? FIN_BIT : 0) | f->op);
    if (f->payload < LEN_16BIT) {
        to[1] = (uint8_t)(mask_bit | f->payload);
    } else if (f->payload <= UINT16_MAX) {
        to[1] = mask_bit | LEN_16BIT;
        be16_write(to + 2, (uint16_t)f->payload);
        size += 2;
    } else {
        to[1] = mask_bit | LEN_64BIT;
        be64_write(to + 2, f->payload);
        size += 8;
    }
    if (f->masked) {
        memcpy(to + size, f->mask, sizeof(f->mask));
        size += sizeof(f->mask);
    }
    return size;
}

/* Eight octets at a time through memcpy: no alignment is assumed, and compilers make
 * vector code of it. */
void wsframe_mask(uint8_t *at, size_t len, const uint8_t mask[4], uint64_t offset)
{
    uint8_t key[8];
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = mask[(offset + i) & 3];
    }
    uint64_t key64;
    memcpy(&key64, key, sizeof(key64));
    size_t i = 0;
    for (; i + sizeof(key64) <= len; i += sizeof(key64)) {
        uint64_t word;
        memcpy(&word, at + i, sizeof(word));
        word ^= key64;
        memcpy(at + i, &word, sizeof(word));
    }
    for (; i < len; i++) {
        at[i] ^= key[i & 7];
    }
}
