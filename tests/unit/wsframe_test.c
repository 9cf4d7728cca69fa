#include "test.h"

#include "wire/wsframe.h"

static const struct {
    const char *name;
    const char *hex;
    enum err want;
    uint64_t payload;
} cases[] = {
    {"empty input waits", "", ERR_AGAIN, 0},
    {"one octet waits", "81", ERR_AGAIN, 0},
    {"short text", "8105", OK, 5},
    {"masked, key missing, waits", "818501", ERR_AGAIN, 0},
    {"masked", "818501020304", OK, 5},
    {"16-bit length", "827e0100", OK, 256},
    {"16-bit length not minimal", "827e007d", ERR_PROTO, 0},
    {"64-bit length", "827f0000000000010000", OK, 65536},
    {"64-bit length not minimal", "827f000000000000ffff", ERR_PROTO, 0},
    {"64-bit length, top bit", "827f8000000000000000", ERR_PROTO, 0},
    {"reserved bit", "c100", ERR_PROTO, 0},
    {"unknown opcode", "8300", ERR_PROTO, 0},
    {"unknown control opcode", "8b00", ERR_PROTO, 0},
    {"fragmented ping", "0900", ERR_PROTO, 0},
    {"long ping", "897e0100", ERR_PROTO, 0},
    {"over the limit", "827f0000000000100001", ERR_LIMIT, 0},
};

TEST(wsframe_parse_table)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t raw[32];
        struct bytes in = test_unhex(cases[i].hex, raw, sizeof(raw));
        struct wsframe f = {.payload = 0};
        CASE(cases[i].name);
        EQ_INT(wsframe_parse(in, 1 << 20, &f), cases[i].want);
        EQ_U64(f.payload, cases[i].payload);
    }
}

/* Every truncation of a valid header must wait, never fail, never succeed. */
TEST(wsframe_parse_every_prefix)
{
    static const uint8_t raw[14] = {0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4};
    struct wsframe f = {.payload = 0};
    for (size_t n = 0; n < sizeof(raw); n++) {
        EQ_INT(wsframe_parse((struct bytes){raw, n}, 1 << 20, &f), ERR_AGAIN);
    }
    EQ_INT(wsframe_parse((struct bytes){raw, sizeof(raw)}, 1 << 20, &f), OK);
    EQ_INT(f.header_size, WSFRAME_HEADER_MAX);
}

TEST(wsframe_build_and_parse_are_inverse)
{
    static const uint64_t sizes[] = {0,     1,     125,        126,
                                     65535, 65536, UINT32_MAX, INT64_MAX};
    for (size_t i = 0; i < COUNT(sizes) * 4; i++) {
        const struct wsframe f = {
            .op = WSFRAME_BINARY,
            .fin = (i & 1) != 0,
            .masked = (i & 2) != 0,
            .mask = {1, 2, 3, (uint8_t)i},
            .payload = sizes[i / 4],
        };
        uint8_t raw[WSFRAME_HEADER_MAX];
        struct wsframe back = {.payload = 0};
        const size_t size = wsframe_build(&f, raw);
        EQ_INT(wsframe_parse((struct bytes){raw, size}, INT64_MAX, &back), OK);
        EQ_U64(back.payload, f.payload);
        EQ_INT(back.header_size, size);
        EQ_INT(back.fin, f.fin);
        EQ_INT(back.masked, f.masked);
        EQ_MEM(back.mask, f.mask, f.masked ? 4 : 0);
    }
}

/* RFC 6455 section 5.3, octet by octet, against every length, offset and alignment. */
TEST(wsframe_mask_is_the_figure_of_the_rfc)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t got[80];
    for (size_t at = 0; at < 8; at++) {
        for (size_t len = 0; len + at <= 70; len++) {
            for (uint64_t offset = 0; offset < 5; offset++) {
                memset(got, 0x55, sizeof(got));
                wsframe_mask(got + at, len, mask, offset);
                for (size_t i = 0; i < sizeof(got); i++) {
                    const bool inside = i >= at && i < at + len;
                    const uint8_t key = mask[(i - at + offset) % 4];
                    EQ_INT(got[i], inside ? 0x55 ^ key : 0x55);
                }
            }
        }
    }
}

RUN_TESTS(T(wsframe_parse_table), T(wsframe_parse_every_prefix),
          T(wsframe_build_and_parse_are_inverse),
          T(wsframe_mask_is_the_figure_of_the_rfc))
