#include "test.h"

#include "base/mem.h"
#include "wire/jsonrpc.h"

/* ---- whole values ----------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool raw;   // the scanner takes it
    bool whole; // the reader takes it
} values[] = {
    {"{}", true, true},
    {" [1, -2.5e+3, true, false, null, \"a\\n\\u00e9\"] ", true, true},
    {"{\"a\":{\"b\":[[],{}]}}", true, true},
    {"[9223372036854775807]", true, true},
    {"[9223372036854775808]", true, false}, // not exact
    {"{\"a\":1,\"a\":2}", true, false},     // twice the same key
    {"[\"\\ud83d\\ude00\"]", true, true},
    {"[\"\\ud83d\"]", true, false}, // half a pair
    {"[\"\\u0000\"]", true, true},
    {"[\"\xff\"]", true, false},
    {"[01]", false, false},
    {"[1.]", false, false},
    {"[.5]", false, false},
    {"[+1]", false, false},
    {"[1e]", false, false},
    {"[-]", false, false},
    {"[1,]", false, false},
    {"[,1]", false, false},
    {"{\"a\":}", false, false},
    {"{\"a\" 1}", false, false},
    {"{a:1}", false, false},
    {"{\"a\":1,}", false, false},
    {"[\"\\x\"]", false, false},
    {"[\"\\u12g4\"]", false, false},
    {"[\"a\nb\"]", false, false},
    {"[\"a]", false, false},
    {"[tru]", false, false},
    {"[1", false, false},
    {"[1}", false, false},
    {"", false, false},
};

TEST(a_peer_cannot_make_a_small_text_a_large_tree)
{
    const size_t n = JSON_VALUES_MAX;
    char *text = malloc(3 * n + 3);
    json_t *value = NULL;
    memset(text, ',', 3 * n + 3);
    text[0] = '[';
    for (size_t i = 0; i < n; i++) {
        memcpy(text + 1 + 3 * i, "[],", 3);
    }
    text[3 * n] = ']'; // over the last comma
    EQ_INT(json_parse_peer((struct bytes){(uint8_t *)text, 3 * n + 1}, &value),
           ERR_LIMIT);
    EQ_INT(json_parse((struct bytes){(uint8_t *)text, 3 * n + 1}, &value), OK);
    json_decref(value);
    memset(text, ',', 3 * n + 3); // a long string of commas is one value
    text[0] = '[';
    text[1] = '"';
    memcpy(text + 2, "\\\"", 2);
    text[3 * n + 1] = '"';
    text[3 * n + 2] = ']';
    EQ_INT(json_parse_peer((struct bytes){(uint8_t *)text, 3 * n + 3}, &value), OK);
    json_decref(value);
    free(text);
}

TEST(json_table)
{
    for (size_t i = 0; i < COUNT(values); i++) {
        const struct bytes text = bytes_from_str(values[i].text);
        struct bytes span;
        json_t *value = NULL;
        CASE(values[i].text);
        EQ_INT(json_raw_value(text, &span) == OK, values[i].raw);
        EQ_INT(json_parse(text, &value) == OK, values[i].whole);
        json_decref(value);
    }
}

TEST(json_depth_is_capped_without_recursion)
{
    char text[2 * JSON_DEPTH_MAX + 3];
    struct bytes span;
    json_t *value = NULL;
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        const struct bytes in = {(const uint8_t *)text, depth * 2};
        const enum err want = depth == JSON_DEPTH_MAX ? OK : ERR_PROTO;
        EQ_INT(json_raw_value(in, &span), want);
        EQ_INT(json_parse(in, &value), want);
    }
    json_decref(value);
}

TEST(json_getters_never_crash)
{
    json_t *v = NULL;
    EQ_INT(json_parse(BYTES_LIT("{\"s\":\"a\\u0000b\",\"i\":-7,\"t\":true,\"o\":{},"
                                "\"l\":[1],\"n\":null}"),
                      &v),
           OK);
    int64_t i = 0;
    uint64_t u = 5;
    EQ_STR(json_get_str(v, "s"), "a");
    EQ_BYTES(json_get_bytes(v, "s"), BYTES_LIT("a\0b"));
    TRUE(json_get_str(v, "i") == NULL && json_get_str(NULL, "s") == NULL);
    TRUE(json_get_bytes(v, "none").at == NULL);
    EQ_INT(json_get_int(v, "i", 0), -7);
    EQ_INT(json_get_int(v, "s", 3), 3);
    TRUE(json_read_int(v, "i", &i));
    FALSE(json_read_u64(v, "i", &u));
    EQ_U64(u, 5);
    TRUE(json_get_bool(v, "t", false) && json_get_bool(v, "n", true));
    TRUE(json_get_obj(v, "o") != NULL && json_get_obj(v, "l") == NULL);
    TRUE(json_get_arr(v, "l") != NULL && json_get_arr(v, "o") == NULL);
    json_decref(v);
}

TEST(json_setters_repair_text_that_is_not_utf8)
{
    json_t *v = json_object();
    struct buf out;
    buf_init(&out, 200);
    json_set_str(v, "a", "x\xffy");
    json_set_str(v, "b", NULL);
    json_set_int(v, "c", INT64_MIN);
    json_set_bool(v, "d", true);
    json_set_bytes(v, "e", BYTES_NONE);
    EQ_INT(json_print(v, &out), OK);
    EQ_BYTES(buf_bytes(&out),
             BYTES_LIT("{\"a\":\"x\xef\xbf\xbdy\",\"b\":null,"
                       "\"c\":-9223372036854775808,\"d\":true,\"e\":\"\"}"));
    json_decref(v);
    buf_fini(&out);
}

TEST(json_prints_all_or_nothing)
{
    json_t *v = json_object();
    json_t *list = json_array();
    struct buf out;
    json_push(list, json_integer(1));
    json_push(list, json_string("two"));
    json_set(v, "list", list);
    for (size_t max = 0; max < 18; max++) {
        buf_init(&out, max);
        EQ_INT(json_print(v, &out), ERR_LIMIT);
        EQ_U64(buf_len(&out), 0);
        buf_fini(&out);
    }
    buf_init(&out, 18);
    EQ_INT(json_print(v, &out), OK);
    EQ_BYTES(buf_bytes(&out), BYTES_LIT("{\"list\":[1,\"two\"]}"));
    buf_fini(&out);
    json_decref(v);
}

TEST(json_survives_every_failing_allocation)
{
    static const char text[] =
        "{\"a\":[1,2,{\"b\":\"c\"}],\"d\":\"eeeeeeeeeeeeeeeeeeeeee\"}";
    json_t *v = NULL;
    mem_fail_at(0);
    EQ_INT(json_parse(BYTES_LIT(text), &v), OK);
    const unsigned n = mem_tries();
    TRUE(n > 5);
    json_decref(v);
    for (unsigned i = 1; i <= n; i++) {
        v = NULL;
        mem_fail_at(i);
        const enum err e = json_parse(BYTES_LIT(text), &v);
        mem_fail_at(0);
        EQ_INT(e == OK, v != NULL);
        TRUE(e == OK || e == ERR_NOMEM || e == ERR_PROTO);
        json_decref(v);
    }
}

/* ---- raw text ------------------------------------------------------------------------------ */

TEST(json_raw_members_and_strings)
{
    struct json_raw r = {.left = BYTES_LIT(" { \"a\" : 1 , \"b\\u0063\":\"x\\ty\" } ")};
    struct bytes key;
    struct bytes value;
    struct buf out;
    buf_init(&out, 100);
    EQ_INT(json_raw_next(&r, &key, &value), OK);
    EQ_BYTES(key, BYTES_LIT("\"a\""));
    EQ_BYTES(value, BYTES_LIT("1"));
    EQ_INT(json_raw_next(&r, &key, &value), OK);
    TRUE(json_raw_is(key, "bc"));
    FALSE(json_raw_is(key, "b"));
    FALSE(json_raw_is(key, "b\\u0063"));
    EQ_INT(json_raw_plain(value, &key), ERR_USAGE);
    EQ_INT(json_raw_text(value, &out), OK);
    EQ_BYTES(buf_bytes(&out), BYTES_LIT("x\ty"));
    EQ_INT(json_raw_next(&r, &key, &value), ERR_CLOSED);
    EQ_INT(json_raw_get(BYTES_LIT("{\"a\":[1],\"b\":2}"), "b", &value), OK);
    EQ_BYTES(value, BYTES_LIT("2"));
    EQ_INT(json_raw_get(BYTES_LIT("{\"a\":1}"), "b", &value), ERR_NOT_FOUND);
    EQ_INT(json_raw_get(BYTES_LIT("[1]"), "b", &value), ERR_PROTO);
    buf_fini(&out);
}

TEST(json_strings_round_trip_through_both_writers)
{
    static const struct {
        const char *utf8;
        const char *raw;
    } cases[] = {
        {"", "\"\""},
        {"plain text of more than eight", "\"plain text of more than eight\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t\x01\x0b\x1f", "\"\\b\\f\\n\\r\\t\\u0001\\u000b\\u001f\""},
        {"\x7f\xc3\xa9\xf0\x9f\x98\x80", "\"\x7f\xc3\xa9\xf0\x9f\x98\x80\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf raw;
        struct buf back;
        CASE(cases[i].raw);
        buf_init(&raw, 100);
        buf_init(&back, 100);
        EQ_INT(json_put_string(&raw, bytes_from_str(cases[i].utf8)), OK);
        EQ_BYTES(buf_bytes(&raw), bytes_from_str(cases[i].raw));
        EQ_INT(json_raw_text(buf_bytes(&raw), &back), OK);
        EQ_BYTES(buf_bytes(&back), bytes_from_str(cases[i].utf8));
        buf_fini(&raw);
        buf_fini(&back);
    }
}

TEST(json_escapes_decode_to_the_right_octets)
{
    struct buf out;
    buf_init(&out, 100);
    EQ_INT(json_raw_text(
               BYTES_LIT("\"\\u00e9\\u20AC\\ud83d\\ude00\\/\\ud800x\\udc00\""), &out),
           OK);
    EQ_BYTES(buf_bytes(&out), BYTES_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/"
                                        "\xef\xbf\xbdx\xef\xbf\xbd"));
    EQ_INT(json_raw_text(BYTES_LIT("\"a\" "), &out), ERR_PROTO);
    EQ_INT(json_raw_text(BYTES_LIT("\"a\\\""), &out), ERR_PROTO);
    buf_clear(&out);
    EQ_INT(json_put_string(&out, BYTES_LIT("a\xff\xc3\xe2\x82")), OK);
    EQ_BYTES(buf_bytes(&out), BYTES_LIT("\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                        "\xef\xbf\xbd\""));
    buf_fini(&out);
}

/* ---- JSON-RPC -------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum err want;
    enum jsonrpc_kind kind;
} texts[] = {
    {"{\"id\":1,\"method\":\"a/b\",\"params\":{}}", OK, JSONRPC_REQUEST},
    {"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"a\"}", OK, JSONRPC_REQUEST},
    {"{\"method\":\"a\",\"params\":[1]}", OK, JSONRPC_NOTIFICATION},
    {"{\"method\":\"a\",\"params\":null}", OK, JSONRPC_NOTIFICATION},
    {"{\"id\":-5,\"result\":null}", OK, JSONRPC_RESPONSE},
    {"{\"id\":1,\"error\":{\"code\":1}}", OK, JSONRPC_ERROR},
    {"{\"id\":null,\"error\":{}}", OK, JSONRPC_ERROR},
    {"{\"error\":{}}", OK, JSONRPC_ERROR},
    {"{\"\\u0069d\":1,\"m\\u0065thod\":\"a\"}", OK, JSONRPC_REQUEST},
    {"[{\"id\":1,\"method\":\"a\"}]", ERR_PROTO, 0},
    {"{}", ERR_PROTO, 0},
    {"{\"id\":1}", ERR_PROTO, 0},
    {"{\"id\":1,\"method\":5}", ERR_PROTO, 0},
    {"{\"id\":1,\"method\":\"\"}", ERR_PROTO, 0},
    {"{\"id\":1,\"method\":\"a b\"}", ERR_PROTO, 0},
    {"{\"id\":1.5,\"method\":\"a\"}", ERR_PROTO, 0},
    {"{\"id\":{},\"method\":\"a\"}", ERR_PROTO, 0},
    {"{\"id\":null,\"method\":\"a\"}", ERR_PROTO, 0},
    {"{\"id\":1,\"id\":2,\"method\":\"a\"}", ERR_PROTO, 0},
    {"{\"id\":1,\"i\\u0064\":2,\"method\":\"a\"}", ERR_PROTO, 0},
    {"{\"id\":1,\"method\":\"a\",\"params\":3}", ERR_PROTO, 0},
    {"{\"id\":1,\"result\":1,\"error\":{}}", ERR_PROTO, 0},
    {"{\"id\":1,\"method\":\"a\",\"result\":1}", ERR_PROTO, 0},
    {"{\"result\":1}", ERR_PROTO, 0},
    {"{\"id\":1,\"error\":5}", ERR_PROTO, 0},
    {"{\"id\":1,\"method\":\"a\"} x", ERR_PROTO, 0},
    {"{\"id\":1,\"method\":\"a\"", ERR_PROTO, 0},
};

TEST(jsonrpc_table)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct jsonrpc m;
        CASE(texts[i].text);
        EQ_INT(jsonrpc_scan(bytes_from_str(texts[i].text), &m), texts[i].want);
        if (texts[i].want == OK) {
            EQ_INT(m.kind, texts[i].kind);
        }
    }
}

TEST(jsonrpc_finds_the_spans_and_the_chosen_params)
{
    static const char text[] =
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"t-1\","
        "\"turnId\":\"u\",\"x\":{\"delta\":\"no\"},\"itemId\":7,\"delta\":\"a\\n\"}}";
    static const char *const keys[] = {"threadId", "delta", "requestId", "itemId"};
    struct jsonrpc m;
    struct bytes got[COUNT(keys)];
    EQ_INT(jsonrpc_scan(BYTES_LIT(text), &m), OK);
    EQ_BYTES(m.method, BYTES_LIT("item/agentMessage/delta"));
    TRUE(m.id.len == 0);
    EQ_INT(jsonrpc_pick(m.params, keys, COUNT(keys), got), OK);
    EQ_BYTES(got[0], BYTES_LIT("\"t-1\""));
    EQ_BYTES(got[1], BYTES_LIT("\"a\\n\""));
    TRUE(got[2].at == NULL);
    EQ_BYTES(got[3], BYTES_LIT("7"));
    EQ_INT(jsonrpc_pick(BYTES_LIT("{\"delta\":1,\"delta\":2}"), keys, COUNT(keys), got),
           ERR_PROTO);
    EQ_INT(jsonrpc_pick(BYTES_LIT("[1]"), keys, COUNT(keys), got), ERR_PROTO);
}

TEST(jsonrpc_ids_return_as_they_came)
{
    static const char *const ids[] = {"9223372036854775807", "-1", "\"a\\u0062\\\"\"",
                                      "0"};
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct buf out;
        struct buf swapped;
        struct jsonrpc m;
        CASE(ids[i]);
        buf_init(&out, 200);
        buf_init(&swapped, 200);
        EQ_INT(jsonrpc_put_request(&out, bytes_from_str(ids[i]), "m", BYTES_LIT("[1]")),
               OK);
        EQ_INT(jsonrpc_scan(buf_bytes(&out), &m), OK);
        EQ_INT(m.kind, JSONRPC_REQUEST);
        EQ_BYTES(m.id, bytes_from_str(ids[i]));
        EQ_INT(jsonrpc_put_with_id(&swapped, buf_bytes(&out), &m, BYTES_LIT("42")), OK);
        EQ_BYTES(buf_bytes(&swapped),
                 BYTES_LIT("{\"id\":42,\"method\":\"m\",\"params\":[1]}"));
        buf_fini(&out);
        buf_fini(&swapped);
    }
    static char large[JSONRPC_ID_MAX + 40] = "{\"method\":\"a\",\"id\":\"";
    struct jsonrpc m;
    memset(large + 20, 'x', JSONRPC_ID_MAX);
    memcpy(large + 20 + JSONRPC_ID_MAX, "\"}", 3);
    EQ_INT(jsonrpc_scan(bytes_from_str(large), &m), ERR_LIMIT);
}

TEST(jsonrpc_builders_build_what_the_scanner_reads)
{
    struct buf out;
    buf_init(&out, 400);
    EQ_INT(jsonrpc_put_notification(&out, "n", BYTES_NONE), OK);
    EQ_INT(jsonrpc_put_request_u64(&out, UINT64_MAX, "r", BYTES_LIT("{}")), OK);
    EQ_INT(jsonrpc_put_response(&out, BYTES_LIT("1"), BYTES_NONE), OK);
    EQ_INT(jsonrpc_put_error(&out, BYTES_NONE, -32600, "no \"x\"", BYTES_LIT("[2]")),
           OK);
    EQ_BYTES(buf_bytes(&out),
             BYTES_LIT("{\"method\":\"n\"}"
                       "{\"id\":18446744073709551615,\"method\":\"r\",\"params\":{}}"
                       "{\"id\":1,\"result\":{}}"
                       "{\"id\":null,\"error\":{\"code\":-32600,"
                       "\"message\":\"no \\\"x\\\"\",\"data\":[2]}}"));
    buf_fini(&out);
}

TEST(jsonrpc_builders_put_all_or_nothing)
{
    for (size_t max = 0; max < 60; max++) {
        struct buf out;
        buf_init(&out, max);
        const enum err e =
            jsonrpc_put_error(&out, BYTES_LIT("1"), 5, "message", BYTES_LIT("{}"));
        TRUE(e == OK || e == ERR_LIMIT);
        EQ_INT(buf_len(&out) != 0, e == OK);
        buf_fini(&out);
    }
}

RUN_TESTS(T(a_peer_cannot_make_a_small_text_a_large_tree), T(json_table),
          T(json_depth_is_capped_without_recursion), T(json_getters_never_crash),
          T(json_setters_repair_text_that_is_not_utf8), T(json_prints_all_or_nothing),
          T(json_survives_every_failing_allocation), T(json_raw_members_and_strings),
          T(json_strings_round_trip_through_both_writers),
          T(json_escapes_decode_to_the_right_octets), T(jsonrpc_table),
          T(jsonrpc_finds_the_spans_and_the_chosen_params),
          T(jsonrpc_ids_return_as_they_came),
          T(jsonrpc_builders_build_what_the_scanner_reads),
          T(jsonrpc_builders_put_all_or_nothing))
