#include "test.h"

#include "hub_fixture.h"

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, part " is not in it")

#define RESUMED                                                                       \
    "{\"thread\":{\"id\":\"t1\",\"ephemeral\":false,\"status\":{\"type\":\"active\"," \
    "\"activeFlags\":[]},\"turns\":[]},\"approvalPolicy\":\"untrusted\"}"

#define TURN_STARTED                                                                 \
    "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\",\"turn\":{\"id\":" \
    "\"u1\",\"items\":[],\"status\":\"inProgress\"}}}"

static void resume(struct stage *s, struct seat *seat)
{
    say(seat, "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\","
              "\"excludeTurns\":true}}");
    agent_replies(s, RESUMED);
}

TEST(a_device_does_not_steer_a_turn_that_began_past_the_host)
{
    static const char steer[] =
        "{\"id\":7,\"method\":\"turn/steer\",\"params\":{\"threadId\":\"t1\","
        "\"expectedTurnId\":\"u1\",\"input\":[]}}";
    static const char start[] = "{\"id\":8,\"method\":\"turn/start\",\"params\":{"
                                "\"threadId\":\"t1\",\"input\":[]}}";
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = local(&s);
    say(a, steer);
    HAS(heard(&a->ear), "-32012"); // nothing is known of that thread
    resume(&s, a);                 // its policy is not whole: not ours
    deafen(&a->ear);
    say(a, steer);
    HAS(heard(&a->ear), "-32012");
    say(a, start); // during a turn it would be a steer
    HAS(heard(&a->ear), "-32012");
    EQ_STR(heard(&s.agent), "");
    agent_says(&s, TURN_STARTED);
    deafen(&a->ear);
    say(b, steer); // who sits at the host may
    agent_replies(&s, "{}");
    say(a, "{\"id\":9,\"method\":\"thread/settings/update\",\"params\":{\"threadId\":"
           "\"t1\",\"approvalPolicy\":\"untrusted\"}}");
    agent_replies(&s, "{}");
    agent_says(&s, "{\"method\":\"thread/settings/updated\",\"params\":{\"threadId\":"
                   "\"t1\",\"threadSettings\":{\"approvalPolicy\":\"untrusted\","
                   "\"approvalsReviewer\":\"user\",\"sandboxPolicy\":{\"type\":"
                   "\"readOnly\"}}}}");
    deafen(&a->ear);
    say(a, steer); // new settings are for the next turn
    HAS(heard(&a->ear), "-32012");
    agent_says(&s, "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u1\",\"status\":\"completed\"}}}");
    deafen(&a->ear);
    say(a, start);
    HAS(heard(&s.agent), "turn/start");
    agent_says(&s, TURN_STARTED);
    deafen(&a->ear);
    say(a, steer);
    HAS(heard(&s.agent), "turn/steer");
    stage_close(&s);
}

RUN_TESTS(T(a_device_does_not_steer_a_turn_that_began_past_the_host))
