#include "test.h"

#include <unistd.h>

#include "base/file.h"
#include "crypto/random.h"
#include "host/audit.h"

/* Every kind of record has every field that docs/protocol.md 7.1 gives it. */

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, part " is not in it")

static char dir[] = "/tmp/farhand-record-XXXXXX";
static char path[64];
static struct audit *log_file;
static char line[65536]; // the last

static const struct controller_info phone = {.kind = CONTROLLER_DEVICE,
                                             .name = "Pixel",
                                             .role = ROLE_APPROVER,
                                             .device_id = {0xab, 0xcd}};
static const struct controller_info desk = {.kind = CONTROLLER_LOCAL,
                                            .name = "desk",
                                            .role = ROLE_OWNER,
                                            .pid = 77,
                                            .exe = "/usr/bin/codex"};

static const char *last(void)
{
    struct buf text;
    const char *all = NULL;
    buf_init(&text, 4u << 20);
    EQ_INT(file_read(path, &text), OK);
    EQ_INT(buf_cstr(&text, &all), OK);
    size_t end = strlen(all) - 1; // its line break
    size_t begin = end;
    while (begin > 0 && all[begin - 1] != '\n') {
        begin--;
    }
    TRUE(end - begin < sizeof(line));
    memcpy(line, all + begin, end - begin);
    line[end - begin] = '\0';
    buf_fini(&text);
    return line;
}

static void check_by_phone(const char *text)
{
    HAS(text, "\"by\":{");
    HAS(text, "\"kind\":\"device\"");
    HAS(text, "\"name\":\"Pixel\"");
    HAS(text, "\"role\":\"approver\"");
    HAS(text, "\"clientId\":\"abcd0000000000000000000000000000\"");
}

TEST(a_turn_has_its_state_its_ids_and_its_device)
{
    static const char *const states[] = {"started", "steered", "interrupted"};
    for (size_t i = 0; i < COUNT(states); i++) {
        audit_turn(log_file, &(struct audit_turn){.state = states[i],
                                                  .thread_id = "t1",
                                                  .turn_id = "u1",
                                                  .status = "done",
                                                  .by = &phone});
        HAS(last(), "\"type\":\"turn\"");
        TRUE(strstr(line, states[i]) != NULL);
        HAS(line, "\"threadId\":\"t1\"");
        HAS(line, "\"turnId\":\"u1\"");
        HAS(line, "\"status\":\"done\"");
        check_by_phone(line);
    }
    audit_turn(log_file, &(struct audit_turn){
                             .state = "completed", .thread_id = "t1", .ended = true});
    HAS(last(), "\"state\":\"completed\"");
    TRUE(strstr(line, "\"by\"") == NULL);
    audit_turn(log_file, &(struct audit_turn){.state = "started", .thread_id = "t1"});
    HAS(last(), "\"kind\":\"outside\"");
}

TEST(a_request_and_its_decision_have_what_proves_them)
{
    uint64_t idx = 0;
    const struct audit_request r = {.request_id = "r1",
                                    .method = "item/x",
                                    .thread_id = "t1",
                                    .turn_id = "u1",
                                    .item_id = "i1",
                                    .request = BYTES_LIT("octets")};
    EQ_INT(audit_request(log_file, &r), OK);
    HAS(last(), "\"requestId\":\"r1\",\"method\":\"item/x\",\"threadId\":\"t1\","
                "\"turnId\":\"u1\",\"itemId\":\"i1\",\"request\":\"b2N0ZXRz\"");
    const struct audit_decision d = {.request_id = "r1",
                                     .thread_id = "t1",
                                     .decision = "decline",
                                     .by = &phone,
                                     .via = "tui",
                                     .reason = "not now",
                                     .a = BYTES_LIT("octets"),
                                     .sig = BYTES_LIT("octets"),
                                     .result = BYTES_LIT("{}"),
                                     .final = true};
    EQ_INT(audit_decision(log_file, &d, &idx), OK);
    TRUE(audit_is_synced(log_file));
    HAS(last(), "\"type\":\"decision\"");
    HAS(line, "\"decision\":\"decline\",\"via\":\"tui\",\"reason\":\"not now\"");
    HAS(line, "\"final\":true");
    HAS(line, "\"a\":\"b2N0ZXRz\"");
    HAS(line, "\"sig\":\"b2N0ZXRz\"");
    HAS(line, "\"result\":\"44136fa355b3678a1146ad16f7e8649e");
    check_by_phone(line);
    EQ_INT(audit_take_back(log_file, &d, idx), OK);
    HAS(last(), "\"type\":\"refusal\"");
    HAS(line, "\"requestId\":\"r1\"");
    HAS(line, "\"reason\":\"the decision could not be stored\"");
    audit_replayed(log_file, "r1", idx, "why not");
    HAS(last(), "\"type\":\"recovered\"");
    HAS(line, "\"reason\":\"why not\"");
    audit_outside(log_file, "r1", "t1");
    HAS(last(), "\"type\":\"outside decision\"");
    audit_withdrawn(log_file, "r1", "t1", "the agent has ended");
    HAS(last(), "\"type\":\"withdrawn\"");
    HAS(line, "\"reason\":\"the agent has ended\"");
}

TEST(an_effect_says_whether_it_was_asked_and_what_came_of_it)
{
    audit_effect(log_file, &(struct audit_effect){.kind = "commandExecution",
                                                  .thread_id = "t1",
                                                  .turn_id = "u1",
                                                  .item_id = "i1",
                                                  .status = "completed",
                                                  .command = BYTES_LIT("\"ls\""),
                                                  .result = BYTES_LIT("{}")});
    HAS(last(), "\"type\":\"effect\"");
    HAS(line, "\"command\":\"ls\"");
    HAS(line, "\"asked\":false");
    HAS(line, "\"digest\":\"44136fa3");
    TRUE(strstr(line, "requestId") == NULL);
    audit_effect(log_file, &(struct audit_effect){.kind = "fileChange",
                                                  .thread_id = "t1",
                                                  .request_id = "r1"});
    HAS(last(), "\"asked\":true,\"requestId\":\"r1\"");
    audit_effect(log_file, &(struct audit_effect){.kind = "thread/fork",
                                                  .thread_id = "t1",
                                                  .subject = "/w",
                                                  .by = &desk});
    HAS(last(), "\"kind\":\"thread/fork\"");
    HAS(line, "\"command\":\"/w\"");
    HAS(line, "\"pid\":77");
    HAS(line, "\"exe\":\"/usr/bin/codex\"");
}

TEST(devices_come_and_go_with_their_keys_and_who_let_them)
{
    struct store_device row = {.id = {0xab},
                               .d = {0xcd},
                               .name = "Pixel",
                               .app = "web 1",
                               .role = ROLE_OPERATOR,
                               .serial = 3};
    const struct device device = {.row = row, .role = ROLE_OPERATOR};
    EQ_INT(audit_pair(log_file, &row, "qr", &desk), OK);
    TRUE(audit_is_synced(log_file));
    HAS(last(), "\"type\":\"pair\"");
    HAS(line, "\"key\":\"cd0000");
    HAS(line, "\"app\":\"web 1\"");
    HAS(line, "\"how\":\"qr\"");
    HAS(line, "\"kind\":\"local\"");
    EQ_INT(audit_pair(log_file, &row, "phrase", NULL), OK);
    HAS(last(), "\"kind\":\"host\"");
    EQ_INT(audit_grant(log_file, &device, BYTES_LIT("octets")), OK);
    HAS(last(), "\"type\":\"grant\"");
    HAS(line, "\"serial\":3");
    HAS(line, "\"grant\":\"b2N0ZXRz\"");
    HAS(line, "\"role\":\"operator\"");
    audit_revoke(log_file, &row, "lost", &desk);
    HAS(last(), "\"type\":\"revoke\"");
    HAS(line, "\"clientId\":\"ab00");
    HAS(line, "\"reason\":\"lost\"");
    HAS(line, "\"name\":\"desk\"");
    EQ_INT(audit_policy(log_file, "approvals", "quorum=2", &desk), OK);
    HAS(last(), "\"what\":\"approvals\",\"value\":\"quorum=2\"");
}

TEST(what_is_refused_or_brought_back_says_to_whom_and_why)
{
    audit_refusal(log_file, "turn/start", "t1", "not for your role", &phone);
    HAS(last(),
        "\"method\":\"turn/start\",\"threadId\":\"t1\",\"reason\":\"not for your "
        "role\"");
    check_by_phone(line);
    audit_clamp(log_file, "turn/start", "t1", "cwd", &phone);
    HAS(last(), "\"type\":\"clamp\"");
    HAS(line, "\"fields\":\"cwd\"");
    check_by_phone(line);
}

int main(void)
{
    const uint8_t host_id[16] = {1};
    struct diag d = {.text = ""};
    const struct CMUnitTest tests[] = {
        T(a_turn_has_its_state_its_ids_and_its_device),
        T(a_request_and_its_decision_have_what_proves_them),
        T(an_effect_says_whether_it_was_asked_and_what_came_of_it),
        T(devices_come_and_go_with_their_keys_and_who_let_them),
        T(what_is_refused_or_brought_back_says_to_whom_and_why)};
    crypto_init();
    if (mkdtemp(dir) == NULL ||
        text_format(path, sizeof(path), "%s/a.jsonl", dir) != OK ||
        audit_open(path, host_id, NULL, 1, &log_file, &d) != OK) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    audit_close(log_file);
    (void)unlink(path);
    (void)rmdir(dir);
    return failed;
}
