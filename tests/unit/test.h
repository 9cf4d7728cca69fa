/*
 * test: the few words in which unit tests are written, over cmocka.
 *
 *     TEST(wsframe_every_prefix_waits) { … EQ_INT(got, want); … }
 *     RUN_TESTS(T(wsframe_every_prefix_waits))
 *
 * CASE(name) says which row of a table is running; a failure prints it.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/text.h"

static __attribute__((unused)) const char *test_case_name = "";

#define CASE(name) (test_case_name = (name))

#define TEST(name)                 \
    static void name##_body(void); \
    static void name(void **state) \
    {                              \
        (void)state;               \
        test_case_name = "";       \
        name##_body();             \
    }                              \
    static void name##_body(void)

#define T(name) cmocka_unit_test(name)

#define RUN_TESTS(...)                                    \
    int main(void)                                        \
    {                                                     \
        const struct CMUnitTest tests[] = {__VA_ARGS__};  \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

#define TEST_CHECK(ok, text)                                            \
    do {                                                                \
        if (!(ok)) {                                                    \
            print_error("%s:%d: case \"%s\": %s\n", __FILE__, __LINE__, \
                        test_case_name, (text));                        \
            fail();                                                     \
        }                                                               \
    } while (0)

#define EQ_INT(got, want)                                                        \
    do {                                                                         \
        const long long got_ = (long long)(got);                                 \
        const long long want_ = (long long)(want);                               \
        if (got_ != want_) {                                                     \
            print_error("%s:%d: case \"%s\": %s is %lld, want %lld\n", __FILE__, \
                        __LINE__, test_case_name, #got, got_, want_);            \
            fail();                                                              \
        }                                                                        \
    } while (0)

#define EQ_U64(got, want) EQ_INT(got, want)
#define TRUE(cond)        TEST_CHECK(cond, #cond " is false")
#define FALSE(cond)       TEST_CHECK(!(cond), #cond " is true")
#define EQ_STR(got, want) assert_string_equal(got, want)
#define EQ_MEM(got, want, len) \
    TEST_CHECK((len) == 0 || memcmp(got, want, len) == 0, #got " differs from " #want)
#define EQ_BYTES(got, want) \
    TEST_CHECK(bytes_equal(got, want), #got " differs from " #want)

/* Decodes hex into `raw`; the test fails when the literal is wrong. */
static inline struct bytes test_unhex(const char *hex, uint8_t *raw, size_t size)
{
    size_t len = 0;
    if (hex_decode(bytes_from_str(hex), raw, size, &len) != OK) {
        fail_msg("bad hex in the test: %s", hex);
    }
    return (struct bytes){raw, len};
}

/* The path of a vector file, or NULL when FARHAND_VECTORS is not set. */
static inline const char *test_vector_path(const char *name, char *path, size_t size)
{
    const char *dir = getenv("FARHAND_VECTORS");
    if (dir == NULL || text_format(path, size, "%s/%s", dir, name) != OK) {
        fail_msg("FARHAND_VECTORS is not set");
        return NULL;
    }
    return path;
}

#endif
