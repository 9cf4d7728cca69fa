#include "wire/tlv.h"

#include "test.h"

static const struct tlv_rule rules[] = {
    {1, 0, 8, TLV_REQUIRED},
    {2, 8, 8, 0},
    {6, 1, 4, TLV_REPEATED},
    {0x81, 0, 2, 0},
};

static const struct {
    const char *name;
    const char *hex;
    enum err want;
} cases[] = {
    {"the required one", "010000", OK},
    {"nothing", "", ERR_PROTO},
    {"required is missing", "0200080000000000000000", ERR_PROTO},
    {"half a header", "0100", ERR_PROTO},
    {"value cut", "01000261", ERR_PROTO},
    {"too long", "010009616161616161616161", ERR_PROTO},
    {"too short", "01000002000100", ERR_PROTO},
    {"twice", "010000010000", ERR_PROTO},
    {"repeated where it may", "01000006000161060001620600016a", OK},
    {"unknown is skipped", "010000550000", OK},
    {"unknown twice", "010000550000550000", ERR_PROTO},
    {"unknown and critical", "010000820000", ERR_PROTO},
    {"known and critical", "010000810000", OK},
};

TEST(tlv_table)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t raw[64];
        CASE(cases[i].name);
        EQ_INT(
            tlv_check(test_unhex(cases[i].hex, raw, sizeof(raw)), rules, COUNT(rules)),
            cases[i].want);
    }
}

TEST(what_was_put_is_found)
{
    struct buf b;
    struct bytes v;
    uint8_t long_value[UINT16_MAX + 1] = {0};
    buf_init(&b, 256);
    EQ_INT(tlv_put(&b, 1, BYTES_LIT("abc")), OK);
    EQ_INT(tlv_put_u64(&b, 2, 77), OK);
    EQ_INT(tlv_put(&b, 6, BYTES_LIT("x")), OK);
    EQ_INT(tlv_put(&b, 6, BYTES_LIT("y")), OK);
    EQ_INT(tlv_put_u32(&b, 9, 5), OK);
    EQ_INT(tlv_put_u8(&b, 10, 6), OK);
    EQ_INT(tlv_put(&b, 11, BYTES_OF(long_value)), ERR_LIMIT);
    EQ_INT(tlv_check(buf_bytes(&b), rules, COUNT(rules)), OK);
    TRUE(tlv_get(buf_bytes(&b), 1, &v) && bytes_equal_str(v, "abc"));
    TRUE(tlv_get(buf_bytes(&b), 2, &v) && be64_read(v.at) == 77);
    TRUE(tlv_get(buf_bytes(&b), 9, &v) && be32_read(v.at) == 5);
    FALSE(tlv_get(buf_bytes(&b), 3, &v));
    struct cursor c = {buf_bytes(&b)};
    TRUE(tlv_next(&c, 6, &v) && bytes_equal_str(v, "x"));
    TRUE(tlv_next(&c, 6, &v) && bytes_equal_str(v, "y"));
    FALSE(tlv_next(&c, 6, &v));
    buf_fini(&b);
}

RUN_TESTS(T(tlv_table), T(what_was_put_is_found))
