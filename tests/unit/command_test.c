#include "test.h"

#include "base/text.h"
#include "hub_fixture.h"

#include "host/command.h"
#include "host/recover.h"

#define PHONE "01010101010101010101010101010101"

static void numbered(struct seat *seat, uint64_t seq, const char *text)
{
    hub_input_numbered(seat->c, bytes_from_str(text), seq, seat->stage->now_ms);
}

static const char *unmapped(const char *text)
{
    static char out[1024];
    struct buf buf;
    buf_init(&buf, sizeof(out));
    EQ_INT(command_unmap(bytes_from_str(text), &buf), OK);
    write_text(out, sizeof(out), "%.*s", (int)buf_len(&buf),
               (const char *)buf_bytes(&buf).at);
    buf_fini(&buf);
    return out;
}

TEST(a_key_is_taken_out_of_what_controllers_see)
{
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"{\"clientId\":\"fh1:" PHONE ":7\"}", "{\"clientId\":null}"},
        {"{\"clientId\":\"fh1:" PHONE ":7:mine\"}", "{\"clientId\":\"mine\"}"},
        {"{\"clientId\":\"fh1:" PHONE ":7:\"}", "{\"clientId\":\"\"}"},
        {"[{\"clientId\":\"fh1:" PHONE ":7:a\"},{\"clientId\":\"fh1:" PHONE ":8\"}]",
         "[{\"clientId\":\"a\"},{\"clientId\":null}]"},
        {"{\"clientId\":\"fh1:short:7\"}", "{\"clientId\":\"fh1:short:7\"}"},
        {"{\"clientId\":\"fh1:" PHONE ":x\"}", "{\"clientId\":\"fh1:" PHONE ":x\"}"},
        {"{\"clientId\":\"fh1:", "{\"clientId\":\"fh1:"},
        {"{\"text\":\"\\\"clientId\\\":\\\"fh1:" PHONE ":7\\\"\"}",
         "{\"text\":\"\\\"clientId\\\":\\\"fh1:" PHONE ":7\\\"\"}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].in);
        EQ_STR(unmapped(cases[i].in), cases[i].out);
    }
}

TEST(a_key_is_found_whole_and_nothing_shorter)
{
    const char *text = "{\"clientId\":\"fh1:" PHONE ":71:own\"}";
    TRUE(command_is_in(bytes_from_str(text), "fh1:" PHONE ":71"));
    FALSE(command_is_in(bytes_from_str(text), "fh1:" PHONE ":7"));
    FALSE(command_is_in(bytes_from_str(text), "fh1:" PHONE ":711"));
}

TEST(a_command_is_durable_before_the_agent_hears_it_and_carries_its_key)
{
    struct stage s;
    stage_open(&s);
    struct seat *phone = device(&s, ROLE_OPERATOR);
    start_thread(&s, phone, "t1");
    numbered(phone, 7,
             "{\"id\":5,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\","
             "\"clientUserMessageId\":\"mine\",\"input\":[]}}");
    EQ_INT(s.command.n, 1);
    EQ_U64(s.command.seq, 7);
    EQ_INT(s.command.state, HUB_COMMAND_SENT);
    const char *up = heard(&s.agent);
    TRUE(strstr(up, "\"clientUserMessageId\":\"fh1:" PHONE ":7:mine\"") != NULL);
    TRUE(strstr(s.command.body, "fh1:" PHONE ":7:mine") != NULL);
    agent_answers(&s, up, "{\"turn\":{\"id\":\"u1\"}}");
    EQ_INT(s.command.state, HUB_COMMAND_ANSWERED);
    EQ_STR(s.command.turn, "u1");
    deafen(&phone->ear);
    agent_says(&s, "{\"method\":\"item/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turnId\":\"u1\",\"item\":{\"type\":\"userMessage\",\"id\":\"i1\","
                   "\"clientId\":\"fh1:" PHONE ":7:mine\",\"content\":[]}}}");
    TRUE(strstr(heard(&phone->ear), "\"clientId\":\"mine\"") != NULL);
    stage_close(&s);
}

TEST(an_id_that_looks_like_a_key_hides_nothing)
{
    static const char *const given[] = {"fh1:mine", "fh1:" PHONE ":8",
                                        "fh1:" PHONE ":7:fh1:" PHONE ":8:x"};
    static const char *const seen[] = {"\"clientId\":\"fh1:mine\"", "\"clientId\":null",
                                       "\"clientId\":\"fh1:" PHONE ":8:x\""};
    struct stage s;
    stage_open(&s);
    struct seat *phone = device(&s, ROLE_OPERATOR);
    start_thread(&s, phone, "t1");
    for (size_t i = 0; i < COUNT(given); i++) {
        char text[512];
        write_text(text, sizeof(text),
                   "{\"method\":\"item/started\",\"params\":{\"threadId\":\"t1\","
                   "\"turnId\":\"u1\",\"item\":{\"type\":\"userMessage\",\"id\":"
                   "\"i%zu\",\"clientId\":\"%s\",\"content\":[]}}}",
                   i, given[i]);
        agent_says(&s, text);
        TRUE(strstr(heard(&phone->ear), seen[i]) != NULL);
    }
    stage_close(&s);
}

TEST(what_a_disk_refuses_does_not_happen)
{
    struct stage s;
    stage_open(&s);
    struct seat *phone = device(&s, ROLE_OPERATOR);
    start_thread(&s, phone, "t1");
    s.disk = ERR_IO;
    numbered(phone, 7,
             "{\"id\":5,\"method\":\"turn/interrupt\",\"params\":"
             "{\"threadId\":\"t1\",\"turnId\":\"u1\"}}");
    EQ_STR(heard(&s.agent), "");
    TRUE(strstr(heard(&phone->ear), "nothing was done") != NULL);
    s.disk = ERR_EXISTS;
    numbered(phone, 7,
             "{\"id\":6,\"method\":\"turn/interrupt\",\"params\":"
             "{\"threadId\":\"t1\",\"turnId\":\"u1\"}}");
    EQ_STR(heard(&s.agent), "");
    TRUE(strstr(heard(&phone->ear), "-32014") != NULL);
    stage_close(&s);
}

TEST(a_read_and_a_local_call_are_no_commands)
{
    struct stage s;
    stage_open(&s);
    struct seat *phone = device(&s, ROLE_OPERATOR);
    numbered(phone, 3, "{\"id\":5,\"method\":\"thread/loaded/list\",\"params\":{}}");
    TRUE(strstr(heard(&s.agent), "thread/loaded/list") != NULL);
    struct seat *desk = local(&s);
    start_thread(&s, desk, "t1");
    EQ_INT(s.command.n, 0);
    stage_close(&s);
}

TEST(a_command_in_flight_when_the_agent_dies_is_unknown)
{
    struct stage s;
    stage_open(&s);
    struct seat *phone = device(&s, ROLE_OPERATOR);
    start_thread(&s, phone, "t1");
    numbered(phone, 7,
             "{\"id\":5,\"method\":\"thread/name/set\",\"params\":"
             "{\"threadId\":\"t1\",\"name\":\"x\"}}");
    agent_state(&s, ENGINE_DOWN);
    EQ_INT(s.command.state, HUB_COMMAND_UNKNOWN);
    TRUE(strstr(heard(&phone->ear), "-32014") != NULL);
    stage_close(&s);
}

/* ---- after a restart ------------------------------------------------------------------ */

static void recover(struct stage *s, const char *method, bool may_send)
{
    struct hub_command c = {
        .key = {.seq = 9},
        .method = method,
        .thread_id = "t1",
        .body = BYTES_LIT("{\"threadId\":\"t1\",\"clientUserMessageId\":\"fh1:" PHONE
                          ":9\",\"input\":[]}"),
    };
    memset(c.key.device_id, 1, sizeof(c.key.device_id));
    stage_open_cold(s);
    hub_recover(s->hub, &c, may_send);
    if (strncmp(method, "turn/", 5) != 0 || strcmp(method, "turn/interrupt") == 0) {
        return;
    }
    agent_state(s, ENGINE_READY);
    agent_answers(s, heard(&s->agent), "{\"data\":[],\"nextCursor\":null}");
    agent_answers(s, heard(&s->agent), "{\"data\":[]}");
    const char *open = heard(&s->agent);
    TRUE(strstr(open, "thread/resume") != NULL);
    agent_answers(s, open,
                  "{\"thread\":{\"id\":\"t1\",\"ephemeral\":false,\"status\":"
                  "{\"type\":\"idle\"}},\"cwd\":\"/work\"}");
}

#define NOTHING "{\"data\":[],\"nextCursor\":null}"

TEST(a_turn_that_is_in_the_history_was_done_and_is_not_sent)
{
    struct stage s;
    recover(&s, "turn/start", true);
    agent_replies(&s,
                  "{\"data\":[{\"turnId\":\"u1\",\"item\":{\"type\":\"userMessage\","
                  "\"clientId\":\"fh1:" PHONE ":9\"}}],\"nextCursor\":null}");
    EQ_INT(s.command.state, HUB_COMMAND_ANSWERED);
    EQ_U64(s.command.seq, 9);
    TRUE(strstr(heard(&s.agent), "thread/unsubscribe") != NULL);
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(a_turn_that_is_twice_not_there_is_sent_once_with_its_key)
{
    struct stage s;
    recover(&s, "turn/start", true);
    agent_replies(&s, NOTHING);
    EQ_STR(heard(&s.agent), ""); // not yet: it may have been taken a moment ago
    s.now_ms += RECOVER_PAUSE_MS;
    hub_tick(s.hub, s.now_ms);
    agent_replies(&s, NOTHING);
    const char *up = heard(&s.agent);
    TRUE(strstr(up, "turn/start") != NULL);
    TRUE(strstr(up, "fh1:" PHONE ":9") != NULL);
    agent_answers(&s, up, "{\"turn\":{\"id\":\"u2\"}}");
    EQ_INT(s.command.state, HUB_COMMAND_ANSWERED);
    s.now_ms += 10 * RECOVER_PAUSE_MS;
    hub_tick(s.hub, s.now_ms);
    EQ_STR(heard(&s.agent), "");
    stage_close(&s);
}

TEST(a_turn_is_not_sent_while_another_runs)
{
    struct stage s;
    recover(&s, "turn/start", true);
    agent_says(&s, "{\"method\":\"thread/status/changed\",\"params\":{\"threadId\":"
                   "\"t1\",\"status\":{\"type\":\"active\",\"activeFlags\":[]}}}");
    for (unsigned i = 0; i < RECOVER_LOOKS; i++) {
        const char *up = heard(&s.agent);
        TRUE(strstr(up, "thread/items/list") != NULL);
        agent_answers(&s, up, NOTHING);
        s.now_ms += RECOVER_PAUSE_MS;
        hub_tick(s.hub, s.now_ms);
    }
    EQ_STR(heard(&s.agent), "");
    EQ_INT(s.command.state, HUB_COMMAND_UNKNOWN);
    stage_close(&s);
}

TEST(what_may_not_be_sent_again_is_unknown)
{
    struct stage s;
    recover(&s, "turn/steer", true);
    agent_replies(&s, NOTHING);
    s.now_ms += RECOVER_PAUSE_MS;
    hub_tick(s.hub, s.now_ms);
    agent_replies(&s, NOTHING);
    EQ_INT(s.command.state, HUB_COMMAND_UNKNOWN);
    TRUE(strstr(heard(&s.agent), "turn/") == NULL);
    stage_close(&s);
    recover(&s, "turn/interrupt", true);
    EQ_INT(s.command.state, HUB_COMMAND_UNKNOWN);
    stage_close(&s);
    recover(&s, "thread/name/set", true);
    EQ_INT(s.command.state, HUB_COMMAND_UNKNOWN);
    stage_close(&s);
}

TEST(the_next_agent_is_asked_when_one_dies_meanwhile)
{
    struct stage s;
    recover(&s, "turn/start", true);
    agent_state(&s, ENGINE_DOWN);
    deafen(&s.agent);
    agent_state(&s, ENGINE_READY);
    agent_answers(&s, heard(&s.agent), "{\"data\":[],\"nextCursor\":null}");
    agent_answers(&s, heard(&s.agent), "{\"data\":[]}");
    TRUE(strstr(heard(&s.agent), "thread/resume") != NULL);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_key_is_taken_out_of_what_controllers_see),
        T(a_key_is_found_whole_and_nothing_shorter),
        T(a_command_is_durable_before_the_agent_hears_it_and_carries_its_key),
        T(an_id_that_looks_like_a_key_hides_nothing),
        T(what_a_disk_refuses_does_not_happen),
        T(a_read_and_a_local_call_are_no_commands),
        T(a_command_in_flight_when_the_agent_dies_is_unknown),
        T(a_turn_that_is_in_the_history_was_done_and_is_not_sent),
        T(a_turn_that_is_twice_not_there_is_sent_once_with_its_key),
        T(a_turn_is_not_sent_while_another_runs),
        T(what_may_not_be_sent_again_is_unknown),
        T(the_next_agent_is_asked_when_one_dies_meanwhile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
