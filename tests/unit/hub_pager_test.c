#include "test.h"

#include "hub_fixture.h"

#define HAS(text, part)   TEST_CHECK(strstr(text, part) != NULL, text)
#define LACKS(text, part) TEST_CHECK(strstr(text, part) == NULL, text)

static void ask(struct seat *a, const char *method, int limit)
{
    char text[256];
    EQ_INT(text_format(text, sizeof(text),
                       "{\"id\":1,\"method\":\"%s\",\"params\":{\"threadId\":\"t1\","
                       "\"sortDirection\":\"desc\",\"limit\":%d}}",
                       method, limit),
           OK);
    say(a, text);
}

/* The agent answers with `n` items of `octets` each, called `name`0 and so on; cursor
 * "": there are no more. */
static void answer_items(struct stage *s, const char *name, unsigned n, size_t octets,
                         const char *cursor)
{
    struct buf text;
    const char *whole;
    buf_init(&text, 1 << 20);
    EQ_INT(buf_put_str(&text, "{\"data\":["), OK);
    for (unsigned i = 0; i < n; i++) {
        EQ_INT(
            buf_putf(&text, "%s{\"id\":\"%s%u\",\"x\":\"", i > 0 ? "," : "", name, i),
            OK);
        for (size_t k = 0; k < octets; k++) {
            EQ_INT(buf_put_u8(&text, 'x'), OK);
        }
        EQ_INT(buf_put_str(&text, "\"}"), OK);
    }
    const char *quote = cursor[0] != '\0' ? "\"" : "";
    EQ_INT(buf_putf(&text, "],\"nextCursor\":%s%s%s", quote,
                    cursor[0] != '\0' ? cursor : "null", quote),
           OK);
    EQ_INT(buf_putf(&text, ",\"backwardsCursor\":\"%sb\"}", name), OK);
    EQ_INT(buf_cstr(&text, &whole), OK);
    agent_replies(s, whole);
    buf_fini(&text);
}

TEST(a_page_of_a_device_is_filled_with_as_many_items_as_fit)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    ask(a, "thread/items/list", 50);
    HAS(s.agent.texts[s.agent.first], "\"limit\":16"); // a guess
    answer_items(&s, "a", 16, 1000, "c1");
    HAS(s.agent.texts[s.agent.first], "\"limit\":34"); // all the rest
    HAS(s.agent.texts[s.agent.first], "\"cursor\":\"c1\"");
    answer_items(&s, "b", 34, 1000, "c2");
    const char *page = heard(&a->ear);
    HAS(page, "{\"id\":1,\"result\":{\"data\":[{\"id\":\"a0\"");
    HAS(page, "\"},{\"id\":\"b0\"");
    HAS(page, "\"}],\"nextCursor\":\"c2\",\"backwardsCursor\":\"ab\"}}");
    TRUE(strlen(page) < 64 * 1024);
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(a_page_ends_before_what_would_make_it_too_large)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    ask(a, "thread/items/list", 50);
    answer_items(&s, "a", 16, 1000, "c1");
    answer_items(&s, "b", 34, 3000, "c2"); // heavier than those before
    const char *page = heard(&a->ear);
    HAS(page, "{\"id\":\"a15\"");
    LACKS(page, "{\"id\":\"b0\"");
    HAS(page, "\"nextCursor\":\"c1\"");
    stage_close(&s);
}

TEST(a_first_page_that_is_too_large_is_asked_for_again_and_the_weight_remembered)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    ask(a, "thread/items/list", 50);
    answer_items(&s, "a", 16, 20000, "c1");
    HAS(s.agent.texts[s.agent.first], "\"limit\":3");
    answer_items(&s, "a", 3, 20000, "c2");
    HAS(heard(&a->ear), "\"nextCursor\":\"c2\"");
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(one_item_comes_whole_whatever_it_weighs)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    ask(a, "thread/items/list", 50);
    answer_items(&s, "a", 2, 300000, "c1");
    HAS(s.agent.texts[s.agent.first], "\"limit\":1");
    answer_items(&s, "a", 1, 300000, "c2");
    const char *page = heard(&a->ear);
    TRUE(strlen(page) > 300000);
    TRUE(strstr(page, "\"nextCursor\":\"c2\"") != NULL);
    stage_close(&s);
}

TEST(what_fails_behind_a_page_ends_it_there)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    ask(a, "thread/items/list", 50);
    answer_items(&s, "a", 16, 100, "c1");
    agent_replies(&s, "{\"code\":-32600,\"message\":\"no\"}");
    HAS(heard(&a->ear), "\"nextCursor\":\"c1\"");
    ask(a, "thread/items/list", 50);
    agent_replies(&s, "{\"code\":-32600,\"message\":\"no such thread\"}");
    HAS(heard(&a->ear), "no such thread");
    stage_close(&s);
}

TEST(a_short_history_and_a_program_of_this_machine_are_asked_once)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    ask(a, "thread/turns/list", 50);
    HAS(s.agent.texts[s.agent.first], "\"limit\":4"); // a turn with its items
    answer_items(&s, "a", 2, 10, "");
    HAS(heard(&a->ear), "\"nextCursor\":null");
    struct seat *l = local(&s);
    ask(l, "thread/items/list", 50);
    HAS(s.agent.texts[s.agent.first], "\"limit\":50");
    answer_items(&s, "a", 50, 3000, "c1");
    TRUE(strlen(heard(&l->ear)) > 150000);
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

RUN_TESTS(
    T(a_page_of_a_device_is_filled_with_as_many_items_as_fit),
    T(a_page_ends_before_what_would_make_it_too_large),
    T(a_first_page_that_is_too_large_is_asked_for_again_and_the_weight_remembered),
    T(one_item_comes_whole_whatever_it_weighs),
    T(what_fails_behind_a_page_ends_it_there),
    T(a_short_history_and_a_program_of_this_machine_are_asked_once))
