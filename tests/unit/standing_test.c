/* standing: rules that people gave with an answer. */
#include "host/standing.h"

#include <limits.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/policy.h"
#include "test.h"

static char home[PATH_MAX];

static int make(void **state)
{
    char template[] = "/tmp/farhand-standing-XXXXXX";
    (void)state;
    return mkdtemp(template) != NULL &&
                   text_format(home, sizeof(home), "%s", template) == OK
               ? 0
               : -1;
}

static int unmake(void **state)
{
    char path[PATH_MAX];
    (void)state;
    if (text_format(path, sizeof(path), "%s/kept-rules.json", home) == OK) {
        (void)unlink(path);
    }
    return rmdir(home);
}

static void open_book(struct standing *s)
{
    struct diag diag = {""};
    if (standing_load(s, home, &diag) != OK) {
        fail_msg("%s", diag.text);
    }
}

static enum err give(struct standing *s, enum approval_scope scope, const char *params,
                     char id[STANDING_ID_SIZE])
{
    json_t *value = NULL;
    TRUE(json_parse(bytes_from_str(params), &value) == OK);
    const enum err e = standing_give(
        s,
        &(struct standing_gift){
            .scope = scope, .thread = "t1", .params = value, .by = "Ada", .at_ms = 7},
        id);
    json_decref(value);
    return e;
}

/* What the rules say of a command as the engine sends it. */
static struct policy_answer judged(const struct standing *s, const char *thread,
                                   const char *cwd, const char *text)
{
    static const char *const roots[] = {"/w", NULL};
    static struct rules none;
    struct policy_answer answer;
    const struct policy_ask ask = {.rules = &none,
                                   .more = {&s->rules},
                                   .policy = POLICY_UNTRUSTED,
                                   .cwd = "/w",
                                   .roots = roots,
                                   .moment = {.thread = thread, .cwd = cwd}};
    policy_judge_script(&ask, bytes_from_str(text), SHELL_BASH, &answer);
    return answer;
}

#define ONE                                                              \
    "{\"command\":\"/bin/bash -lc 'cd out && rm -f *'\",\"cwd\":\"/w\"," \
    "\"proposedExecpolicyAmendment\":[\"git\",\"add\"]}"

TEST(a_rule_for_a_thread_is_that_command_there_and_nothing_else)
{
    struct standing s;
    char id[STANDING_ID_SIZE];
    open_book(&s);
    TRUE(give(&s, APPROVAL_THREAD, ONE, id) == OK);
    const char *same = "/bin/bash -lc 'cd out && rm -f *'";
    EQ_INT(judged(&s, "t1", "/w", same).verdict, VERDICT_ALLOW);
    EQ_INT(judged(&s, "t1", "/w", "/bin/bash  -lc \"cd out && rm -f *\"").verdict,
           VERDICT_ALLOW); // read, not compared as text
    EQ_INT(judged(&s, "t2", "/w", same).verdict, VERDICT_ASK);
    EQ_INT(judged(&s, NULL, "/w", same).verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t1", "/x", same).verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t1", "/w", "rm -f *").verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t1", "/w", "/bin/bash -lc 'rm -f *'").verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t1", "/w", "/bin/bash -lc 'cd out && rm -f *' x").verdict,
           VERDICT_ASK);
    EQ_INT(judged(&s, "t1", "/w", "X=1 /bin/bash -lc 'cd out && rm -f *'").verdict,
           VERDICT_ASK);
    standing_fini(&s);
}

TEST(a_rule_for_longer_is_the_words_that_were_proposed)
{
    struct standing s;
    char id[STANDING_ID_SIZE];
    open_book(&s);
    TRUE(give(&s, APPROVAL_KEPT, ONE, id) == OK);
    const struct policy_answer a =
        judged(&s, "t9", "/x", "/bin/bash -lc 'git add -A && git add b'");
    EQ_INT(a.verdict, VERDICT_ALLOW);
    standing_used(&s, a.rule->source, 9);
    EQ_INT(judged(&s, "t9", "/w", "git add -A && git push").verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t9", "/w", "git -C /x add").verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t9", "/w", "git add > x").verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t9", "/w", "GIT_DIR=x git add b").verdict, VERDICT_ASK);
    EQ_INT(judged(&s, "t9", "/w", "./git add b").verdict, VERDICT_ASK);
    json_t *list = standing_json(&s, BYTES_NONE);
    json_t *row = json_array_get(json_get_arr(list, "data"), 0);
    EQ_INT(json_get_int(row, "uses", 0), 1);
    EQ_INT(json_get_int(row, "lastUsedAt", 0), 9);
    json_decref(list);

    struct standing again;
    open_book(&again); // it outlives the host
    EQ_INT(judged(&again, "t", "/w", "git add b").verdict, VERDICT_ALLOW);
    TRUE(standing_remove(&again, id) == OK);
    EQ_INT(judged(&again, "t", "/w", "git add b").verdict, VERDICT_ASK);
    EQ_INT(standing_remove(&again, id), ERR_NOT_FOUND);
    standing_fini(&again);
    standing_fini(&s);
    open_book(&s);
    EQ_INT(judged(&s, "t", "/w", "git add b").verdict, VERDICT_ASK);
    standing_fini(&s);
}

TEST(what_runs_anything_is_allowed_to_nobody_by_its_first_words)
{
    static const char *const bad[] = {"[\"bash\"]",
                                      "[\"/bin/sh\",\"x\"]",
                                      "[\"sudo\",\"ls\"]",
                                      "[\"python3\"]",
                                      "[\"node\",\"-e\"]",
                                      "[\"git\"]",
                                      "[\"git\",\"-c\"]",
                                      "[\"xargs\",\"cat\"]",
                                      "[\"find\",\".\"]",
                                      "[\"\"]",
                                      "[]"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        json_t *words = NULL;
        CASE(bad[i]);
        TRUE(json_parse(bytes_from_str(bad[i]), &words) == OK);
        TRUE(rule_prefix_refusal(words) != NULL);
        json_decref(words);
    }
    json_t *words = json_pack("[s, s]", "git", "add");
    TRUE(rule_prefix_refusal(words) == NULL);
    json_decref(words);
}

TEST(a_file_that_the_host_did_not_write_stops_the_start)
{
    static const char *const bad[] = {
        "{",
        "{}",
        "[1]",
        "[{\"ruleId\":\"000000000000\",\"scope\":\"kept\"}]",
        "[{\"ruleId\":\"000000000000\",\"scope\":\"kept\",\"by\":\"x\","
        "\"command\":[\"bash\"]}]",
        "[{\"ruleId\":\"000000000000\",\"scope\":\"kept\",\"by\":\"x\","
        "\"command\":[\"a\\u0000b\"]}]"};
    char path[PATH_MAX];
    TRUE(text_format(path, sizeof(path), "%s/kept-rules.json", home) == OK);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct standing s;
        struct diag diag = {""};
        CASE(bad[i]);
        TRUE(file_replace(path, bytes_from_str(bad[i]), 0600) == OK);
        TRUE(standing_load(&s, home, &diag) != OK);
        TRUE(strstr(diag.text, "kept-rules.json") != NULL);
        standing_fini(&s);
    }
    (void)unlink(path);
}

TEST(there_are_never_more_than_a_person_would_read)
{
    struct standing s;
    char id[STANDING_ID_SIZE];
    open_book(&s);
    for (unsigned i = 0; i < STANDING_MAX; i++) {
        TRUE(give(&s, APPROVAL_UNTIL_RESTART, ONE, id) == OK);
    }
    EQ_INT(give(&s, APPROVAL_UNTIL_RESTART, ONE, id), ERR_LIMIT);
    standing_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_rule_for_a_thread_is_that_command_there_and_nothing_else),
        T(a_rule_for_longer_is_the_words_that_were_proposed),
        T(what_runs_anything_is_allowed_to_nobody_by_its_first_words),
        T(a_file_that_the_host_did_not_write_stops_the_start),
        T(there_are_never_more_than_a_person_would_read)};
    return cmocka_run_group_tests(tests, make, unmake);
}
