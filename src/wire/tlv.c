#include "wire/tlv.h"

enum { CRITICAL = 0x80, TAGS = 256 };

static enum err read_one(struct cursor *c, uint8_t *tag, struct bytes *value)
{
    uint16_t len = 0;
    struct cursor at = *c;
    uint8_t t = 0;
    struct bytes v = BYTES_NONE;
    if (cursor_u8(&at, &t) != OK || cursor_u16(&at, &len) != OK ||
        cursor_take(&at, len, &v) != OK) {
        return ERR_PROTO;
    }
    *c = at;
    *tag = t;
    *value = v;
    return OK;
}

static const struct tlv_rule *rule_of(const struct tlv_rule *rules, size_t n,
                                      uint8_t tag)
{
    for (size_t i = 0; i < n; i++) {
        if (rules[i].tag == tag) {
            return &rules[i];
        }
    }
    return NULL;
}

static bool fits(const struct tlv_rule *rule, uint8_t tag, size_t len, bool again)
{
    if (rule == NULL) {
        return tag < CRITICAL && !again;
    }
    if (again && (rule->flags & TLV_REPEATED) == 0) {
        return false;
    }
    return len >= rule->min && len <= rule->max;
}

enum err tlv_check(struct bytes in, const struct tlv_rule *rules, size_t n)
{
    bool seen[TAGS] = {false};
    struct cursor c = {in};
    while (c.left.len != 0) {
        uint8_t tag = 0;
        struct bytes value = BYTES_NONE;
        if (read_one(&c, &tag, &value) != OK) {
            return ERR_PROTO;
        }
        if (!fits(rule_of(rules, n, tag), tag, value.len, seen[tag])) {
            return ERR_PROTO;
        }
        seen[tag] = true;
    }
    for (size_t i = 0; i < n; i++) {
        if ((rules[i].flags & TLV_REQUIRED) != 0 && !seen[rules[i].tag]) {
            return ERR_PROTO;
        }
    }
    return OK;
}

bool tlv_next(struct cursor *c, uint8_t tag, struct bytes *out)
{
    while (c->left.len != 0) {
        uint8_t t = 0;
        struct bytes value = BYTES_NONE;
        if (read_one(c, &t, &value) != OK) {
            return false;
        }
        if (t == tag) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool tlv_get(struct bytes in, uint8_t tag, struct bytes *out)
{
    struct cursor c = {in};
    return tlv_next(&c, tag, out);
}

enum err tlv_put(struct buf *b, uint8_t tag, struct bytes value)
{
    if (value.len > UINT16_MAX) {
        return ERR_LIMIT;
    }
    uint8_t *to = NULL;
    const enum err e = buf_reserve(b, 3 + value.len, &to);
    if (e != OK) {
        return e;
    }
    to[0] = tag;
    be16_write(to + 1, (uint16_t)value.len);
    for (size_t i = 0; i < value.len; i++) {
        to[3 + i] = value.at[i];
    }
    buf_grew(b, 3 + value.len);
    return OK;
}

enum err tlv_put_u8(struct buf *b, uint8_t tag, uint8_t value)
{
    return tlv_put(b, tag, (struct bytes){&value, 1});
}

enum err tlv_put_u32(struct buf *b, uint8_t tag, uint32_t value)
{
    uint8_t raw[4];
    be32_write(raw, value);
    return tlv_put(b, tag, BYTES_OF(raw));
}

enum err tlv_put_u64(struct buf *b, uint8_t tag, uint64_t value)
{
    uint8_t raw[8];
    be64_write(raw, value);
    return tlv_put(b, tag, BYTES_OF(raw));
}
