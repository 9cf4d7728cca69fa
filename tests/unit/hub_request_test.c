#include "test.h"

#include "hub_fixture.h"

#include "host/decision.h"

#define HAS(text, part)   TEST_CHECK(strstr(text, part) != NULL, part " is not in it")
#define LACKS(text, part) TEST_CHECK(strstr(text, part) == NULL, part " is in it")

#define ASK                                                                             \
    "{\"method\":\"item/commandExecution/requestApproval\",\"id\":0,\"params\":{"       \
    "\"kind\":\"command\",\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"call_X\"," \
    "\"startedAtMs\":1,\"environmentId\":\"local\",\"command\":\"/bin/bash -lc 'touch " \
    "a'\",\"cwd\":\"/w\",\"proposedExecpolicyAmendment\":[\"touch\",\"a\"],"            \
    "\"availableDecisions\":[\"accept\",{\"acceptWithExecpolicyAmendment\":{"           \
    "\"execpolicy_amendment\":[\"touch\",\"a\"]}},\"cancel\"]},\"emittedAtMs\":5}"

/* Sixteen octets of 1, 2, … in base64url: the fixture's dice. */
#define FIRST_ID "AQEBAQEBAQEBAQEBAQEBAQ"

static void answer(struct seat *seat, const char *id, const char *result)
{
    char text[1024];
    write_text(text, sizeof(text), "{\"id\":\"%s\",\"result\":%s}", id, result);
    say(seat, text);
}

TEST(a_request_has_one_unguessable_id_and_a_clean_menu)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, ASK);
    const char *asked = heard(&a->ear);
    HAS(asked, "{\"id\":\"" FIRST_ID "\"");
    HAS(asked, "\"availableDecisions\":[\"accept\",\"decline\",\"cancel\"]");
    HAS(asked, "/bin/bash -lc 'touch a'");
    LACKS(asked, "mendment");
    EQ_INT(s.events[0], HUB_EVENT_REQUEST);
    stage_close(&s);
}

TEST(an_id_never_begins_like_an_option)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    s.dice = 0xf7; // the next octets would be 0xf8: "-Pj4…"
    agent_says(&s, ASK);
    HAS(heard(&a->ear), "{\"id\":\"_Pz8");
    stage_close(&s);
}

TEST(the_first_decision_wins_and_everyone_is_told_who)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_APPROVER);
    start_thread(&s, a, "t1");
    say(b,
        "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\",\"excludeTurns\":true}}");
    agent_replies(&s, "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"idle\"}}}");
    agent_says(&s, ASK);
    deafen(&a->ear);
    deafen(&b->ear);
    answer(b, FIRST_ID, "{\"decision\":\"accept\"}");
    EQ_STR(heard(&s.agent), "{\"id\":0,\"result\":{\"decision\":\"accept\"}}");
    const char *told = heard(&a->ear);
    HAS(told, "\"requestId\":\"" FIRST_ID "\"");
    HAS(told, "\"kind\":\"device\",\"name\":\"seat2\"");
    HAS(told, "\"clientId\":\"02020202020202020202020202020202\"");
    HAS(told, "\"decision\":\"accept\"");
    HAS(heard(&b->ear), "serverRequest/resolved");
    answer(a, FIRST_ID, "{\"decision\":\"cancel\"}");
    HAS(heard(&a->ear), "-32010,\"message\":\"already decided by seat2: accept\"");
    EQ_STR(heard(&s.agent), "");
    agent_says(&s, "{\"method\":\"serverRequest/resolved\",\"params\":{\"threadId\":"
                   "\"t1\",\"requestId\":0}}");
    EQ_STR(heard(&a->ear), ""); // told once
    answer(a, FIRST_ID, "{\"decision\":\"cancel\"}");
    HAS(heard(&a->ear), "already decided by seat2");
    stage_close(&s);
}

TEST(a_decision_past_the_hub_is_told_as_outside)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, ASK);
    deafen(&a->ear);
    agent_says(&s, "{\"method\":\"serverRequest/resolved\",\"params\":{\"threadId\":"
                   "\"t1\",\"requestId\":0}}");
    const char *told = heard(&a->ear);
    HAS(told, "\"kind\":\"outside\"");
    HAS(told, FIRST_ID);
    EQ_INT(s.events[s.n_events - 1], HUB_EVENT_OUTSIDE);
    answer(a, FIRST_ID, "{\"decision\":\"accept\"}");
    HAS(heard(&a->ear), "already decided by outside Farhand");
    stage_close(&s);
}

TEST(a_viewer_is_not_asked_and_cannot_answer)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_VIEWER);
    start_thread(&s, a, "t1");
    say(b,
        "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\",\"excludeTurns\":true}}");
    agent_replies(&s, "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"idle\"}}}");
    deafen(&b->ear);
    agent_says(&s, ASK);
    EQ_STR(heard(&b->ear), "");
    answer(b, FIRST_ID, "{\"decision\":\"accept\"}");
    HAS(heard(&b->ear), "-32011");
    EQ_STR(heard(&s.agent), "");
    hub_rights_changed(s.hub, controller_info(b->c)->device_id, ROLE_APPROVER, 0, NULL);
    HAS(heard(&b->ear), "requestApproval"); // now it may: it is asked
    answer(b, FIRST_ID, "{\"decision\":\"decline\"}");
    HAS(heard(&s.agent), "\"decline\"");
    stage_close(&s);
}

TEST(an_approval_waits_when_nobody_is_there)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u1\"}}}");
    seat_leave(a);
    agent_says(&s, ASK);
    EQ_STR(heard(&s.agent), ""); // neither answered nor left
    struct seat *b = device(&s, ROLE_APPROVER);
    say(b,
        "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\",\"excludeTurns\":true}}");
    agent_replies(&s, "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"active\"}}}");
    HAS(heard(&b->ear), "\"result\"");
    HAS(heard(&b->ear), "requestApproval");
    stage_close(&s);
}

TEST(a_client_that_cannot_show_a_request_does_not_decide_it)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, ASK);
    say(a, "{\"id\":\"" FIRST_ID "\",\"error\":{\"code\":-32601,\"message\":\"?\"}}");
    EQ_STR(heard(&s.agent), "");
    deafen(&a->ear);
    answer(a, FIRST_ID, "{\"verdict\":1}");
    HAS(heard(&a->ear), "-32602");
    answer(a, FIRST_ID, "{\"decision\":\"accept\"}");
    HAS(heard(&s.agent), "accept");
    stage_close(&s);
}

TEST(nothing_is_granted_for_longer_than_once)
{
    static const char *const asked[] = {
        "{\"decision\":\"acceptForSession\"}",
        "{\"decision\":{\"acceptWithExecpolicyAmendment\":{\"execpolicy_amendment\":"
        "[\"rm\"]}}}",
    };
    for (size_t i = 0; i < COUNT(asked); i++) {
        struct stage s;
        stage_open(&s);
        struct seat *a = local(&s);
        start_thread(&s, a, "t1");
        agent_says(&s, ASK);
        answer(a, FIRST_ID, asked[i]);
        EQ_STR(heard(&s.agent), "{\"id\":0,\"result\":{\"decision\":\"accept\"}}");
        stage_close(&s);
    }
}

/* ---- one of every kind -------------------------------------------------------------- */

static const struct {
    const char *method;
    const char *params; // after threadId
    const char *answer; // of a person; NULL: the hub answers at once
    const char *want;   // what the agent is told
} kinds[] = {
    {"item/commandExecution/requestApproval", "\"threadId\":\"t1\",\"itemId\":\"i\"",
     "{\"decision\":\"decline\"}", "{\"decision\":\"decline\"}"},
    {"item/fileChange/requestApproval", "\"threadId\":\"t1\",\"itemId\":\"i\"",
     "{\"decision\":\"accept\"}", "{\"decision\":\"accept\"}"},
    {"item/permissions/requestApproval",
     "\"threadId\":\"t1\",\"permissions\":{\"network\":{\"enabled\":true}}",
     "{\"permissions\":{\"network\":{\"enabled\":true}},\"scope\":\"session\"}",
     "{\"permissions\":{\"network\":{\"enabled\":true}},\"scope\":\"turn\"}"},
    {"item/tool/requestUserInput", "\"threadId\":\"t1\",\"questions\":[]",
     "{\"answers\":{\"q1\":{\"answers\":[\"A\"]}}}",
     "{\"answers\":{\"q1\":{\"answers\":[\"A\"]}}}"},
    {"mcpServer/elicitation/request", "\"threadId\":\"t1\",\"serverName\":\"x\"",
     "{\"action\":\"accept\",\"content\":{\"a\":1},\"_meta\":{\"persist\":\"always\"}}",
     "{\"action\":\"accept\",\"content\":{\"a\":1},\"_meta\":null}"},
    {"item/tool/call", "\"threadId\":\"t1\",\"tool\":\"ping\"", NULL,
     "{\"contentItems\":[{\"type\":\"inputText\",\"text\":\"the program that offers this "
     "tool is gone\"}],\"success\":false}"},
    {"applyPatchApproval", "\"conversationId\":\"t1\"", "{\"decision\":\"approved\"}",
     "{\"decision\":\"approved\"}"},
    {"execCommandApproval", "\"conversationId\":\"t1\"", "{\"decision\":\"abort\"}",
     "{\"decision\":\"abort\"}"},
    {"currentTime/read", "\"threadId\":\"t1\"", NULL, "{\"currentTimeAt\":1795347113}"},
    {"account/chatgptAuthTokens/refresh", "\"reason\":\"x\"", NULL, NULL},
    {"attestation/generate", "", NULL, NULL},
};

TEST(every_kind_of_server_request_reaches_a_person_or_is_answered)
{
    size_t n = 0;
    (void)decision_kinds(&n);
    EQ_INT(n, COUNT(kinds));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct stage s;
        char text[1024];
        CASE(kinds[i].method);
        stage_open(&s);
        struct seat *a = device(&s, ROLE_OPERATOR);
        start_thread(&s, a, "t1");
        TRUE(decision_kind(bytes_from_str(kinds[i].method)) != NULL);
        write_text(text, sizeof(text), "{\"method\":\"%s\",\"id\":9,\"params\":{%s}}",
                   kinds[i].method, kinds[i].params);
        agent_says(&s, text);
        if (kinds[i].answer != NULL) {
            EQ_STR(heard(&s.agent), "");
            HAS(heard(&a->ear), "\"id\":\"" FIRST_ID "\"");
            answer(a, FIRST_ID, kinds[i].answer);
        }
        if (kinds[i].want != NULL) {
            write_text(text, sizeof(text), "{\"id\":9,\"result\":%s}", kinds[i].want);
            EQ_STR(heard(&s.agent), text);
        } else {
            HAS(heard(&s.agent), "{\"id\":9,\"error\":");
        }
        stage_close(&s);
    }
}

TEST(an_unknown_request_is_refused_at_once)
{
    struct stage s;
    stage_open(&s);
    agent_says(&s, "{\"method\":\"item/new/kind\",\"id\":9,\"params\":{}}");
    HAS(heard(&s.agent), "{\"id\":9,\"error\":{\"code\":-32601");
    stage_close(&s);
}

TEST(more_permission_than_was_asked_is_refused)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    start_thread(&s, a, "t1");
    agent_says(
        &s, "{\"method\":\"item/permissions/requestApproval\",\"id\":9,\"params\":"
            "{\"threadId\":\"t1\",\"permissions\":{\"network\":{\"enabled\":true}}}}");
    deafen(&a->ear);
    answer(a, FIRST_ID, "{\"permissions\":{\"fileSystem\":{\"write\":[\"/\"]}}}");
    HAS(heard(&a->ear), "-32602");
    EQ_STR(heard(&s.agent), "");
    answer(a, FIRST_ID, "{\"permissions\":{}}");
    HAS(heard(&s.agent), "\"permissions\":{}");
    stage_close(&s);
}

TEST(a_tool_call_goes_to_its_registrar_alone_and_fails_when_it_leaves)
{
    struct stage s;
    stage_open(&s);
    struct seat *tui = seat_sit(&s, CONTROLLER_LOCAL, ROLE_OWNER, CAP_ALL);
    struct seat *b = local(&s);
    say(tui, "{\"id\":1,\"method\":\"initialize\",\"params\":{\"clientInfo\":{\"name\":"
             "\"codex-tui\"}}}");
    say(tui,
        "{\"id\":2,\"method\":\"thread/start\",\"params\":{\"dynamicTools\":[{}]}}");
    HAS(s.agent.texts[s.agent.first], "dynamicTools");
    agent_replies(&s, "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"idle\"}}}");
    say(b,
        "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\",\"excludeTurns\":true}}");
    agent_replies(&s, "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"active\"}}}");
    deafen(&tui->ear);
    deafen(&b->ear);
    agent_says(&s, "{\"method\":\"item/tool/call\",\"id\":5,\"params\":{\"threadId\":"
                   "\"t1\",\"tool\":\"ping\"}}");
    HAS(heard(&tui->ear), "item/tool/call");
    EQ_STR(heard(&b->ear), "");
    answer(b, FIRST_ID, "{\"contentItems\":[],\"success\":true}");
    HAS(heard(&b->ear), "-32011");
    seat_leave(tui);
    HAS(heard(&s.agent), "\"success\":false");
    stage_close(&s);
}

TEST(a_turn_that_ends_withdraws_what_it_asked)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, ASK);
    deafen(&a->ear);
    agent_says(&s, "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u1\",\"status\":\"interrupted\"}}}");
    HAS(heard(&a->ear), "\"decision\":\"withdrawn\"");
    HAS(heard(&a->ear), "turn/completed");
    stage_close(&s);
}

TEST(a_decision_of_a_revoked_device_has_no_effect)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, ASK);
    hub_revoke(s.hub, controller_info(a->c)->device_id);
    answer(a, FIRST_ID, "{\"decision\":\"accept\"}");
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

RUN_TESTS(T(a_request_has_one_unguessable_id_and_a_clean_menu),
          T(an_id_never_begins_like_an_option),
          T(the_first_decision_wins_and_everyone_is_told_who),
          T(a_decision_past_the_hub_is_told_as_outside),
          T(a_viewer_is_not_asked_and_cannot_answer),
          T(an_approval_waits_when_nobody_is_there),
          T(a_client_that_cannot_show_a_request_does_not_decide_it),
          T(nothing_is_granted_for_longer_than_once),
          T(every_kind_of_server_request_reaches_a_person_or_is_answered),
          T(an_unknown_request_is_refused_at_once),
          T(more_permission_than_was_asked_is_refused),
          T(a_tool_call_goes_to_its_registrar_alone_and_fails_when_it_leaves),
          T(a_turn_that_ends_withdraws_what_it_asked),
          T(a_decision_of_a_revoked_device_has_no_effect))
