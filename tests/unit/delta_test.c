#include "wire/delta.h"

#include "test.h"
#include "wire/json.h"
#include "wire/jsonrpc.h"

#define HEAD \
    "{\"method\":\"item/agentMessage/delta\",\"params\":{\"itemId\":\"m\",\"delta\":"

struct pair {
    struct blob *older;
    struct blob *newer;
    size_t room;
    struct delta at_older;
    struct delta at_newer;
};

static bool find(struct bytes text, struct delta *out)
{
    struct jsonrpc m;
    struct bytes inside;
    return jsonrpc_scan(text, &m) == OK && m.kind == JSONRPC_NOTIFICATION &&
           json_raw_get(m.params, "delta", &inside) == OK &&
           delta_find(text, inside, out);
}

static bool joins(struct pair *p, const char *older, const char *newer)
{
    p->older = blob_copy(bytes_from_str(older));
    p->newer = blob_copy(bytes_from_str(newer));
    p->room = 0;
    return find(blob_bytes(p->older), &p->at_older) &&
           find(blob_bytes(p->newer), &p->at_newer) &&
           delta_is_same(blob_bytes(p->older), &p->at_older, blob_bytes(p->newer),
                         &p->at_newer) &&
           delta_join(&p->older, &p->room, &p->at_older, blob_bytes(p->newer),
                      &p->at_newer);
}

static void pair_fini(struct pair *p)
{
    blob_unref(p->older);
    blob_unref(p->newer);
}

TEST(two_deltas_become_one_notification_with_both_texts)
{
    static const struct {
        const char *older;
        const char *newer;
        const char *both;
    } cases[] = {
        {HEAD "\"a\"}}", HEAD "\"b\"}}", HEAD "\"ab\"}}"},
        {HEAD "\"\"}}", HEAD "\"\\u00e4\\n\"}}", HEAD "\"\\u00e4\\n\"}}"},
        {HEAD "\"a\\\"\"}}", HEAD "\"}}\"}}", HEAD "\"a\\\"}}\"}}"},
        {HEAD "\"a\"},\"emittedAtMs\":9}", HEAD "\"b\"},\"emittedAtMs\":10}",
         HEAD "\"ab\"},\"emittedAtMs\":10}"},
        {HEAD "\"a\",\"z\":1},\"emittedAtMs\":9,\"y\":2}",
         HEAD "\"bc\",\"z\":1},\"emittedAtMs\":7,\"y\":2}",
         HEAD "\"abc\",\"z\":1},\"emittedAtMs\":7,\"y\":2}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        struct delta again;
        TRUE(joins(&p, cases[i].older, cases[i].newer));
        EQ_BYTES(blob_bytes(p.older), bytes_from_str(cases[i].both));
        TRUE(find(bytes_from_str(cases[i].both),
                  &again)); // what is remembered is what is there
        EQ_U64(again.text_at, p.at_older.text_at);
        EQ_U64(again.text_len, p.at_older.text_len);
        EQ_U64(again.stamp_at, p.at_older.stamp_at);
        EQ_U64(again.stamp_len, p.at_older.stamp_len);
        pair_fini(&p);
    }
}

TEST(deltas_that_differ_in_anything_else_stay_apart)
{
    static const char *const others[] = {
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"itemId\":\"n\",\"delta\":\"b\"}}",
        "{\"method\":\"item/plan/delta\",\"params\":{\"itemId\":\"m\",\"delta\":\"b\"}}",
        HEAD "\"b\",\"summaryIndex\":1}}",
        HEAD "\"b\"},\"emittedAtMs\":1}",
        HEAD "\"b\"},\"more\":1}",
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct pair p;
        FALSE(joins(&p, HEAD "\"a\"}}", others[i]));
        pair_fini(&p);
    }
}

TEST(what_is_no_delta_is_left_alone)
{
    static const char *const texts[] = {
        "",
        "{}",
        "{\"method\":\"item/",
        "{\"method\":\"item/agentMessage/delta\"}",
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"itemId\":\"m\"}}",
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"delta\":7}}",
        "{\"method\":\"item/agentMessage/delta\",\"params\":[\"delta\"]}",
        "{\"method\":\"item/agentMessage/delta\",\"emittedAtMs\":1,\"params\":{\"delta\":\"a\"}}",
        HEAD "\"a\"}",
        HEAD "\"a}}",
    };
    struct delta d;
    for (size_t i = 0; i < COUNT(texts); i++) {
        FALSE(find(bytes_from_str(texts[i]), &d));
    }
}

TEST(a_joined_delta_has_a_limit_and_joining_costs_the_newer_text)
{
    struct pair p;
    size_t n_moves = 0;
    TRUE(joins(&p, HEAD "\"a\"}}", HEAD "\"0123456789abcdef\"}}"));
    for (const struct blob *last = p.older;; last = p.older) {
        if (!delta_join(&p.older, &p.room, &p.at_older, blob_bytes(p.newer),
                        &p.at_newer)) {
            break;
        }
        n_moves += p.older != last ? 1 : 0;
    }
    TRUE(p.older->len <= DELTA_MAX);
    TRUE(p.older->len > DELTA_MAX - 100);
    TRUE(n_moves < 10); // doubled, not copied each time
    pair_fini(&p);
}

RUN_TESTS(T(two_deltas_become_one_notification_with_both_texts),
          T(deltas_that_differ_in_anything_else_stay_apart),
          T(what_is_no_delta_is_left_alone),
          T(a_joined_delta_has_a_limit_and_joining_costs_the_newer_text))
