/* Whose a controller is, until when, who is there, and whose words a turn follows. */
#include "test.h"

#include "host/method.h"
#include "host/thread.h"
#include "hub_fixture.h"

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, part)
#define NOW             UINT64_C(1795347113000) // of the fixture

#define RESUME                                                                \
    "{\"id\":1,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\"," \
    "\"excludeTurns\":true}}"
#define RESUMED                                                                     \
    "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"idle\"},\"turns\":[]},"      \
    "\"approvalPolicy\":\"untrusted\",\"approvalsReviewer\":\"user\",\"sandbox\":{" \
    "\"type\":\"readOnly\"}}"
#define TURN \
    "{\"id\":2,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\",\"input\":[]}}"
#define STEER                                                              \
    "{\"id\":3,\"method\":\"turn/steer\",\"params\":{\"threadId\":\"t1\"," \
    "\"expectedTurnId\":\"u\",\"input\":[]}}"

static void is_called(struct seat *seat, const char *person, uint64_t until_ms)
{
    hub_person_changed(seat->stage->hub, controller_info(seat->c)->device_id, person,
                       until_ms);
}

static void join(struct stage *s, struct seat *seat)
{
    say(seat, RESUME);
    agent_replies(s, RESUMED);
    deafen(&seat->ear);
    deafen(&s->agent);
}

/* ---- until when ----------------------------------------------------------------- */

/* Every row of the table, every role: when the time is up nothing is left. */
TEST(after_its_end_an_invitation_may_call_nothing)
{
    size_t n = 0;
    const struct method *table = method_table(&n);
    for (unsigned role = ROLE_VIEWER; role <= ROLE_OWNER; role++) {
        struct stage s;
        stage_open(&s);
        struct seat *a = device(&s, (enum role)role);
        struct seat *b = device(&s, (enum role)role);
        is_called(a, "Ada", NOW);
        is_called(b, "Ada", NOW + 1);
        for (size_t i = 0; i < n; i++) {
            char text[256];
            CASE(table[i].name);
            write_text(text, sizeof(text),
                       "{\"id\":1,\"method\":\"%s\",\"params\":{\"threadId\":\"t1\"}}",
                       table[i].name);
            say(a, text);
            HAS(heard(&a->ear), "-32011");
            EQ_STR(heard(&a->ear), "");
            EQ_STR(heard(&s.agent), "");
            EQ_U64(s.n_calls, 0);
        }
        say(b, "{\"id\":1,\"method\":\"thread/list\",\"params\":{}}");
        HAS(heard(&s.agent), "thread/list");
        stage_close(&s);
    }
}

TEST(a_decision_after_the_end_has_no_effect)
{
    struct stage s;
    stage_open(&s);
    struct seat *b = device(&s, ROLE_OPERATOR);
    start_thread(&s, b, "t1");
    struct seat *a = device(&s, ROLE_OPERATOR);
    join(&s, a);
    agent_says(&s, "{\"method\":\"item/tool/requestUserInput\",\"id\":0,\"params\":{"
                   "\"threadId\":\"t1\",\"turnId\":\"u\",\"itemId\":\"c\"}}");
    const char *asked = heard(&a->ear);
    char text[256];
    HAS(asked, "{\"id\":\"");
    write_text(text, sizeof(text), "{\"id\":\"%.22s\",\"result\":{\"answers\":{}}}",
               asked + 7);
    is_called(a, "Ada", NOW);
    say(a, text);
    HAS(heard(&a->ear), "-32011");
    EQ_STR(heard(&s.agent), "");
    say(b, text);
    HAS(heard(&s.agent), "answers");
    stage_close(&s);
}

TEST(the_end_is_said_in_words_and_closes_what_is_open)
{
    struct stage s;
    stage_open(&s);
    struct seat *b = device(&s, ROLE_OPERATOR);
    start_thread(&s, b, "t1");
    struct seat *a = device(&s, ROLE_OPERATOR);
    join(&s, a);
    deafen(&b->ear);
    hub_end(s.hub, controller_info(a->c)->device_id, "Your evening is over.");
    HAS(heard(&a->ear),
        "{\"method\":\"farhand/ended\",\"params\":{\"reason\":\"Your evening is over.\"}}");
    EQ_INT(a->closed, 1008);
    EQ_INT(b->closed, 0);
    say(a, TURN);
    EQ_STR(heard(&a->ear), "");
    EQ_STR(heard(&s.agent), "");
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u\"}}}");
    EQ_STR(heard(&a->ear), "");
    HAS(heard(&b->ear), "turn/started");
    stage_close(&s);
}

/* ---- who is there ------------------------------------------------------------------ */

TEST(who_is_on_a_thread_is_told_to_all_who_are)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = scoped(&s, ROLE_VIEWER, "t1");
    is_called(b, "Ada", 0);
    start_thread(&s, a, "t1");
    EQ_STR(a->company, ""); // nobody to tell
    join(&s, b);
    HAS(a->company, "{\"threadId\":\"t1\",\"present\":[{\"kind\":\"device\",\"name\":"
                    "\"seat1\",\"clientId\":\"0101");
    HAS(a->company, "\"name\":\"seat2\",\"person\":\"Ada\",\"clientId\":\"0202");
    HAS(a->company, "\"role\":\"viewer\"");
    EQ_STR(a->company, b->company);
    seat_leave(b);
    HAS(a->company, "seat1");
    TEST_CHECK(strstr(a->company, "seat2") == NULL, "has left");
    stage_close(&s);
}

TEST(who_is_there_is_listed_for_threads_that_may_be_seen)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = device(&s, ROLE_OPERATOR);
    struct seat *b = scoped(&s, ROLE_VIEWER, "t2");
    start_thread(&s, a, "t1");
    start_thread(&s, a, "t2");
    say(b, "{\"id\":1,\"method\":\"farhand/presence/list\",\"params\":{}}");
    const char *told = heard(&b->ear);
    HAS(told, "\"t2\"");
    TEST_CHECK(strstr(told, "\"t1\"") == NULL, "not its own");
    say(b, "{\"id\":1,\"method\":\"farhand/presence/list\",\"params\":{\"threadId\":"
           "\"t1\"}}");
    HAS(heard(&b->ear), "names a thread that is not there");
    say(a, "{\"id\":1,\"method\":\"farhand/presence/list\",\"params\":{\"threadId\":"
           "\"t1\"}}");
    told = heard(&a->ear);
    HAS(told, "t1");
    TEST_CHECK(strstr(told, "\"t2\"") == NULL, "one was named");
    stage_close(&s);
}

/* ---- whose words ------------------------------------------------------------------- */

static enum role judged_as(struct stage *s)
{
    const struct thread *t =
        thread_find(((struct controller *)s->seats[0].c)->hub, BYTES_LIT("t1"));
    return t == NULL ? ROLE_NONE : t->turn_role;
}

TEST(a_turn_has_the_least_role_of_those_whose_words_it_follows)
{
    struct stage s;
    stage_open(&s);
    struct seat *owner = local(&s);
    struct seat *phone = device(&s, ROLE_OPERATOR);
    start_thread(&s, owner, "t1");
    join(&s, phone);
    EQ_INT(judged_as(&s), ROLE_NONE);
    say(owner, TURN);
    EQ_INT(judged_as(&s), ROLE_OWNER);
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u\"}}}");
    EQ_INT(judged_as(&s), ROLE_OWNER);
    say(phone, STEER);
    EQ_INT(judged_as(&s), ROLE_OPERATOR);
    say(owner, STEER); // what was said stays said
    EQ_INT(judged_as(&s), ROLE_OPERATOR);
    agent_says(&s, "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u\",\"status\":\"completed\"}}}");
    EQ_INT(judged_as(&s), ROLE_NONE);
    stage_close(&s);
}

TEST(a_turn_that_began_past_us_is_nobodys_whoever_steers_it)
{
    struct stage s;
    stage_open(&s);
    struct seat *owner = local(&s);
    start_thread(&s, owner, "t1");
    agent_says(&s, "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turn\":{\"id\":\"u\"}}}");
    say(owner, STEER);
    EQ_INT(judged_as(&s), ROLE_NONE);
    stage_close(&s);
}

/* ---- folders whose own files count -------------------------------------------------- */

static bool only_work(void *user, const char *path, char *real, size_t size)
{
    (void)user;
    write_text(real, size, "/real%s", path);
    return strcmp(path, "/work") == 0;
}

TEST(the_agent_is_told_which_folders_are_not_trusted)
{
    static const struct {
        const char *call;
        const char *says; // NULL: nothing
    } cases[] = {
        {"{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/known\"}}",
         "\"config\":{\"projects\":{\"/real/known\":{\"trust_level\":\"untrusted\"}}}"},
        {"{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/known\",\"config\":{"
         "\"projects\":{\"/real/known\":{\"trust_level\":\"trusted\"}}}}}",
         "\"config\":{\"projects\":{\"/real/known\":{\"trust_level\":\"untrusted\"}}}"},
        {"{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/work\"}}", NULL},
        {"{\"id\":1,\"method\":\"thread/start\",\"params\":{}}", NULL}, // in /work
        // where an unknown thread works is not known: every folder that is
        {"{\"id\":1,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"old\"}}",
         "\"/real/known\":{\"trust_level\":\"untrusted\"}"},
        {"{\"id\":1,\"method\":\"thread/fork\",\"params\":{\"threadId\":\"old\"}}",
         "\"/real/known\":{\"trust_level\":\"untrusted\"}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage s;
        stage_open(&s);
        struct seat *a = local(&s);
        a->c->hub->ops.is_trusted = only_work;
        CASE(cases[i].call);
        say(a, cases[i].call);
        const char *sent = heard(&s.agent);
        if (cases[i].says != NULL) {
            HAS(sent, cases[i].says);
        } else {
            TEST_CHECK(strstr(sent, "projects") == NULL, sent);
        }
        stage_close(&s);
    }
}

TEST(what_a_pairing_asks_for_reaches_the_daemon)
{
    struct stage s;
    stage_open(&s);
    struct seat *a = local(&s);
    say(a,
        "{\"id\":1,\"method\":\"remoteControl/pairing/start\",\"params\":{\"farhand\":{"
        "\"role\":\"viewer\",\"threads\":[\"t1\"]}}}");
    EQ_U64(s.n_calls, 1);
    EQ_STR(json_get_str(json_get_obj(s.calls[0]->params, "farhand"), "role"), "viewer");
    stage_close(&s);
}

RUN_TESTS(T(after_its_end_an_invitation_may_call_nothing),
          T(a_decision_after_the_end_has_no_effect),
          T(the_end_is_said_in_words_and_closes_what_is_open),
          T(who_is_on_a_thread_is_told_to_all_who_are),
          T(who_is_there_is_listed_for_threads_that_may_be_seen),
          T(a_turn_has_the_least_role_of_those_whose_words_it_follows),
          T(a_turn_that_began_past_us_is_nobodys_whoever_steers_it),
          T(the_agent_is_told_which_folders_are_not_trusted),
          T(what_a_pairing_asks_for_reaches_the_daemon))
