#include "test.h"

#include "hub_fixture.h"

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, text)

#define THREAD                                                                  \
    "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"active\"},\"turns\":[]," \
    "\"cwd\":\"/w\"},\"model\":\"m\"}"

TEST(a_thread_is_read_page_by_page_and_handed_over_whole)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    say(a, "{\"id\":1,\"method\":\"thread/read\",\"params\":{\"threadId\":\"t1\","
           "\"includeTurns\":true}}");
    HAS(s.agent.texts[s.agent.first], "\"includeTurns\":false");
    agent_replies(&s, THREAD);
    const char *page = heard(&s.agent);
    HAS(page, "\"method\":\"thread/turns/list\"");
    HAS(page, "\"sortDirection\":\"desc\"");
    HAS(page, "\"limit\":4");
    agent_answers(&s, page,
                  "{\"data\":[{\"id\":\"u3\"} , {\"id\":\"u2\",\"items\":"
                  "[1,[2]]}],\"nextCursor\":\"c\\\"1\"}");
    page = heard(&s.agent);
    HAS(page, "\"cursor\":\"c\\\"1\"");
    HAS(page, "\"limit\":100");
    EQ_STR(heard(&a->ear), "");
    agent_answers(&s, page, "{\"data\":[{\"id\":\"u1\"}],\"nextCursor\":null}");
    EQ_STR(heard(&a->ear),
           "{\"id\":1,\"result\":{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":"
           "\"active\"},\"turns\":[{\"id\":\"u1\"},{\"id\":\"u2\",\"items\":[1,[2]]},"
           "{\"id\":\"u3\"}],\"cwd\":\"/w\"},\"model\":\"m\"}}");
    stage_close(&s);
}

TEST(a_thread_without_turns_yet_is_told_as_it_is)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    say(a, "{\"id\":1,\"method\":\"thread/read\",\"params\":{\"threadId\":\"t1\","
           "\"includeTurns\":true}}");
    agent_replies(&s, THREAD);
    agent_replies(&s, "{\"code\":-32600,\"message\":\"not materialized yet\"}");
    EQ_STR(heard(&a->ear), "{\"id\":1,\"result\":" THREAD "}");
    say(a, "{\"id\":2,\"method\":\"thread/read\",\"params\":{\"threadId\":\"t2\","
           "\"includeTurns\":true}}");
    agent_replies(&s, "{\"code\":-32600,\"message\":\"thread not loaded: t2\"}");
    HAS(heard(&a->ear), "thread not loaded");
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(a_history_over_the_budget_loses_its_oldest_turns_and_says_so)
{
    struct stage s;
    const size_t size = 3u * 1024 * 1024;
    char *turn = malloc(2 * size + 256);
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    say(a, "{\"id\":1,\"method\":\"thread/read\",\"params\":{\"threadId\":\"t1\","
           "\"includeTurns\":true}}");
    agent_replies(&s, THREAD);
    memset(turn, 'x', 2 * size + 256);
    memcpy(turn, "{\"data\":[{\"id\":\"new", 19);
    memcpy(turn + size, "\"},{\"id\":\"old", 13);
    memcpy(turn + 2 * size, "\"}],\"nextCursor\":\"c\"}", 22);
    agent_replies(&s, turn);
    EQ_STR(heard(&s.agent), "");
    const char *told = heard(&a->ear);
    TRUE(strstr(told, "{\"field\":\"turns\",\"asked\":\"all\",\"given\":1}") != NULL);
    TRUE(strstr(told, "{\"id\":\"new") != NULL);
    TRUE(strstr(told, "{\"id\":\"old") == NULL);
    free(turn);
    stage_close(&s);
}

#define TURNS_ASKED                                                         \
    "{\"id\":1,\"method\":\"thread/read\",\"params\":{\"threadId\":\"t1\"," \
    "\"includeTurns\":true}}"
#define FIRST_PAGE "{\"data\":[{\"id\":\"u3\"}],\"nextCursor\":\"c1\"}"
#define TOLD_CUT   "{\"field\":\"turns\",\"asked\":\"all\",\"given\":1}"

TEST(a_later_page_that_fails_is_told_as_a_cut)
{
    static const char *const failures[] = {
        "{\"code\":-32603,\"message\":\"broken\"}",
        "{\"nextCursor\":null}",
        "{\"data\":null}",
    };
    for (size_t i = 0; i < COUNT(failures); i++) {
        struct stage s;
        CASE(failures[i]);
        stage_open(&s);
        struct seat *a = device(&s, ROLE_VIEWER);
        say(a, TURNS_ASKED);
        agent_replies(&s, THREAD);
        agent_replies(&s, FIRST_PAGE);
        agent_replies(&s, failures[i]);
        const char *told = heard(&a->ear);
        HAS(told, TOLD_CUT);
        HAS(told, "\"turns\":[{\"id\":\"u3\"}]");
        stage_close(&s);
    }
}

TEST(a_page_that_memory_has_no_room_for_is_told_as_a_cut)
{
    unsigned n_cut = 0;
    for (unsigned n = 1; n < 12; n++) {
        struct stage s;
        stage_open(&s);
        struct seat *a = device(&s, ROLE_VIEWER);
        say(a, TURNS_ASKED);
        agent_replies(&s, THREAD);
        const char *page = heard(&s.agent);
        mem_fail_at(n);
        agent_answers(&s, page, FIRST_PAGE);
        mem_fail_at(0);
        const char *told = heard(&a->ear); // "": it asks for the next page
        if (strstr(told, "\"result\"") != NULL) {
            HAS(told, "\"field\":\"turns\"");
            n_cut++;
        }
        stage_close(&s);
    }
    TRUE(n_cut > 1); // the turn, and the cursor
}

TEST(who_joins_with_turns_misses_nothing_that_happens_meanwhile)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_APPROVER);
    start_thread(&s, a, "t1");
    say(b, "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\"}}");
    HAS(s.agent.texts[s.agent.first], "\"excludeTurns\":true");
    agent_replies(&s, THREAD);
    agent_says(&s, "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":"
                   "\"agentMessage\",\"id\":\"m\",\"text\":\"\"},\"threadId\":\"t1\","
                   "\"turnId\":\"u1\"}}");
    agent_says(&s, "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":"
                   "\"t1\",\"turnId\":\"u1\",\"itemId\":\"m\",\"delta\":\"so far\"}}");
    EQ_STR(heard(&b->ear), "");
    agent_replies(&s, "{\"data\":[{\"id\":\"u1\"}],\"nextCursor\":null}");
    HAS(heard(&b->ear), "\"turns\":[{\"id\":\"u1\"}]");
    HAS(heard(&b->ear), "item/started");
    HAS(heard(&b->ear), "\"delta\":\"so far\"");
    agent_says(&s, "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":"
                   "\"t1\",\"turnId\":\"u1\",\"itemId\":\"m\",\"delta\":\"!\"}}");
    HAS(heard(&b->ear), "\"delta\":\"!\"");
    stage_close(&s);
}

TEST(a_caller_that_leaves_in_between_is_forgotten)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    say(a, "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\"}}");
    agent_replies(&s, "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"idle\"},"
                      "\"turns\":[]}}");
    seat_leave(a);
    agent_replies(&s, "{\"data\":[],\"nextCursor\":null}");
    HAS(heard(&s.agent), "thread/unsubscribe");
    stage_close(&s);
}

RUN_TESTS(T(a_thread_is_read_page_by_page_and_handed_over_whole),
          T(a_thread_without_turns_yet_is_told_as_it_is),
          T(a_history_over_the_budget_loses_its_oldest_turns_and_says_so),
          T(a_later_page_that_fails_is_told_as_a_cut),
          T(a_page_that_memory_has_no_room_for_is_told_as_a_cut),
          T(who_joins_with_turns_misses_nothing_that_happens_meanwhile),
          T(a_caller_that_leaves_in_between_is_forgotten))
