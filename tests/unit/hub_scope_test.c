#include "test.h"

#include "host/method.h"
#include "host/scope.h"
#include "hub_fixture.h"

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, part)

#define RESUME(id)                                                                \
    "{\"id\":1,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"" id "\"," \
    "\"excludeTurns\":true}}"
#define RESUMED(id)                                                                  \
    "{\"thread\":{\"id\":\"" id "\",\"status\":{\"type\":\"active\"},\"turns\":[]}," \
    "\"approvalPolicy\":\"untrusted\",\"approvalsReviewer\":\"user\",\"sandbox\":{"  \
    "\"type\":\"readOnly\"}}"

TEST(a_scope_names_whole_ids)
{
    static const struct {
        const char *scope;
        const char *id;
        bool want;
    } cases[] = {
        {"", "t1", true},       {"t1", "t1", true},    {"t1 t2", "t2", true},
        {"t1 t2", "t3", false}, {"t1 t2", "t", false}, {"t1", "t1 t2", false},
        {"t12", "t1", false},   {" ", "t1", false},    {"t1  t2", "", false},
        {"t1", "", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].scope);
        EQ_INT(scope_has(cases[i].scope, bytes_from_str(cases[i].id)), cases[i].want);
    }
    FALSE(scope_has("t1", (struct bytes){(const uint8_t *)"t1\0x", 4}));
}

/* Every row of the table: with a thread of the grant, with another one, with none. */
TEST(every_method_is_for_the_threads_of_the_grant_or_closed)
{
    static const char *const open_without[] = {
        "collaborationMode/list",
        "farhand/approval/decide",
        "farhand/approval/list",
        "farhand/audit/headers",
        "farhand/commands/read",
        "farhand/presence/list",
        "farhand/status",
        "initialize",
        "model/list",
        "remoteControl/status/read",
        "thread/attachmentOwner/list",
        "thread/list",
        "thread/loaded/list",
    };
    size_t n = 0;
    const struct method *table = method_table(&n);
    json_t *mine = json_pack("{s:s}", "threadId", "t1");
    json_t *other = json_pack("{s:s}", "threadId", "t2");
    json_t *beside = json_pack("{s:s, s:s}", "threadId", "t1", "beforeThreadId", "t2");
    json_t *number = json_pack("{s:i}", "threadId", 1);
    json_t *none = json_object();
    for (size_t i = 0; i < n; i++) {
        const struct method *m = &table[i];
        bool listed = false;
        for (size_t k = 0; k < COUNT(open_without); k++) {
            listed = listed || strcmp(open_without[k], m->name) == 0;
        }
        const bool of_thread =
            (strncmp(m->name, "thread/", 7) == 0 || strncmp(m->name, "turn/", 5) == 0 ||
             strcmp(m->name, "review/start") == 0) &&
            strcmp(m->name, "thread/fork") != 0 &&
            strcmp(m->name, "thread/search") != 0;
        CASE(m->name);
        EQ_INT(scope_allows("t1", m, none), listed);
        EQ_INT(scope_allows("t1", m, mine), listed || of_thread);
        EQ_INT(scope_allows("t1", m, other), listed);
        EQ_INT(scope_allows("t1", m, beside), listed);
        EQ_INT(scope_allows("t1", m, number), listed);
        TRUE(scope_allows("", m, none));
    }
    json_decref(mine);
    json_decref(other);
    json_decref(beside);
    json_decref(number);
    json_decref(none);
}

TEST(a_call_about_another_thread_is_refused_at_the_router)
{
    static const char *const calls[] = {
        RESUME("t2"),
        "{\"id\":1,\"method\":\"thread/read\",\"params\":{\"threadId\":\"t2\"}}",
        "{\"id\":1,\"method\":\"thread/turns/list\",\"params\":{\"threadId\":\"t2\"}}",
        "{\"id\":1,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t2\",\"input\":[]}}",
        "{\"id\":1,\"method\":\"turn/interrupt\",\"params\":{\"threadId\":\"t2\","
        "\"turnId\":\"u\"}}",
        "{\"id\":1,\"method\":\"thread/unsubscribe\",\"params\":{\"threadId\":\"t2\"}}",
        "{\"id\":1,\"method\":\"thread/start\",\"params\":{}}",
        "{\"id\":1,\"method\":\"thread/fork\",\"params\":{\"threadId\":\"t1\"}}",
        "{\"id\":1,\"method\":\"thread/name/set\",\"params\":{\"threadId\":\"t1\\u0000\","
        "\"name\":\"x\"}}",
        "{\"id\":1,\"method\":\"command/exec\",\"params\":{\"command\":[\"ls\"]}}",
        "{\"id\":1,\"method\":\"fs/readFile\",\"params\":{\"path\":\"/work/a\"}}",
        "{\"id\":1,\"method\":\"thread/search\",\"params\":{\"searchTerm\":\"x\","
        "\"threadId\":\"t1\"}}",
        "{\"id\":1,\"method\":\"project/list\",\"params\":{}}",
        "{\"id\":1,\"method\":\"farhand/folders/list\",\"params\":{}}",
        "{\"id\":1,\"method\":\"fuzzyFileSearch\",\"params\":{\"query\":\"a\",\"roots\":[]}}",
    };
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct stage s;
        stage_open(&s);
        struct seat *a = scoped(&s, ROLE_OWNER, "t1");
        CASE(calls[i]);
        say(a, calls[i]);
        HAS(heard(&a->ear), "-32011");
        EQ_STR(heard(&s.agent), "");
        stage_close(&s);
    }
}

TEST(whoever_is_held_to_one_thread_cannot_ask_what_is_in_others)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = scoped(&s, ROLE_VIEWER, "t1");
    say(a, "{\"id\":1,\"method\":\"thread/list\",\"params\":{\"searchTerm\":\"secret\","
           "\"cwd\":\"/other\",\"parentThreadId\":\"t2\",\"limit\":1}}");
    const char *sent = heard(&s.agent);
    HAS(sent, "\"limit\":1");
    FALSE(strstr(sent, "secret") != NULL || strstr(sent, "/other") != NULL ||
          strstr(sent, "t2") != NULL);
    stage_close(&s);
}

TEST(whoever_is_held_to_one_thread_works_in_its_folder_alone)
{
    struct stage s;
    stage_open(&s);
    struct seat *all = device(&s, ROLE_OPERATOR);
    struct seat *a = scoped(&s, ROLE_OPERATOR, "t1");
    folders_learn(&s.hub->folders, "/other", 1);
    static const char turn[] =
        "{\"id\":1,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\",\"input\":"
        "[],\"cwd\":\"/other\"}}";
    say(a, turn);
    FALSE(strstr(heard(&s.agent), "/other") != NULL);
    say(all, turn);
    HAS(heard(&s.agent), "/other");
    stage_close(&s);
}

TEST(a_scope_is_read_from_a_list_and_told_as_one)
{
    static const struct {
        const char *threads;
        enum err want;
        const char *scope;
    } cases[] = {
        {"null", OK, ""},
        {"[\"t1\"]", OK, "t1"},
        {"[\"t1\",\"0199-ab\"]", OK, "t1 0199-ab"},
        {"[]", ERR_PROTO, ""},
        {"\"t1\"", ERR_PROTO, ""},
        {"[\"\"]", ERR_PROTO, ""},
        {"[\"a b\"]", ERR_PROTO, ""},
        {"[\"a\\u0000b\"]", ERR_PROTO, ""},
        {"[1]", ERR_PROTO, ""},
        {"{}", ERR_PROTO, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char scope[HUB_SCOPE_SIZE] = "";
        char text[64];
        json_t *root = NULL;
        CASE(cases[i].threads);
        write_text(text, sizeof(text), "{\"threads\":%s}", cases[i].threads);
        EQ_INT(json_parse(bytes_from_str(text), &root), OK);
        const json_t *threads = json_object_get(root, "threads");
        EQ_INT(scope_read(threads, scope), cases[i].want);
        EQ_STR(scope, cases[i].scope);
        if (cases[i].want == OK) {
            json_t *told = scope_json(scope);
            TRUE(json_equal(told, threads));
            json_decref(told);
        }
        json_decref(root);
    }
    char scope[HUB_SCOPE_SIZE] = "";
    json_t *many = json_array();
    for (int i = 0; i < 20; i++) {
        json_push(many, json_string("01999999-aaaa-bbbb-cccc-dddddddddddd-0123456789-"
                                    "0123456789"));
    }
    EQ_INT(scope_read(many, scope), ERR_LIMIT);
    EQ_STR(scope, "");
    json_decref(many);
}

TEST(its_own_thread_is_all_there)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = scoped(&s, ROLE_OPERATOR, "t0 t1");
    say(a, RESUME("t1"));
    agent_replies(&s, RESUMED("t1"));
    HAS(heard(&a->ear), "\"result\"");
    say(a, "{\"id\":2,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\","
           "\"input\":[]}}");
    HAS(heard(&s.agent), "turn/start");
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u\"}}}");
    HAS(heard(&a->ear), "turn/started");
    agent_says(&s,
               "{\"method\":\"item/commandExecution/requestApproval\",\"id\":0,"
               "\"params\":{\"threadId\":\"t1\",\"turnId\":\"u\",\"itemId\":\"c\"}}");
    HAS(heard(&a->ear), "requestApproval");
    stage_close(&s);
}

TEST(lists_have_the_threads_of_the_grant_alone)
{
    static const struct {
        const char *method;
        const char *result;
        const char *given;
    } cases[] = {
        {"thread/list",
         "{\"data\":[{\"id\":\"t1\"},{\"id\":\"t2\"}],\"nextCursor\":\"c\"}",
         "{\"data\":[{\"id\":\"t1\"}],\"nextCursor\":\"c\"}"},
        {"thread/loaded/list", "{\"data\":[\"t2\",\"t1\"],\"nextCursor\":null}",
         "{\"data\":[\"t1\"],\"nextCursor\":null}"},
        {"thread/attachmentOwner/list",
         "{\"data\":[{\"threadId\":\"t2\"},{\"threadId\":\"t1\"},{}]}",
         "{\"data\":[{\"threadId\":\"t1\"}]}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        char text[512];
        stage_open(&s);
        struct seat *a = scoped(&s, ROLE_VIEWER, "t1");
        struct seat *b = device(&s, ROLE_VIEWER);
        CASE(cases[i].method);
        write_text(text, sizeof(text), "{\"id\":1,\"method\":\"%s\",\"params\":{}}",
                   cases[i].method);
        say(a, text);
        agent_replies(&s, cases[i].result);
        HAS(heard(&a->ear), cases[i].given);
        say(b, text);
        agent_replies(&s, cases[i].result);
        HAS(heard(&b->ear), cases[i].result);
        stage_close(&s);
    }
}

TEST(nothing_is_heard_of_other_threads)
{
    static const char *const said[] = {
        "{\"method\":\"thread/started\",\"params\":{\"thread\":{\"id\":\"t2\"}}}",
        "{\"method\":\"thread/started\",\"params\":{\"thread\":{\"id\":\"t3\","
        "\"parentThreadId\":\"t1\"}}}",
        "{\"method\":\"thread/status/changed\",\"params\":{\"threadId\":\"t2\",\"status\":"
        "{\"type\":\"active\"}}}",
        "{\"method\":\"thread/name/updated\",\"params\":{\"threadId\":\"unknown\"}}",
        "{\"method\":\"thread/section/changed\",\"params\":{}}",
        "{\"method\":\"thread/deleted\",\"params\":{\"threadId\":\"unknown\"}}",
        "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t2\",\"turn\":{\"id\":"
        "\"u\"}}}",
        "{\"method\":\"item/commandExecution/requestApproval\",\"id\":0,\"params\":{"
        "\"threadId\":\"t2\",\"turnId\":\"u\",\"itemId\":\"c\"}}",
        "{\"method\":\"account/updated\",\"params\":{}}",
        "{\"method\":\"warning\",\"params\":{\"message\":\"m\"}}",
        "{\"method\":\"configWarning\",\"params\":{\"summary\":\"s\"}}",
        "{\"method\":\"skills/changed\",\"params\":{}}",
    };
    for (size_t i = 0; i < COUNT(said); i++) {
        struct stage s;
        stage_open(&s);
        struct seat *b = device(&s, ROLE_OPERATOR);
        start_thread(&s, b, "t2");
        struct seat *a = scoped(&s, ROLE_OWNER, "t1");
        say(a, RESUME("t1"));
        agent_replies(&s, RESUMED("t1"));
        deafen(&a->ear);
        deafen(&b->ear);
        CASE(said[i]);
        agent_says(&s, said[i]);
        EQ_STR(heard(&a->ear), "");
        TEST_CHECK(heard(&b->ear)[0] != '\0' || strstr(said[i], "\"t3\"") != NULL,
                   "others hear it");
        stage_close(&s);
    }
}

TEST(a_newcomer_with_a_scope_hears_no_warning_of_the_agent)
{
    struct stage s;
    stage_open(&s);
    agent_says(&s, "{\"method\":\"configWarning\",\"params\":{\"summary\":\"s\"}}");
    struct seat *a = seat_sit(&s, CONTROLLER_DEVICE, ROLE_OPERATOR, 0);
    hub_scope_changed(s.hub, controller_info(a->c)->device_id, "t1");
    say(a, "{\"id\":1,\"method\":\"initialize\",\"params\":{}}");
    HAS(heard(&a->ear), "\"result\"");
    EQ_STR(heard(&a->ear), "");
    stage_close(&s);
}

TEST(a_request_of_another_thread_cannot_be_answered)
{
    struct stage s;
    stage_open(&s);
    struct seat *b = device(&s, ROLE_OPERATOR);
    start_thread(&s, b, "t2");
    struct seat *a = scoped(&s, ROLE_OWNER, "t1");
    agent_says(&s, "{\"method\":\"item/tool/requestUserInput\",\"id\":0,\"params\":{"
                   "\"threadId\":\"t2\",\"turnId\":\"u\",\"itemId\":\"c\"}}");
    const char *asked = heard(&b->ear);
    char text[256];
    HAS(asked, "{\"id\":\"");
    write_text(text, sizeof(text), "{\"id\":\"%.22s\",\"result\":{\"answers\":{}}}",
               asked + 7);
    say(a, text);
    HAS(heard(&a->ear), "-32011");
    EQ_STR(heard(&s.agent), "");
    say(b, text);
    HAS(heard(&s.agent), "answers");
    stage_close(&s);
}

TEST(a_narrower_grant_ends_what_it_no_longer_covers)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = device(&s, ROLE_OPERATOR);
    start_thread(&s, b, "t2");
    say(a, RESUME("t2"));
    agent_replies(&s, RESUMED("t2"));
    deafen(&a->ear);
    hub_scope_changed(s.hub, controller_info(a->c)->device_id, "t1");
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t2\","
                   "\"turn\":{\"id\":\"u\"}}}");
    EQ_STR(heard(&a->ear), "");
    hub_scope_changed(s.hub, controller_info(a->c)->device_id, "");
    say(a, RESUME("t2"));
    HAS(heard(&s.agent), "thread/resume");
    stage_close(&s);
}

RUN_TESTS(T(whoever_is_held_to_one_thread_cannot_ask_what_is_in_others),
          T(whoever_is_held_to_one_thread_works_in_its_folder_alone),
          T(a_scope_names_whole_ids),
          T(every_method_is_for_the_threads_of_the_grant_or_closed),
          T(a_call_about_another_thread_is_refused_at_the_router),
          T(a_scope_is_read_from_a_list_and_told_as_one),
          T(its_own_thread_is_all_there), T(lists_have_the_threads_of_the_grant_alone),
          T(nothing_is_heard_of_other_threads),
          T(a_newcomer_with_a_scope_hears_no_warning_of_the_agent),
          T(a_request_of_another_thread_cannot_be_answered),
          T(a_narrower_grant_ends_what_it_no_longer_covers))
