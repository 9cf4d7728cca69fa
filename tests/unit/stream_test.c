#include "session/stream.h"

#include "test.h"

static const struct {
    const char *name;
    const char *hex;
    enum err want;
} cases[] = {
    {"nothing", "", ERR_PROTO},
    {"half a head", "0001", ERR_PROTO},
    {"a head alone", "000100", OK},
    {"all flags", "ffff0761", OK},
    {"an unknown flag", "000108", ERR_PROTO},
};

TEST(fragment_table)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t raw[16];
        struct fragment f = {.stream = 0};
        CASE(cases[i].name);
        EQ_INT(fragment_read(test_unhex(cases[i].hex, raw, sizeof(raw)), &f),
               cases[i].want);
    }
}

TEST(a_fragment_has_sixty_kilobytes_at_most)
{
    static uint8_t raw[STREAM_HEADER + STREAM_FRAGMENT_MAX + 1];
    struct fragment f;
    EQ_INT(fragment_read((struct bytes){raw, sizeof(raw) - 1}, &f), OK);
    EQ_INT(f.octets.len, STREAM_FRAGMENT_MAX);
    EQ_INT(fragment_read(BYTES_OF(raw), &f), ERR_PROTO);
}

TEST(a_message_is_cut_and_put_together_at_every_length_around_a_border)
{
    static uint8_t raw[3 * STREAM_FRAGMENT_MAX];
    for (size_t i = 0; i < sizeof(raw); i++) {
        raw[i] = (uint8_t)(i * 7);
    }
    static const size_t lengths[] = {0,
                                     1,
                                     STREAM_FRAGMENT_MAX - 1,
                                     STREAM_FRAGMENT_MAX,
                                     STREAM_FRAGMENT_MAX + 1,
                                     2 * STREAM_FRAGMENT_MAX,
                                     3 * STREAM_FRAGMENT_MAX};
    struct assembly a = {.begun = false};
    for (size_t k = 0; k < COUNT(lengths); k++) {
        const struct bytes message = {raw, lengths[k]};
        const size_t n = fragment_count(message.len);
        struct bytes got = BYTES_NONE;
        bool whole = false;
        for (size_t i = 0; i < n; i++) {
            const struct fragment f = {
                .flags = i + 1 < n ? STREAM_MORE : 0,
                .octets = fragment_part(message, i),
            };
            FALSE(whole);
            EQ_INT(assembly_take(&a, &f, &got, &whole), OK);
        }
        TRUE(whole);
        EQ_BYTES(got, message);
    }
    assembly_fini(&a);
}

TEST(a_message_over_eight_megabytes_is_refused)
{
    static const uint8_t part[STREAM_FRAGMENT_MAX];
    const struct fragment f = {.flags = STREAM_MORE, .octets = BYTES_OF(part)};
    struct assembly a = {.begun = false};
    struct bytes got = BYTES_NONE;
    bool whole = false;
    enum err e = OK;
    size_t n = 0;
    while (e == OK) {
        e = assembly_take(&a, &f, &got, &whole);
        n++;
    }
    EQ_INT(e, ERR_LIMIT);
    EQ_INT(n, STREAM_MESSAGE_MAX / STREAM_FRAGMENT_MAX + 1);
    TRUE(assembly_len(&a) <= STREAM_MESSAGE_MAX);
    assembly_fini(&a);
}

RUN_TESTS(T(fragment_table), T(a_fragment_has_sixty_kilobytes_at_most),
          T(a_message_is_cut_and_put_together_at_every_length_around_a_border),
          T(a_message_over_eight_megabytes_is_refused))
