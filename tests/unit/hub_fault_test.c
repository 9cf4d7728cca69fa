#include "test.h"

#include "hub_fixture.h"

/* One busy minute: everything that allocates for a peer happens in it. */
static void scenario(void)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_APPROVER);
    static const char *const said[] = {
        "{\"method\":\"thread/started\",\"params\":{\"thread\":{\"id\":\"t1\"}}}",
        "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\",\"turn\":{\"id\":"
        "\"u1\"}}}",
        "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":\"agentMessage\","
        "\"id\":\"m\",\"text\":\"\"},\"threadId\":\"t1\",\"turnId\":\"u1\"}}",
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"t1\","
        "\"turnId\":\"u1\",\"itemId\":\"m\",\"delta\":\"words\"}}",
        "{\"method\":\"item/commandExecution/requestApproval\",\"id\":0,\"params\":{"
        "\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"c\"}}",
        "{\"method\":\"command/exec/outputDelta\",\"params\":{\"processId\":\"fh1\"}}",
        "{\"method\":\"serverRequest/resolved\",\"params\":{\"threadId\":\"t1\","
        "\"requestId\":0}}",
        "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\",\"turn\":{\"id\":"
        "\"u1\",\"status\":\"completed\"}}}",
        "{\"method\":\"configWarning\",\"params\":{\"summary\":\"w\"}}",
    };
    say(a, "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/x\"}}");
    const char *asked = heard(&s.agent);
    if (asked[0] != '\0') {
        agent_answers(&s, asked,
                      "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"idle\"}}}");
    }
    say(a, "{\"id\":2,\"method\":\"farhand/status\"}");
    for (size_t i = 0; i < COUNT(said); i++) {
        agent_says(&s, said[i]);
        if (i == 4) {
            say(b, "{\"id\":3,\"method\":\"thread/resume\",\"params\":{\"threadId\":"
                   "\"t1\"}}");
            asked = heard(&s.agent);
            if (strstr(asked, "thread/resume") != NULL) {
                agent_answers(&s, asked,
                              "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":"
                              "\"active\"}}}");
            }
            say(b, "{\"id\":\"AQEBAQEBAQEBAQEBAQEBAQ\",\"result\":{\"decision\":"
                   "\"accept\"}}");
        }
    }
    agent_state(&s, ENGINE_DOWN);
    stage_close(&s);
}

/* A failed allocation costs at most the peer it was for: never the host, nothing is
 * left behind (the sanitizer counts). */
TEST(every_allocation_may_fail)
{
    mem_fail_at(0);
    scenario();
    const unsigned tries = mem_tries();
    TRUE(tries > 20);
    for (unsigned n = 1; n <= tries; n++) {
        mem_fail_at(n);
        scenario();
    }
    mem_fail_at(0);
}

/* Whoever asked gets an answer, or is closed and knows; or the agent was asked. */
TEST(no_caller_waits_for_ever_when_memory_is_short)
{
    static const char *const asked[] = {
        "{\"id\":2,\"method\":\"farhand/status\"}",
        "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\"}}",
        "{\"id\":2,\"method\":\"fs/watch\",\"params\":{\"watchId\":\"w\"}}",
    };
    for (size_t i = 0; i < COUNT(asked); i++) {
        for (unsigned n = 1; n < 24; n++) {
            struct stage s;
            stage_open(&s);
            struct seat *a = device(&s, ROLE_OWNER);
            CASE(asked[i]);
            mem_fail_at(n);
            say(a, asked[i]);
            if (s.n_calls > 0) {
                hub_reply_error(s.calls[--s.n_calls], -1, "no",
                                json_pack("{s:s}", "detail", "none"));
            }
            mem_fail_at(0);
            TRUE(a->closed != 0 || heard(&a->ear)[0] != '\0' ||
                 heard(&s.agent)[0] != '\0');
            stage_close(&s);
        }
    }
}

RUN_TESTS(T(every_allocation_may_fail),
          T(no_caller_waits_for_ever_when_memory_is_short))
