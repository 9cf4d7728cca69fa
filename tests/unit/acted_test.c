#include "test.h"

#include "hub_fixture.h"

/* The i-th thing the log was told: its kind, and its status or turn. */
static void acted(const struct stage *s, size_t i, enum hub_event_kind kind,
                  const char *word)
{
    TRUE(i < s->n_acts);
    EQ_INT(s->acts[i].kind, kind);
    EQ_STR(s->acts[i].word, word);
}

static struct seat *operator_with_thread(struct stage *s)
{
    stage_open(s);
    struct seat *seat = device(s, ROLE_OPERATOR);
    start_thread(s, seat, "t1");
    deafen(&s->agent);
    s->n_acts = 0;
    return seat;
}

TEST(a_turn_is_told_once_with_who_began_it_and_how_it_ended)
{
    struct stage s;
    struct seat *seat = operator_with_thread(&s);
    say(seat, "{\"id\":2,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\","
              "\"input\":[]}}");
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u1\"}}}"); // before its answer, as it may come
    agent_replies(&s, "{\"turn\":{\"id\":\"u1\"}}");
    agent_says(&s, "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u1\",\"status\":\"completed\"}}}");
    EQ_INT(s.n_acts, 2);
    acted(&s, 0, HUB_EVENT_CALLED, "done");
    acted(&s, 1, HUB_EVENT_TURNED, "completed");
    stage_close(&s);
}

TEST(a_turn_that_began_elsewhere_is_told_as_such)
{
    struct stage s;
    (void)operator_with_thread(&s);
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u7\"}}}");
    EQ_INT(s.n_acts, 1);
    acted(&s, 0, HUB_EVENT_TURN, "u7");
    stage_close(&s);
}

TEST(what_ran_is_told_and_what_was_said_is_not)
{
    struct stage s;
    (void)operator_with_thread(&s);
    agent_says(&s, "{\"method\":\"item/completed\",\"params\":{\"threadId\":\"t1\","
                   "\"turnId\":\"u1\",\"item\":{\"id\":\"i1\",\"type\":"
                   "\"commandExecution\",\"command\":\"ls\",\"status\":\"failed\"}}}");
    agent_says(&s, "{\"method\":\"item/completed\",\"params\":{\"threadId\":\"t1\","
                   "\"turnId\":\"u1\",\"item\":{\"id\":\"i2\",\"type\":"
                   "\"agentMessage\",\"text\":\"done\"}}}");
    EQ_INT(s.n_acts, 1);
    acted(&s, 0, HUB_EVENT_EFFECT, "failed");
    stage_close(&s);
}

TEST(a_call_without_an_answer_is_told_as_unknown)
{
    struct stage s;
    struct seat *seat = operator_with_thread(&s);
    say(seat, "{\"id\":2,\"method\":\"turn/steer\",\"params\":{\"threadId\":\"t1\","
              "\"expectedTurnId\":\"u1\",\"input\":[]}}");
    agent_state(&s, ENGINE_DOWN);
    EQ_INT(s.n_acts, 1);
    acted(&s, 0, HUB_EVENT_CALLED, "unknown");
    stage_close(&s);
}

TEST(without_a_log_nothing_that_acts_begins_and_an_interrupt_still_works)
{
    struct stage s;
    struct seat *seat = operator_with_thread(&s);
    s.trouble = "the audit log cannot be written: No space left on device";
    say(seat, "{\"id\":2,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\","
              "\"input\":[]}}");
    TRUE(strstr(heard(&seat->ear), "No space left") != NULL);
    EQ_STR(heard(&s.agent), "");
    say(seat, "{\"id\":3,\"method\":\"thread/list\",\"params\":{}}");
    TRUE(strstr(heard(&s.agent), "thread/list") != NULL);
    say(seat, "{\"id\":4,\"method\":\"turn/interrupt\",\"params\":{\"threadId\":\"t1\","
              "\"turnId\":\"u1\"}}");
    TRUE(strstr(heard(&s.agent), "turn/interrupt") != NULL);
    stage_close(&s);
}

RUN_TESTS(T(a_turn_is_told_once_with_who_began_it_and_how_it_ended),
          T(a_turn_that_began_elsewhere_is_told_as_such),
          T(what_ran_is_told_and_what_was_said_is_not),
          T(a_call_without_an_answer_is_told_as_unknown),
          T(without_a_log_nothing_that_acts_begins_and_an_interrupt_still_works))
