#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/secret.h"

TEST(buf_holds_what_was_put_and_refuses_more_than_its_maximum)
{
    struct buf b;
    buf_init(&b, 8);
    EQ_INT(buf_put_str(&b, "abcdef"), OK);
    EQ_INT(buf_put_str(&b, "ghi"), ERR_LIMIT);
    EQ_BYTES(buf_bytes(&b), BYTES_LIT("abcdef"));
    buf_consume(&b, 4);
    EQ_INT(buf_put_str(&b, "ghi"), OK);
    EQ_BYTES(buf_bytes(&b), BYTES_LIT("efghi"));
    buf_fini(&b);
}

TEST(buf_survives_every_failing_allocation)
{
    for (unsigned n = 1; n < 4; n++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        mem_fail_at(n);
        bool failed = false;
        for (int i = 0; i < 4000; i++) {
            const size_t before = buf_len(&b);
            if (buf_put_str(&b, "0123456789") != OK) {
                failed = true;
                EQ_U64(buf_len(&b), before);
            }
        }
        TRUE(failed);
        mem_fail_at(0);
        buf_fini(&b);
    }
}

TEST(buf_lv_is_all_or_nothing)
{
    struct buf b;
    buf_init(&b, 6);
    EQ_INT(buf_put_lv(&b, BYTES_LIT("abc")), ERR_LIMIT);
    EQ_U64(buf_len(&b), 0);
    EQ_INT(buf_put_lv(&b, BYTES_LIT("ab")), OK);
    EQ_BYTES(buf_bytes(&b), BYTES_LIT("\0\0\0\2ab"));
    buf_fini(&b);
}

TEST(cursor_reads_nothing_from_a_short_input)
{
    struct cursor c = {BYTES_LIT("\0\0\0\5abcd")};
    struct bytes out;
    EQ_INT(cursor_lv(&c, 100, &out), ERR_PROTO);
    EQ_U64(c.left.len, 8);
    c.left = BYTES_LIT("\0\0\0\4abcdX");
    EQ_INT(cursor_lv(&c, 3, &out), ERR_PROTO);
    EQ_INT(cursor_lv(&c, 4, &out), OK);
    EQ_BYTES(out, BYTES_LIT("abcd"));
    EQ_U64(c.left.len, 1);
}

struct member {
    struct map_node node;
    uint8_t key[4];
};

TEST(map_finds_what_was_put_until_it_is_removed)
{
    static struct member members[500];
    struct map m;
    map_init(&m);
    for (uint32_t i = 0; i < COUNT(members); i++) {
        be32_write(members[i].key, i);
        EQ_INT(map_put(&m, BYTES_OF(members[i].key), &members[i].node), OK);
        struct map_node again;
        EQ_INT(map_put(&m, BYTES_OF(members[i].key), &again), ERR_EXISTS);
    }
    for (uint32_t i = 0; i < COUNT(members); i += 2) {
        map_remove(&m, &members[i].node);
    }
    size_t seen = 0;
    for (struct map_node *n = map_next(&m, NULL); n != NULL; n = map_next(&m, n)) {
        seen++;
    }
    EQ_U64(seen, COUNT(members) / 2);
    TRUE(map_get(&m, BYTES_OF(members[0].key)) == NULL);
    TRUE(map_get(&m, BYTES_OF(members[1].key)) == &members[1].node);
    map_fini(&m);
}

TEST(b64url_round_trips_and_has_one_spelling)
{
    uint8_t raw[40];
    uint8_t back[40];
    char text[B64URL_SIZE(sizeof(raw))];
    for (size_t n = 0; n <= sizeof(raw); n++) {
        memset(raw, (int)(n * 37), n);
        b64url_encode((struct bytes){raw, n}, text);
        EQ_U64(strlen(text), B64URL_SIZE(n) - 1);
        size_t len = 0;
        EQ_INT(b64url_decode(bytes_from_str(text), back, sizeof(back), &len), OK);
        EQ_U64(len, n);
        EQ_MEM(raw, back, n);
    }
    static const char *const bad[] = {"A",  "AB=", "AB==", "A B",
                                      "AB", "A+B", "_x",   "AAF"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t len = 0;
        CASE(bad[i]);
        EQ_INT(b64url_decode(bytes_from_str(bad[i]), back, sizeof(back), &len),
               ERR_PROTO);
    }
}

TEST(utf8_table)
{
    static const struct {
        const char *hex;
        bool valid;
    } cases[] = {{"", true},         {"41", true},        {"c3a9", true},
                 {"c080", false},    {"e282ac", true},    {"eda080", false},
                 {"f09f9880", true}, {"f4908080", false}, {"80", false},
                 {"e282", false},    {"f8888080", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t raw[8];
        CASE(cases[i].hex);
        EQ_INT(utf8_is_valid(test_unhex(cases[i].hex, raw, sizeof(raw))),
               cases[i].valid);
    }
}

TEST(sanitized_text_has_no_controls_and_fits)
{
    char out[8];
    text_sanitize(BYTES_LIT("a\x1b[31mb"), out, sizeof(out));
    EQ_STR(out, "a?[31mb");
    text_sanitize(BYTES_LIT("\xe2\x80\xae"
                            "evil"),
                  out, sizeof(out));
    EQ_STR(out, "?evil");
    text_sanitize(BYTES_LIT("12345\xe2\x82\xac"), out, sizeof(out));
    EQ_STR(out, "12345");
}

TEST(nearest_word_is_suggested_only_when_close)
{
    static const char *const words[] = {"pair", "devices", "status"};
    EQ_STR(text_nearest("pari", words, COUNT(words)), "pair");
    EQ_STR(text_nearest("device", words, COUNT(words)), "devices");
    TRUE(text_nearest("xylophone", words, COUNT(words)) == NULL);
}

TEST(file_is_replaced_whole_and_links_are_refused)
{
    char dir[] = "/tmp/farhand-test-XXXXXX";
    TRUE(mkdtemp(dir) != NULL);
    char path[64];
    char link_path[64];
    EQ_INT(text_format(path, sizeof(path), "%s/f", dir), OK);
    EQ_INT(text_format(link_path, sizeof(link_path), "%s/l", dir), OK);
    struct buf b;
    buf_init(&b, 10);
    EQ_INT(file_read(path, &b), ERR_NOT_FOUND);
    EQ_INT(file_replace(path, BYTES_LIT("one"), 0600), OK);
    EQ_INT(file_replace(path, BYTES_LIT("two"), 0600), OK);
    EQ_INT(file_read_secret(path, &b), OK);
    EQ_BYTES(buf_bytes(&b), BYTES_LIT("two"));
    EQ_INT(symlink(path, link_path), 0);
    EQ_INT(file_read(link_path, &b), ERR_DENIED);
    EQ_INT(file_replace(path, BYTES_LIT("0123456789a"), 0644), OK);
    EQ_INT(file_read_secret(path, &b), ERR_DENIED);
    buf_clear(&b);
    EQ_INT(file_read(path, &b), ERR_LIMIT);
    buf_fini(&b);
    (void)unlink(link_path);
    (void)unlink(path);
    (void)rmdir(dir);
}

TEST(a_folder_that_others_may_write_to_is_refused)
{
    char dir[] = "/tmp/farhand-test-XXXXXX";
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(file_make_dir(dir, 0700), OK);
    EQ_INT(chmod(dir, 0755), 0);
    EQ_INT(file_make_dir(dir, 0700), OK);
    EQ_INT(chmod(dir, 0775), 0);
    EQ_INT(file_make_dir(dir, 0700), ERR_DENIED);
    (void)rmdir(dir);
}

TEST(secrets_compare_and_wipe)
{
    struct secret s = {.len = 0};
    secret_set(&s, BYTES_LIT("sesame"));
    TRUE(secret_equal(secret_bytes(&s), BYTES_LIT("sesame")));
    FALSE(secret_equal(secret_bytes(&s), BYTES_LIT("sesamf")));
    FALSE(secret_equal(secret_bytes(&s), BYTES_LIT("sesam")));
    secret_fini(&s);
    EQ_INT(s.octets[0], 0);
}

RUN_TESTS(T(buf_holds_what_was_put_and_refuses_more_than_its_maximum),
          T(buf_survives_every_failing_allocation), T(buf_lv_is_all_or_nothing),
          T(cursor_reads_nothing_from_a_short_input),
          T(map_finds_what_was_put_until_it_is_removed),
          T(b64url_round_trips_and_has_one_spelling), T(utf8_table),
          T(sanitized_text_has_no_controls_and_fits),
          T(nearest_word_is_suggested_only_when_close),
          T(file_is_replaced_whole_and_links_are_refused),
          T(a_folder_that_others_may_write_to_is_refused), T(secrets_compare_and_wipe))
