#include "test.h"

#include <math.h>

#include "base/file.h"
#include "base/mem.h"
#include "wire/toml.h"

/* ---- the suite of toml-lang/toml-test, for TOML 1.0 ----------------------------------- */

static bool same_float(const char *a, const char *b)
{
    const double x = strtod(a, NULL);
    const double y = strtod(b, NULL);
    return (isnan(x) && isnan(y)) || (x <= y && x >= y);
}

/* "…56.6Z" and "…56.600Z" are one time. */
static bool same_time(const char *a, const char *b)
{
    const char *dot_a = strchr(a, '.');
    const char *dot_b = strchr(b, '.');
    if (dot_a == NULL || dot_b == NULL || dot_a - a != dot_b - b) {
        return strcmp(a, b) == 0;
    }
    const size_t len_a = strspn(dot_a + 1, "0123456789") + 1;
    const size_t len_b = strspn(dot_b + 1, "0123456789") + 1;
    for (size_t i = 1; i < len_a || i < len_b; i++) {
        if ((i < len_a ? dot_a[i] : '0') != (i < len_b ? dot_b[i] : '0')) {
            return false;
        }
    }
    return strncmp(a, b, (size_t)(dot_a - a)) == 0 &&
           strcmp(dot_a + len_a, dot_b + len_b) == 0;
}

/* A tagged leaf whose text may be spelled differently. */
static bool same_leaf(const json_t *got, const char *type, const char *text)
{
    const char *got_type = json_get_str(got, "type");
    const char *got_text = json_get_str(got, "value");
    if (got_type == NULL || got_text == NULL || strcmp(got_type, type) != 0) {
        return false;
    }
    return strcmp(type, "float") == 0 ? same_float(got_text, text)
                                      : same_time(got_text, text);
}

static bool same(const json_t *got, const json_t *want);

static bool same_object(json_t *got, json_t *want)
{
    const char *key;
    json_t *value;
    const char *type = json_get_str(want, "type");
    const char *text = json_get_str(want, "value");
    if (type != NULL && text != NULL &&
        (strcmp(type, "float") == 0 || strstr(type, "time") != NULL)) {
        return same_leaf(got, type, text);
    }
    if (json_object_size(got) != json_object_size(want)) {
        return false;
    }
    json_object_foreach(want, key, value)
    {
        if (!same(json_object_get(got, key), value)) {
            return false;
        }
    }
    return true;
}

static bool same(const json_t *got, const json_t *want)
{
    if (json_is_object(want)) {
        return json_is_object(got) &&
               same_object((json_t *)(uintptr_t)got, (json_t *)(uintptr_t)want);
    }
    if (!json_is_array(want)) {
        return json_equal((json_t *)(uintptr_t)got, (json_t *)(uintptr_t)want) != 0;
    }
    if (!json_is_array(got) || json_array_size(got) != json_array_size(want)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(want); i++) {
        if (!same(json_array_get(got, i), json_array_get(want, i))) {
            return false;
        }
    }
    return true;
}

static struct bytes load(const char *name, struct buf *out)
{
    char path[600];
    char relative[300];
    EQ_INT(text_format(relative, sizeof(relative), "toml-test/%s", name), OK);
    buf_init(out, TOML_MAX);
    EQ_INT(file_read(test_vector_path(relative, path, sizeof(path)), out), OK);
    return buf_bytes(out);
}

static void check_valid(const char *name)
{
    char expected[300];
    struct buf toml;
    struct buf json;
    struct diag diag = {""};
    json_t *got = NULL;
    json_t *want = NULL;
    const struct bytes text = load(name, &toml);
    EQ_INT(text_format(expected, sizeof(expected), "%.*s.json", (int)strlen(name) - 5,
                       name),
           OK);
    EQ_INT(json_parse(load(expected, &json), &want), OK);
    if (toml_parse_tagged(text, &got, &diag) != OK) {
        fail_msg("%s: %s", name, diag.text);
    }
    if (!same(got, want)) {
        struct buf shown;
        const char *said = "";
        buf_init(&shown, 1 << 20);
        EQ_INT(json_print(got, &shown), OK);
        EQ_INT(buf_cstr(&shown, &said), OK);
        fail_msg("%s: read as %s", name, said);
    }
    json_decref(got);
    json_decref(want);
    buf_fini(&toml);
    buf_fini(&json);
}

static void check_invalid(const char *name)
{
    struct buf toml;
    struct diag diag = {""};
    json_t *got = NULL;
    if (toml_parse_tagged(load(name, &toml), &got, &diag) != ERR_PROTO) {
        fail_msg("%s: accepted", name);
    }
    TRUE(strncmp(diag.text, "line ", 5) == 0);
    buf_fini(&toml);
}

TEST(every_document_of_the_suite_reads_as_it_says)
{
    struct buf list;
    unsigned n = 0;
    struct bytes left = load("files-toml-1.0.0", &list);
    while (left.len != 0) {
        char name[256];
        const uint8_t *end = memchr(left.at, '\n', left.len);
        const size_t len = end == NULL ? left.len : (size_t)(end - left.at);
        EQ_INT(text_format(name, sizeof(name), "%.*s", (int)len, (const char *)left.at),
               OK);
        left = bytes_sub(left, len + 1, left.len);
        const size_t at = strlen(name);
        if (at < 5 || strcmp(name + at - 5, ".toml") != 0) {
            continue;
        }
        n++;
        CASE(name);
        /* JSON objects of ours hold no key with a NUL: that one document is refused. */
        const bool refused = strcmp(name, "valid/key/quoted-unicode.toml") == 0;
        if (strncmp(name, "valid/", 6) == 0 && !refused) {
            check_valid(name);
        } else {
            check_invalid(name);
        }
    }
    TRUE(n > 600);
    buf_fini(&list);
}

/* ---- our own -------------------------------------------------------------------------------- */

TEST(plain_values_are_ordinary_json)
{
    static const char text[] =
        "name = \"desk\"\nport = 4317\n[relay]\nurl = 'wss://r'\n"
        "ratio = 0.5\non = true\nsince = 2026-11-22 10:00:00z\n"
        "list = [1, [2]]\n[[rule]]\na = {b.c = 1}\n[[rule]]\n";
    json_t *v = NULL;
    struct buf out;
    buf_init(&out, 1000);
    EQ_INT(toml_parse(BYTES_LIT(text), &v, NULL), OK);
    EQ_INT(json_print(v, &out), OK);
    EQ_BYTES(
        buf_bytes(&out),
        BYTES_LIT("{\"name\":\"desk\",\"port\":4317,\"relay\":{\"url\":\"wss://r\","
                  "\"ratio\":0.5,\"on\":true,\"since\":\"2026-11-22T10:00:00Z\","
                  "\"list\":[1,[2]]},\"rule\":[{\"a\":{\"b\":{\"c\":1}}},{}]}"));
    json_decref(v);
    buf_fini(&out);
}

TEST(a_mistake_is_told_with_its_line)
{
    static const struct {
        const char *text;
        const char *want;
        enum err e;
    } cases[] = {
        {"a = 1\na = 2\n", "line 2: the same key twice", ERR_PROTO},
        {"a = 1\n\nb 2\n", "line 3: '=' is missing after a key", ERR_PROTO},
        {"[a]\n[a]\n", "line 2: the same table twice", ERR_PROTO},
        {"a = nope", "line 1: not a value", ERR_PROTO},
        {"a = \"x", "line 1: a string is not closed", ERR_PROTO},
        {"a = inf", "line 1: inf has no meaning here", ERR_USAGE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct diag diag = {""};
        json_t *v = NULL;
        CASE(cases[i].text);
        EQ_INT(toml_parse(bytes_from_str(cases[i].text), &v, &diag), cases[i].e);
        EQ_STR(diag.text, cases[i].want);
    }
}

TEST(depth_and_length_are_capped)
{
    char text[2 * TOML_DEPTH_MAX + 10] = "a=";
    json_t *v = NULL;
    memset(text + 2, '[', TOML_DEPTH_MAX);
    memset(text + 2 + TOML_DEPTH_MAX, ']', TOML_DEPTH_MAX);
    EQ_INT(toml_parse(bytes_from_str(text), &v, NULL), OK);
    json_decref(v);
    memset(text + 2, '[', TOML_DEPTH_MAX + 1);
    EQ_INT(toml_parse(bytes_from_str(text), &v, NULL), ERR_LIMIT);
    memset(text, 'a', sizeof(text) - 1);
    for (size_t i = 1; i < sizeof(text) - 1; i += 2) {
        text[i] = '.';
    }
    text[sizeof(text) - 1] = '\0';
    EQ_INT(toml_parse(bytes_from_str(text), &v, NULL), ERR_LIMIT);
}

TEST(every_failing_allocation_is_survived)
{
    static const char text[] = "a.b = [1, {c = \"d\"}]\n[e.f]\ng = 'h'\n[[i]]\n[[i]]\n";
    json_t *v = NULL;
    mem_fail_at(0);
    EQ_INT(toml_parse(BYTES_LIT(text), &v, NULL), OK);
    const unsigned n = mem_tries();
    json_decref(v);
    for (unsigned i = 1; i <= n; i++) {
        v = NULL;
        mem_fail_at(i);
        const enum err e = toml_parse(BYTES_LIT(text), &v, NULL);
        mem_fail_at(0);
        EQ_INT(e == OK, v != NULL);
        TRUE(e == OK || e == ERR_NOMEM);
        json_decref(v);
    }
}

RUN_TESTS(T(every_document_of_the_suite_reads_as_it_says),
          T(plain_values_are_ordinary_json), T(a_mistake_is_told_with_its_line),
          T(depth_and_length_are_capped), T(every_failing_allocation_is_survived))
