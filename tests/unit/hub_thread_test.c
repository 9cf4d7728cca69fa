#include "test.h"

#include "hub_fixture.h"

#define HAS(text, part)   TEST_CHECK(strstr(text, part) != NULL, part " is not in it")
#define LACKS(text, part) TEST_CHECK(strstr(text, part) == NULL, part " is in it")

#define RESUMED                                                                       \
    "{\"thread\":{\"id\":\"t1\",\"ephemeral\":false,\"status\":{\"type\":\"active\"," \
    "\"activeFlags\":[]},\"turns\":[]},\"approvalPolicy\":\"untrusted\"}"

#define TURN_STARTED                                                                 \
    "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\",\"turn\":{\"id\":" \
    "\"u1\",\"items\":[],\"status\":\"inProgress\"}}}"

#define MESSAGE_STARTED                                                              \
    "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":\"agentMessage\","  \
    "\"id\":\"msg_1\",\"text\":\"\",\"phase\":null},\"threadId\":\"t1\",\"turnId\":" \
    "\"u1\",\"startedAtMs\":1},\"emittedAtMs\":2}"

static void delta(struct stage *s, const char *text)
{
    char out[512];
    write_text(
        out, sizeof(out),
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"t1\","
        "\"turnId\":\"u1\",\"itemId\":\"msg_1\",\"delta\":\"%s\"},"
        "\"emittedAtMs\":3}",
        text);
    agent_says(s, out);
}

static void resume(struct stage *s, struct seat *seat)
{
    say(seat, "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\","
              "\"excludeTurns\":true}}");
    agent_replies(s, RESUMED);
}

/* ---- starting ------------------------------------------------------------------ */

TEST(a_thread_starts_under_the_hosts_profile_and_a_clamp_is_told)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    say(a, "{\"id\":6,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/elsewhere\","
           "\"approvalPolicy\":\"never\",\"sandbox\":\"danger-full-access\",\"config\":"
           "{\"a\":1},\"model\":\"m\",\"newPower\":true}}");
    const char *asked = heard(&s.agent);
    HAS(asked, "\"approvalPolicy\":\"untrusted\"");
    HAS(asked, "\"sandbox\":\"workspace-write\"");
    HAS(asked, "\"approvalsReviewer\":\"user\"");
    HAS(asked, "\"cwd\":\"/work\"");
    HAS(asked, "\"model\":\"m\"");
    LACKS(asked, "config");
    LACKS(asked, "newPower");
    agent_answers(&s, asked,
                  "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"idle\"}}}");
    const char *told = heard(&a->ear);
    HAS(told, "{\"id\":6,\"result\":{\"farhand\":{\"clamped\":[");
    HAS(told,
        "{\"field\":\"approvalPolicy\",\"asked\":\"never\",\"given\":\"untrusted\"}");
    HAS(told, "\"field\":\"cwd\"");
    HAS(told, "\"field\":\"config\"");
    HAS(told, "]},\"thread\":{\"id\":\"t1\"");
    stage_close(&s);
}

TEST(starting_subscribes_and_others_hear_only_that_it_is_there)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_VIEWER);
    start_thread(&s, a, "t1");
    agent_says(&s,
               "{\"method\":\"thread/started\",\"params\":{\"thread\":{\"id\":\"t1\","
               "\"ephemeral\":false}}}");
    agent_says(&s, TURN_STARTED);
    HAS(heard(&a->ear), "thread/started");
    HAS(heard(&a->ear), "turn/started");
    HAS(heard(&b->ear), "thread/started");
    EQ_STR(heard(&b->ear), "");
    stage_close(&s);
}

TEST(a_title_thread_is_its_starters_alone)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    struct seat *b = local(&s);
    say(a, "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"ephemeral\":true,"
           "\"threadSource\":\"thread_title\",\"sandbox\":\"read-only\"}}");
    HAS(s.agent.texts[s.agent.first], "\"sandbox\":\"read-only\""); // stricter stands
    agent_replies(&s, "{\"thread\":{\"id\":\"h1\",\"ephemeral\":true,\"status\":"
                      "{\"type\":\"idle\"}}}");
    deafen(&a->ear);
    agent_says(&s,
               "{\"method\":\"thread/started\",\"params\":{\"thread\":{\"id\":\"h1\","
               "\"ephemeral\":true}}}");
    agent_says(&s,
               "{\"method\":\"thread/status/changed\",\"params\":{\"threadId\":\"h1\","
               "\"status\":{\"type\":\"active\"}}}");
    HAS(heard(&a->ear), "thread/started");
    HAS(heard(&a->ear), "thread/status/changed");
    EQ_STR(heard(&b->ear), "");
    say(b, "{\"id\":2,\"method\":\"thread/read\",\"params\":{\"threadId\":\"h1\"}}");
    HAS(heard(&b->ear), "-32600");
    say(b, "{\"id\":3,\"method\":\"thread/loaded/list\"}");
    agent_replies(&s, "{\"data\":[\"h1\",\"t9\"],\"nextCursor\":null}");
    EQ_STR(heard(&b->ear),
           "{\"id\":3,\"result\":{\"data\":[\"t9\"],\"nextCursor\":null}}");
    EQ_STR(heard(&s.agent), ""); // nor is it resumed when it turns active
    stage_close(&s);
}

/* ---- streaming and joining late -------------------------------------------------- */

TEST(a_delta_reaches_every_subscriber_as_it_came)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_VIEWER);
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, MESSAGE_STARTED);
    resume(&s, b);
    deafen(&a->ear);
    deafen(&b->ear);
    delta(&s, "word \\u00e9 ");
    const char *want =
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"t1\","
        "\"turnId\":\"u1\",\"itemId\":\"msg_1\",\"delta\":\"word \\u00e9 \"},"
        "\"emittedAtMs\":3}";
    EQ_STR(heard(&a->ear), want);
    EQ_STR(heard(&b->ear), want);
    stage_close(&s);
}

TEST(a_late_joiner_gets_the_text_so_far_in_one_step)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_APPROVER);
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, MESSAGE_STARTED);
    delta(&s, "one \\\"two\\\" \\ud83d");
    delta(&s, "\\ude00 three");
    agent_says(
        &s,
        "{\"method\":\"item/commandExecution/requestApproval\",\"id\":0,\"params\":"
        "{\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"c1\",\"command\":\"ls\"}}");
    deafen(&a->ear);
    resume(&s, b);
    HAS(heard(&b->ear), "{\"id\":2,\"result\":");
    EQ_STR(heard(&b->ear), MESSAGE_STARTED);
    EQ_STR(heard(&b->ear),
           "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"t1\","
           "\"turnId\":\"u1\",\"itemId\":\"msg_1\",\"delta\":"
           "\"one \\\"two\\\" \\ud83d\\ude00 three\"}}");
    HAS(heard(&b->ear), "item/commandExecution/requestApproval");
    EQ_STR(heard(&b->ear), "");
    EQ_STR(heard(&a->ear), ""); // nothing of it goes to anybody else
    delta(&s, "four");
    HAS(heard(&b->ear), "\"delta\":\"four\"");
    stage_close(&s);
}

TEST(what_upstream_replays_on_a_resume_goes_to_nobody_else)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_OPERATOR);
    const char *request =
        "{\"method\":\"item/fileChange/requestApproval\",\"id\":4,"
        "\"params\":{\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":"
        "\"c1\"}}";
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, request);
    deafen(&a->ear);
    resume(&s, b);
    agent_says(&s,
               "{\"method\":\"thread/goal/cleared\",\"params\":{\"threadId\":\"t1\"}}");
    agent_says(&s, request);
    EQ_STR(heard(&a->ear), "");
    HAS(heard(&b->ear), "\"result\"");
    HAS(heard(&b->ear), "requestApproval"); // ours, once
    HAS(heard(&b->ear), "thread/goal/cleared");
    EQ_STR(heard(&b->ear), "");
    agent_says(&s,
               "{\"method\":\"thread/goal/cleared\",\"params\":{\"threadId\":\"t1\"}}");
    HAS(heard(&a->ear), "thread/goal/cleared"); // a true one goes to all
    stage_close(&s);
}

TEST(an_item_that_closes_while_somebody_joins_is_told_as_completed_only)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, MESSAGE_STARTED);
    delta(&s, "x");
    say(b,
        "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\",\"excludeTurns\":true}}");
    agent_says(&s, "{\"method\":\"item/completed\",\"params\":{\"item\":{\"type\":"
                   "\"agentMessage\",\"id\":\"msg_1\",\"text\":\"xy\"},\"threadId\":"
                   "\"t1\",\"turnId\":\"u1\"}}");
    agent_replies(&s, RESUMED);
    HAS(heard(&b->ear), "\"result\"");
    HAS(heard(&b->ear), "item/completed");
    EQ_STR(heard(&b->ear), "");
    stage_close(&s);
}

TEST(a_late_joiner_is_spared_what_it_opted_out_of)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = seat_sit(&s, CONTROLLER_LOCAL, ROLE_OWNER, CAP_ALL);
    hub_remote_status(s.hub, json_pack("{s:s}", "status", "connected"));
    say(b, "{\"id\":1,\"method\":\"initialize\",\"params\":{\"capabilities\":"
           "{\"optOutNotificationMethods\":[\"item/completed\","
           "\"item/fileChange/patchUpdated\",\"remoteControl/status/changed\"]}}}");
    HAS(heard(&b->ear), "\"result\"");
    EQ_STR(heard(&b->ear), "");
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, MESSAGE_STARTED);
    agent_says(&s, "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":"
                   "\"fileChange\",\"id\":\"p1\"},\"threadId\":\"t1\",\"turnId\":"
                   "\"u1\"}}");
    agent_says(&s,
               "{\"method\":\"item/fileChange/patchUpdated\",\"params\":{\"itemId\":"
               "\"p1\",\"threadId\":\"t1\",\"turnId\":\"u1\",\"changes\":[]}}");
    say(b, "{\"id\":2,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\","
           "\"excludeTurns\":true}}");
    agent_says(&s, "{\"method\":\"item/completed\",\"params\":{\"item\":{\"type\":"
                   "\"agentMessage\",\"id\":\"msg_1\",\"text\":\"xy\"},\"threadId\":"
                   "\"t1\",\"turnId\":\"u1\"}}");
    agent_replies(&s, RESUMED);
    HAS(heard(&b->ear), "\"result\"");
    HAS(heard(&b->ear), "\"id\":\"p1\"");
    EQ_STR(heard(&b->ear), "");
    stage_close(&s);
}

TEST(reasoning_keeps_its_parts_apart)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_VIEWER);
    start_thread(&s, a, "t1");
    agent_says(&s, "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":"
                   "\"reasoning\",\"id\":\"r\",\"summary\":[],\"content\":[]},"
                   "\"threadId\":\"t1\",\"turnId\":\"u1\"}}");
    for (int part = 0; part < 2; part++) {
        char text[256];
        write_text(text, sizeof(text),
                   "{\"method\":\"item/reasoning/summaryTextDelta\",\"params\":"
                   "{\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"r\",\"delta\":"
                   "\"p%d\",\"summaryIndex\":%d}}",
                   part, part);
        agent_says(&s, text);
        agent_says(&s, text);
    }
    resume(&s, b);
    HAS(heard(&b->ear), "\"result\"");
    HAS(heard(&b->ear), "item/started");
    HAS(heard(&b->ear), "\"delta\":\"p0p0\",\"summaryIndex\":0}");
    HAS(heard(&b->ear), "\"delta\":\"p1p1\",\"summaryIndex\":1}");
    EQ_STR(heard(&b->ear), "");
    stage_close(&s);
}

/* ---- ends -------------------------------------------------------------------------- */

TEST(items_that_the_agent_left_open_are_closed_with_their_turn)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, MESSAGE_STARTED);
    delta(&s, "half \\u00e9");
    agent_says(&s, "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":"
                   "\"fileChange\",\"id\":\"f\",\"changes\":[],\"status\":"
                   "\"inProgress\"},\"threadId\":\"t1\",\"turnId\":\"u1\"}}");
    deafen(&a->ear);
    agent_says(&s,
               "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\","
               "\"turn\":{\"id\":\"u1\",\"status\":\"interrupted\",\"items\":[]}}}");
    const char *message = heard(&a->ear);
    HAS(message, "\"method\":\"item/completed\"");
    HAS(message, "\"text\":\"half \xc3\xa9\"");
    HAS(message, "\"farhand\":{\"closed\":true");
    const char *change = heard(&a->ear);
    HAS(change, "\"id\":\"f\"");
    HAS(change, "\"status\":\"failed\"");
    HAS(heard(&a->ear), "turn/completed");
    EQ_STR(heard(&a->ear), "");
    stage_close(&s);
}

TEST(a_message_that_a_steer_cut_off_is_closed_before_the_next_begins)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, MESSAGE_STARTED);
    delta(&s, "cut o");
    deafen(&a->ear);
    agent_says(&s, "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":"
                   "\"agentMessage\",\"id\":\"msg_2\",\"text\":\"\"},\"threadId\":"
                   "\"t1\",\"turnId\":\"u1\"}}");
    const char *cut = heard(&a->ear);
    HAS(cut, "item/completed");
    HAS(cut, "\"text\":\"cut o\"");
    HAS(heard(&a->ear), "\"id\":\"msg_2\"");
    EQ_STR(heard(&a->ear), "");
    stage_close(&s);
}

TEST(unsubscribing_is_local_until_the_thread_is_idle_and_nobody_is_left)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_OPERATOR);
    const char *leave = "{\"id\":9,\"method\":\"thread/unsubscribe\",\"params\":"
                        "{\"threadId\":\"t1\"}}";
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    resume(&s, b);
    deafen(&a->ear);
    deafen(&b->ear);
    say(a, leave);
    EQ_STR(heard(&a->ear), "{\"id\":9,\"result\":{\"status\":\"unsubscribed\"}}");
    say(a, leave);
    HAS(heard(&a->ear), "notSubscribed");
    say(b, leave);
    EQ_STR(heard(&s.agent), ""); // it works on: we keep listening
    agent_says(&s,
               "{\"method\":\"thread/status/changed\",\"params\":{\"threadId\":\"t1\","
               "\"status\":{\"type\":\"idle\"}}}");
    EQ_STR(heard(&s.agent), "");
    agent_says(&s, "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u1\",\"status\":\"completed\"}}}");
    HAS(heard(&s.agent), "thread/unsubscribe");
    stage_close(&s);
}

TEST(a_thread_that_turns_active_elsewhere_is_listened_to)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_VIEWER);
    agent_says(&s,
               "{\"method\":\"thread/status/changed\",\"params\":{\"threadId\":\"d1\","
               "\"status\":{\"type\":\"active\",\"activeFlags\":[]}}}");
    HAS(heard(&a->ear), "thread/status/changed");
    const char *asked = heard(&s.agent);
    HAS(asked, "\"method\":\"thread/resume\"");
    HAS(asked, "\"threadId\":\"d1\"");
    HAS(asked, "\"excludeTurns\":true");
    stage_close(&s);
}

/* ---- the agent's life ------------------------------------------------------------------ */

TEST(a_host_that_restarts_listens_again_and_marks_what_it_missed)
{
    struct stage s;
    stage_open_cold(&s);
    agent_state(&s, ENGINE_READY);
    agent_replies(&s, "{\"data\":[\"t1\"],\"nextCursor\":null}");
    agent_replies(&s, "{\"data\":[]}");
    agent_replies(&s, RESUMED);
    agent_says(
        &s,
        "{\"method\":\"item/commandExecution/requestApproval\",\"id\":3,\"params\":"
        "{\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"c1\",\"command\":\"ls\"}}");
    struct seat *a = device(&s, ROLE_APPROVER);
    resume(&s, a);
    HAS(heard(&a->ear), "\"result\"");
    HAS(heard(&a->ear), "requestApproval"); // with an id of ours
    delta(&s, "tail");
    const char *start = heard(&a->ear);
    HAS(start, "\"method\":\"item/started\"");
    HAS(start, "\"id\":\"msg_1\"");
    HAS(start, "\"farhand\":{\"partial\":true}");
    HAS(heard(&a->ear), "\"delta\":\"tail\"");
    delta(&s, " end");
    HAS(heard(&a->ear), "\"delta\":\" end\"");
    EQ_STR(heard(&a->ear), "");
    stage_close(&s);
}

TEST(when_the_agent_dies_turns_are_interrupted_and_subscribers_come_along)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    agent_says(&s, TURN_STARTED);
    agent_says(&s, MESSAGE_STARTED);
    delta(&s, "half");
    agent_says(&s,
               "{\"method\":\"item/fileChange/requestApproval\",\"id\":4,\"params\":"
               "{\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"c1\"}}");
    deafen(&a->ear);
    agent_state(&s, ENGINE_DOWN);
    const char *resolved = heard(&a->ear);
    HAS(resolved, "serverRequest/resolved");
    HAS(resolved, "\"decision\":\"withdrawn\"");
    HAS(heard(&a->ear), "item/completed");
    const char *turn = heard(&a->ear);
    HAS(turn, "turn/completed");
    HAS(turn, "\"status\":\"interrupted\"");
    HAS(heard(&a->ear), "\"type\":\"notLoaded\"");
    EQ_STR(heard(&a->ear), "");
    agent_state(&s, ENGINE_STARTING);
    agent_state(&s, ENGINE_READY);
    HAS(heard(&s.agent), "thread/loaded/list");
    HAS(heard(&s.agent), "thread/list");
    HAS(heard(&s.agent), "\"method\":\"thread/resume\"");
    stage_close(&s);
}

TEST(unknown_notifications_go_to_nobody)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    agent_says(&s, "{\"method\":\"thread/secret\",\"params\":{\"threadId\":\"t1\"}}");
    agent_says(&s, "{\"method\":\"remoteControl/status/changed\",\"params\":{}}");
    agent_says(&s, "not json");
    EQ_STR(heard(&a->ear), "");
    stage_close(&s);
}

TEST(a_warning_about_a_thread_is_for_its_readers)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_OPERATOR);
    start_thread(&s, a, "t1");
    deafen(&b->ear);
    agent_says(&s, "{\"method\":\"warning\",\"params\":{\"threadId\":\"t1\"}}");
    HAS(heard(&a->ear), "warning");
    agent_says(&s, "{\"method\":\"warning\",\"params\":{\"threadId\":\"t9\"}}");
    EQ_STR(heard(&b->ear), "");
    agent_says(&s, "{\"method\":\"warning\",\"params\":{\"message\":\"all\"}}");
    HAS(heard(&b->ear), "all");
    stage_close(&s);
}

TEST(account_notifications_are_for_operators)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_APPROVER);
    struct seat *b = device(&s, ROLE_OPERATOR);
    agent_says(&s, "{\"method\":\"account/rateLimits/updated\",\"params\":{}}");
    EQ_STR(heard(&a->ear), "");
    HAS(heard(&b->ear), "account/rateLimits/updated");
    stage_close(&s);
}

TEST(a_turn_always_carries_the_profile)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    start_thread(&s, a, "t1");
    say(a,
        "{\"id\":3,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\",\"input\":"
        "[],\"approvalPolicy\":\"on-request\",\"sandboxPolicy\":null}}");
    const char *known = heard(&s.agent);
    HAS(known, "\"approvalPolicy\":\"untrusted\"");
    LACKS(known, "workspaceWrite"); // the thread's own is strict enough
    say(a, "{\"id\":4,\"method\":\"turn/start\",\"params\":{\"threadId\":\"unknown\","
           "\"input\":[]}}");
    HAS(heard(&s.agent), "\"sandboxPolicy\":{\"type\":\"workspaceWrite\"");
    say(a,
        "{\"id\":5,\"method\":\"review/start\",\"params\":{\"threadId\":\"unknown\"}}");
    const char *first = heard(&s.agent);
    HAS(first, "thread/settings/update"); // names no policy: ours comes first
    agent_answers(&s, first, "{}");
    HAS(heard(&s.agent), "review/start");
    stage_close(&s);
}

TEST(a_name_gives_no_tools_but_to_the_users_own_program)
{
    static const struct {
        const char *name;
        enum controller_kind kind;
        bool keeps;
    } cases[] = {
        {"a device that calls itself so", CONTROLLER_DEVICE, false},
        {"the TCP operator", CONTROLLER_TCP, false},
        {"the local socket", CONTROLLER_LOCAL, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        CASE(cases[i].name);
        stage_open(&s);
        struct seat *a = seat_sit(&s, cases[i].kind, ROLE_OPERATOR, 0);
        say(a,
            "{\"id\":1,\"method\":\"initialize\",\"params\":{\"clientInfo\":{\"name\":"
            "\"codex-tui\"},\"capabilities\":{\"experimentalApi\":true}}}");
        say(a,
            "{\"id\":2,\"method\":\"thread/start\",\"params\":{\"dynamicTools\":[{}]}}");
        EQ_INT(strstr(heard(&s.agent), "dynamicTools") != NULL, cases[i].keeps);
        stage_close(&s);
    }
}

TEST(the_agents_tools_belong_to_whoever_registered_them)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    say(a, "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"dynamicTools\":[{}]}}");
    LACKS(heard(&s.agent), "dynamicTools"); // not the stock TUI
    stage_close(&s);
}

RUN_TESTS(T(a_thread_starts_under_the_hosts_profile_and_a_clamp_is_told),
          T(starting_subscribes_and_others_hear_only_that_it_is_there),
          T(a_title_thread_is_its_starters_alone),
          T(a_delta_reaches_every_subscriber_as_it_came),
          T(a_late_joiner_gets_the_text_so_far_in_one_step),
          T(what_upstream_replays_on_a_resume_goes_to_nobody_else),
          T(an_item_that_closes_while_somebody_joins_is_told_as_completed_only),
          T(a_late_joiner_is_spared_what_it_opted_out_of),
          T(reasoning_keeps_its_parts_apart),
          T(items_that_the_agent_left_open_are_closed_with_their_turn),
          T(a_message_that_a_steer_cut_off_is_closed_before_the_next_begins),
          T(unsubscribing_is_local_until_the_thread_is_idle_and_nobody_is_left),
          T(a_thread_that_turns_active_elsewhere_is_listened_to),
          T(a_host_that_restarts_listens_again_and_marks_what_it_missed),
          T(when_the_agent_dies_turns_are_interrupted_and_subscribers_come_along),
          T(unknown_notifications_go_to_nobody),
          T(a_warning_about_a_thread_is_for_its_readers),
          T(account_notifications_are_for_operators),
          T(a_turn_always_carries_the_profile),
          T(a_name_gives_no_tools_but_to_the_users_own_program),
          T(the_agents_tools_belong_to_whoever_registered_them))
