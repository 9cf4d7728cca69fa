#include "test.h"

#include "hub_fixture.h"

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, part " is not in it")

/* ---- initialize --------------------------------------------------------------- */

TEST(nothing_is_answered_before_initialize)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = seat_sit(&s, CONTROLLER_LOCAL, ROLE_OWNER, CAP_ALL);
    say(a, "{\"id\":7,\"method\":\"thread/list\",\"params\":{}}");
    EQ_STR(heard(&a->ear),
           "{\"id\":7,\"error\":{\"code\":-32600,\"message\":\"Not initialized\"}}");
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(the_hub_answers_initialize_itself_and_tells_the_remote_status_at_once)
{
    struct stage s;
    stage_open(&s);
    hub_remote_status(s.hub, json_pack("{s:s}", "status", "connected"));
    agent_says(&s,
               "{\"method\":\"configWarning\",\"params\":{\"summary\":\"no bwrap\"}}");
    struct seat *a = seat_sit(&s, CONTROLLER_LOCAL, ROLE_OWNER, CAP_ALL);
    say(a,
        "{\"id\":\"initialize\",\"method\":\"initialize\",\"params\":{\"clientInfo\":"
        "{\"name\":\"x\",\"version\":\"1\"}}}");
    const char *text = heard(&a->ear);
    HAS(text, "\"id\":\"initialize\"");
    HAS(text, "\"codexHome\":\"/home/u/.codex\"");
    HAS(text, "x/0.169.0");
    HAS(heard(&a->ear), "no bwrap");
    EQ_STR(heard(&a->ear), "{\"method\":\"remoteControl/status/changed\",\"params\":"
                           "{\"status\":\"connected\"}}");
    say(a, "{\"id\":2,\"method\":\"initialize\",\"params\":{}}");
    HAS(heard(&a->ear), "Already initialized");
    stage_close(&s);
}

TEST(muted_notifications_are_not_sent)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = seat_sit(&s, CONTROLLER_LOCAL, ROLE_OWNER, CAP_ALL);
    say(a, "{\"id\":1,\"method\":\"initialize\",\"params\":{\"capabilities\":"
           "{\"optOutNotificationMethods\":[\"thread/name/updated\"]}}}");
    deafen(&a->ear);
    agent_says(&s,
               "{\"method\":\"thread/name/updated\",\"params\":{\"threadId\":\"t\"}}");
    EQ_STR(heard(&a->ear), "");
    agent_says(&s, "{\"method\":\"thread/archived\",\"params\":{\"threadId\":\"t\"}}");
    HAS(heard(&a->ear), "thread/archived");
    stage_close(&s);
}

/* ---- calls ----------------------------------------------------------------------- */

TEST(an_id_returns_with_its_json_type)
{
    static const char *const ids[] = {"0", "7", "\"7\"", "\"a-b\"", "-3"};
    struct stage s;
    char text[256];
    stage_open(&s);
    struct seat *a = local(&s);
    for (size_t i = 0; i < COUNT(ids); i++) {
        CASE(ids[i]);
        write_text(text, sizeof(text), "{\"id\":%s,\"method\":\"model/list\"}", ids[i]);
        say(a, text);
        agent_replies(&s, "{\"data\":[]}");
        write_text(text, sizeof(text), "{\"id\":%s,\"result\":{\"data\":[]}}", ids[i]);
        EQ_STR(heard(&a->ear), text);
    }
    stage_close(&s);
}

TEST(answers_find_their_caller_in_any_order)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    struct seat *b = device(&s, ROLE_VIEWER);
    say(a, "{\"id\":1,\"method\":\"thread/list\",\"params\":{}}");
    say(b, "{\"id\":1,\"method\":\"thread/list\",\"params\":{}}");
    char first[256];
    write_text(first, sizeof(first), "%s", heard(&s.agent));
    agent_replies(&s, "{\"data\":[\"for b\"]}");
    agent_answers(&s, first, "{\"data\":[\"for a\"]}");
    HAS(heard(&a->ear), "for a");
    HAS(heard(&b->ear), "for b");
    stage_close(&s);
}

TEST(what_is_not_in_the_table_is_refused)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    say(a, "{\"id\":1,\"method\":\"no/such\",\"params\":{}}");
    HAS(heard(&a->ear), "-32601");
    say(a, "{\"id\":2,\"method\":\"mock/experimentalMethod\",\"params\":{}}");
    HAS(heard(&a->ear), "-32011");
    EQ_STR(heard(&s.agent), "");
    EQ_INT(s.events[s.n_events - 1], HUB_EVENT_REFUSED);
    stage_close(&s);
}

TEST(malformed_texts_are_answered_then_close_that_peer_alone)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_OPERATOR);
    for (int i = 0; i < 16; i++) {
        EQ_INT(a->closed, 0);
        say(a, "{\"id\":");
    }
    EQ_INT(a->closed, 1002);
    HAS(heard(&a->ear), "-32700");
    say(b, "{\"id\":1,\"method\":\"farhand/status\"}");
    EQ_INT(s.n_calls, 1);
    stage_close(&s);
}

TEST(what_the_daemon_answers_keeps_its_farhand_member_and_the_engine_sees_none)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    say(a,
        "{\"id\":1,\"method\":\"remoteControl/pairing/start\",\"params\":{\"farhand\":"
        "{\"role\":\"viewer\"}}}");
    EQ_INT(s.n_calls, 1);
    const json_t *own = json_get_obj(s.calls[0]->params, "farhand");
    EQ_STR(json_get_str(own, "role"), "viewer"); // else it would pair an operator
    hub_reply(s.calls[0], json_object());
    s.n_calls = 0;
    say(a, "{\"id\":2,\"method\":\"thread/list\",\"params\":{\"farhand\":{}}}");
    TEST_CHECK(strstr(s.agent.texts[s.agent.first], "farhand") == NULL, "thread/list");
    stage_close(&s);
}

TEST(the_daemon_answers_its_own_methods)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    struct seat *b = device(&s, ROLE_OPERATOR);
    say(a, "{\"id\":\"x\",\"method\":\"remoteControl/enable\",\"params\":null}");
    EQ_INT(s.n_calls, 1);
    EQ_STR(s.calls[0]->method, "remoteControl/enable");
    hub_reply(s.calls[0], json_pack("{s:s}", "status", "connecting"));
    s.n_calls = 0;
    EQ_STR(heard(&a->ear), "{\"id\":\"x\",\"result\":{\"status\":\"connecting\"}}");
    say(b, "{\"id\":1,\"method\":\"remoteControl/enable\",\"params\":null}");
    HAS(heard(&b->ear), "-32011");
    EQ_INT(s.n_calls, 0);
    say(b, "{\"id\":1,\"method\":\"farhand/status\"}");
    seat_leave(b);
    EQ_INT(s.n_calls, 1);
    TRUE(s.calls[0]->by == NULL); // it may still be answered: to nobody
    hub_reply_error(s.calls[0], -1, "late", NULL);
    s.n_calls = 0;
    stage_close(&s);
}

TEST(at_most_64_are_in_flight_and_the_rest_wait_their_turn)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    struct seat *b = local(&s);
    struct seat *c = local(&s);
    char text[128];
    for (int i = 0; i < 40; i++) {
        write_text(text, sizeof(text), "{\"id\":%d,\"method\":\"model/list\"}", i);
        say(a, text);
        say(b, text);
        say(c, text);
    }
    EQ_INT(s.agent.end - s.agent.first, 64); // 32 of a, 32 of b: c waits
    agent_replies(&s, "{\"data\":[]}");
    EQ_INT(s.agent.end, 65);
    for (int i = 0; i < 119; i++) {
        agent_replies(&s, "{\"data\":[]}");
    }
    EQ_STR(heard(&s.agent), "");
    EQ_U64(hub_deadline(s.hub), 0); // nothing is left to wait for
    stage_close(&s);
}

TEST(the_programs_of_one_controller_leave_places_for_others)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OWNER);
    struct seat *b = device(&s, ROLE_OWNER);
    for (int i = 0; i < 30; i++) {
        say(a,
            "{\"id\":1,\"method\":\"command/exec\",\"params\":{\"command\":[\"x\"]}}");
    }
    unsigned n = 0;
    while (strstr(heard(&s.agent), "command/exec") != NULL) {
        n++;
    }
    EQ_INT(n, 8);
    say(b, "{\"id\":1,\"method\":\"command/exec\",\"params\":{\"command\":[\"y\"]}}");
    const char *asked = heard(&s.agent);
    HAS(asked, "command/exec");
    agent_answers(&s, asked, "{\"exitCode\":0}");
    HAS(heard(&b->ear), "exitCode");
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(a_flood_is_the_floods_own_loss)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    struct seat *b = local(&s);
    char text[128];
    for (int i = 0; i < 200; i++) {
        write_text(text, sizeof(text), "{\"id\":%d,\"method\":\"model/list\"}", i);
        say(a, text);
    }
    HAS(heard(&a->ear), "-32015");
    EQ_INT(s.agent.end, 32);
    say(b, "{\"id\":1,\"method\":\"model/list\"}");
    EQ_INT(s.agent.end, 33);
    stage_close(&s);
}

TEST(an_overloaded_agent_is_asked_again_after_a_pause)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    say(a, "{\"id\":1,\"method\":\"model/list\"}");
    agent_replies(&s, "{\"code\":-32001,\"message\":\"Server overloaded\"}");
    EQ_STR(heard(&s.agent), "");
    EQ_STR(heard(&a->ear), "");
    EQ_U64(hub_deadline(s.hub), s.now_ms + 100);
    s.now_ms += 100;
    hub_tick(s.hub, s.now_ms);
    agent_replies(&s, "{\"data\":[]}");
    EQ_STR(heard(&a->ear), "{\"id\":1,\"result\":{\"data\":[]}}");
    stage_close(&s);
}

TEST(a_call_without_an_answer_ends_as_outcome_unknown)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    say(a, "{\"id\":1,\"method\":\"model/list\"}");
    char request[256];
    write_text(request, sizeof(request), "%s", heard(&s.agent));
    s.now_ms = hub_deadline(s.hub);
    hub_tick(s.hub, s.now_ms);
    HAS(heard(&a->ear), "-32014");
    agent_answers(&s, request, "{\"data\":[]}"); // too late: nobody is told
    EQ_STR(heard(&a->ear), "");
    stage_close(&s);
}

TEST(calls_wait_for_an_agent_that_starts_and_fail_when_it_is_down)
{
    struct stage s;
    stage_open_cold(&s);
    struct seat *a = local(&s);
    say(a, "{\"id\":1,\"method\":\"model/list\"}");
    EQ_STR(heard(&a->ear), "");
    agent_state(&s, ENGINE_READY);
    HAS(heard(&s.agent), "model/list");
    HAS(heard(&s.agent), "thread/loaded/list");
    HAS(heard(&s.agent), "thread/list");
    agent_state(&s, ENGINE_DOWN);
    HAS(heard(&a->ear), "-32013");
    say(a, "{\"id\":2,\"method\":\"model/list\"}");
    HAS(heard(&a->ear), "-32013");
    stage_close(&s);
}

#define COMPACT \
    "{\"id\":1,\"method\":\"thread/compact/start\",\"params\":{\"threadId\":\"t\"}}"

TEST(work_without_a_policy_waits_for_the_agent_and_for_the_profile)
{
    struct stage s;
    stage_open_cold(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    say(a, COMPACT);
    EQ_STR(heard(&s.agent), "");
    agent_state(&s, ENGINE_READY);
    HAS(heard(&s.agent), "thread/settings/update");
    HAS(heard(&s.agent), "thread/loaded/list"); // and not the work, without our profile
    stage_close(&s);
}

TEST(work_is_refused_when_the_agent_refuses_the_profile)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    say(a, COMPACT);
    agent_replies(&s, "{\"code\":-32600,\"message\":\"no such thread\"}");
    EQ_STR(heard(&s.agent), "");
    HAS(heard(&a->ear), "-32013");
    say(a, COMPACT);
    HAS(heard(&s.agent), "thread/settings/update");
    s.now_ms += 60000;
    hub_tick(s.hub, s.now_ms); // no answer is no yes
    EQ_STR(heard(&s.agent), "");
    HAS(heard(&a->ear), "-32013");
    say(a, COMPACT);
    agent_replies(&s, "{}");
    HAS(heard(&s.agent), "thread/compact/start");
    stage_close(&s);
}

TEST(held_work_goes_with_its_caller_and_with_its_rights)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_OPERATOR);
    say(a, COMPACT);
    say(b, COMPACT);
    const char *asked = heard(&s.agent);
    seat_leave(a);
    agent_answers(&s, asked, "{}");
    asked = heard(&s.agent);
    HAS(asked, "thread/settings/update");
    hub_rights_changed(s.hub, controller_info(b->c)->device_id, ROLE_VIEWER, 0, NULL);
    agent_answers(&s, asked, "{}");
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(a_flood_of_held_work_is_the_floods_own_loss)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    unsigned n = 0;
    for (int i = 0; i < 200; i++) {
        say(a, COMPACT);
        n += strstr(heard(&a->ear), "-32015") != NULL ? 1 : 0;
    }
    EQ_INT(n, 200 - HUB_WAITING_EACH);
    stage_close(&s);
}

/* ---- handles ------------------------------------------------------------------------ */

TEST(two_connections_may_choose_the_same_handle)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    struct seat *b = local(&s);
    const char *call = "{\"id\":1,\"method\":\"command/exec\",\"params\":{\"command\":"
                       "[\"sh\"],\"processId\":\"p\",\"tty\":true}}";
    say(a, call);
    say(b, call);
    HAS(heard(&s.agent), "\"processId\":\"fh1\"");
    HAS(heard(&s.agent), "\"processId\":\"fh2\"");
    agent_says(&s, "{\"method\":\"command/exec/outputDelta\",\"params\":{\"processId\":"
                   "\"fh2\",\"deltaBase64\":\"aGk=\"},\"emittedAtMs\":1}");
    EQ_STR(heard(&a->ear), "");
    EQ_STR(heard(&b->ear),
           "{\"method\":\"command/exec/outputDelta\",\"params\":{\"processId\":\"p\","
           "\"deltaBase64\":\"aGk=\"},\"emittedAtMs\":1}");
    say(a,
        "{\"id\":2,\"method\":\"command/exec/write\",\"params\":{\"processId\":\"q\"}}");
    HAS(heard(&a->ear), "no such handle");
    say(a,
        "{\"id\":3,\"method\":\"command/exec/write\",\"params\":{\"processId\":\"p\"}}");
    HAS(heard(&s.agent), "\"processId\":\"fh1\"");
    seat_leave(b);
    const char *kill = heard(&s.agent);
    HAS(kill, "command/exec/terminate");
    HAS(kill, "\"processId\":\"fh2\"");
    stage_close(&s);
}

/* ---- pages ---------------------------------------------------------------------------- */

TEST(a_page_that_is_too_large_is_asked_for_again_in_smaller_pieces)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    const size_t size = 8u * 1024 * 1024;
    char *big = malloc(size + 32);
    memset(big, 'x', size);
    memcpy(big, "{\"data\":[\"", 10);
    memcpy(big + size, "\"]}", 4);
    say(a, "{\"id\":1,\"method\":\"thread/items/list\",\"params\":{\"threadId\":\"t\","
           "\"limit\":50}}");
    static const char *const limits[] = {"\"limit\":16", "\"limit\":4", "\"limit\":1"};
    for (size_t i = 0; i < COUNT(limits); i++) {
        const char *request = heard(&s.agent);
        CASE(limits[i]);
        TEST_CHECK(strstr(request, limits[i]) != NULL, request);
        EQ_STR(heard(&a->ear), "");
        agent_answers(&s, request, big);
    }
    HAS(heard(&a->ear), "-32015");
    free(big);
    stage_close(&s);
}

/* ---- the live table --------------------------------------------------------------------- */

TEST(a_revoked_device_has_no_more_effect)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    EQ_INT(hub_count(s.hub), 1);
    hub_revoke(s.hub, controller_info(a->c)->device_id);
    EQ_INT(a->closed, 1008);
    say(a, "{\"id\":1,\"method\":\"thread/list\",\"params\":{}}");
    EQ_STR(heard(&s.agent), "");
    EQ_STR(heard(&a->ear), "");
    EQ_INT(hub_count(s.hub), 0);
    stage_close(&s);
}

TEST(rights_change_while_connected)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    hub_rights_changed(s.hub, controller_info(a->c)->device_id, ROLE_VIEWER, 0,
                       "phone");
    EQ_STR(controller_info(a->c)->name, "phone");
    say(a, "{\"id\":1,\"method\":\"turn/interrupt\",\"params\":{\"threadId\":\"t\"}}");
    HAS(heard(&a->ear), "-32011");
    stage_close(&s);
}

TEST(a_device_that_loses_rights_loses_its_programs_and_what_waits)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OWNER);
    hub_rights_changed(s.hub, controller_info(a->c)->device_id, ROLE_OWNER, CAP_ALL,
                       NULL);
    say(a, "{\"id\":1,\"method\":\"process/spawn\",\"params\":{\"processHandle\":\"p\","
           "\"command\":[\"sh\"],\"cwd\":\"/\"}}");
    HAS(heard(&s.agent), "process/spawn");
    hub_rights_changed(s.hub, controller_info(a->c)->device_id, ROLE_VIEWER, 0, NULL);
    HAS(heard(&s.agent), "process/kill");
    stage_close(&s);
}

RUN_TESTS(T(what_the_daemon_answers_keeps_its_farhand_member_and_the_engine_sees_none),
          T(a_device_that_loses_rights_loses_its_programs_and_what_waits),
          T(nothing_is_answered_before_initialize),
          T(the_hub_answers_initialize_itself_and_tells_the_remote_status_at_once),
          T(muted_notifications_are_not_sent), T(an_id_returns_with_its_json_type),
          T(answers_find_their_caller_in_any_order),
          T(what_is_not_in_the_table_is_refused),
          T(malformed_texts_are_answered_then_close_that_peer_alone),
          T(the_daemon_answers_its_own_methods),
          T(at_most_64_are_in_flight_and_the_rest_wait_their_turn),
          T(the_programs_of_one_controller_leave_places_for_others),
          T(a_flood_is_the_floods_own_loss),
          T(an_overloaded_agent_is_asked_again_after_a_pause),
          T(a_call_without_an_answer_ends_as_outcome_unknown),
          T(calls_wait_for_an_agent_that_starts_and_fail_when_it_is_down),
          T(work_without_a_policy_waits_for_the_agent_and_for_the_profile),
          T(work_is_refused_when_the_agent_refuses_the_profile),
          T(held_work_goes_with_its_caller_and_with_its_rights),
          T(a_flood_of_held_work_is_the_floods_own_loss),
          T(two_connections_may_choose_the_same_handle),
          T(a_page_that_is_too_large_is_asked_for_again_in_smaller_pieces),
          T(a_revoked_device_has_no_more_effect), T(rights_change_while_connected))
