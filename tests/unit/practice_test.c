#include "test.h"

#include "base/mem.h"
#include "engine/practice/script.h"

static const struct call_options options = {.image_path = "/home/practice.png",
                                            .nonce = 0xabc};

/* Everything that one response sends, and how it ended. */
struct answer {
    enum err opened;
    enum script_event_kind end;
    unsigned status;
    size_t n_deltas;
    size_t n_waits;
    uint64_t pace_ms;
    struct buf all;
};

static void answer_take(struct answer *a, const struct script_event *ev)
{
    if (ev->kind == SCRIPT_WAIT) {
        a->n_waits++;
        return;
    }
    if (ev->kind != SCRIPT_DATA) {
        a->end = ev->kind;
        a->status = ev->status;
        return;
    }
    static const char delta[] = "event: response.output_text.delta";
    a->n_deltas += ev->octets.len > sizeof(delta) &&
                   memcmp(ev->octets.at, delta, sizeof(delta) - 1) == 0;
    a->pace_ms += ev->pace_ms;
    EQ_INT(buf_put(&a->all, ev->octets), OK);
}

static struct answer ask(const char *request)
{
    struct answer a = {.end = SCRIPT_DATA};
    buf_init(&a.all, 64u * 1024 * 1024);
    struct script *s = NULL;
    a.opened = script_open(bytes_from_str(request), &options, &s);
    struct script_event ev;
    while (a.opened == OK && script_next(s, &ev)) {
        answer_take(&a, &ev);
    }
    script_close(s);
    return a;
}

#define CONTEXT                                                       \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":" \
    "\"input_text\",\"text\":\"<environment_context>run no</env>\"}]}"
#define USER(text)                                                    \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":" \
    "\"input_text\",\"text\":\"" text "\"}]}"
#define OUTPUT(id, text)                                         \
    "{\"type\":\"function_call_output\",\"call_id\":\"" id "\"," \
    "\"output\":\"" text "\"}"
#define INPUT(items) "{\"model\":\"practice\",\"input\":[" items "]}"
#define RAN(text)                                                          \
    "Chunk ID: 1\\nWall time: 0.1 seconds\\nProcess exited with code 0\\n" \
    "Output:\\n" text

static bool holds(struct answer *a, const char *text)
{
    const struct bytes all = buf_bytes(&a->all);
    return text[0] == '\0' ||
           (all.len > 0 && memmem(all.at, all.len, text, strlen(text)) != NULL);
}

TEST(each_word_of_the_table_does_what_it_says)
{
    static const struct {
        const char *name;
        const char *request;
        enum script_event_kind end;
        const char *holds;
        size_t least_deltas;
    } cases[] = {
        {"say", INPUT(CONTEXT "," USER("say hello there")), SCRIPT_END,
         "\"hello there\"", 1},
        {"no word", INPUT(USER("what is this?")), SCRIPT_END, "without intelligence",
         5},
        {"please, in capitals", INPUT(USER("Please RUN ls")), SCRIPT_END,
         "{\\\"cmd\\\":\\\"ls\\\"", 0},
        {"a context after the prompt", INPUT(USER("say yes") "," CONTEXT), SCRIPT_END,
         "\"yes\"", 1},
        {"the newest prompt counts", INPUT(USER("say old") "," USER("say new")),
         SCRIPT_END, "\"new\"", 1},
        {"long", INPUT(USER("long 30 words, please")), SCRIPT_END, "The ", 30},
        {"deltas", INPUT(USER("deltas 100")), SCRIPT_END, "word99 ", 100},
        {"markdown", INPUT(USER("markdown")), SCRIPT_END, "```c", 10},
        {"think", INPUT(USER("think")), SCRIPT_END, "reasoning_summary_text.delta", 1},
        {"search", INPUT(USER("search cats")), SCRIPT_END, "web_search_call", 1},
        {"plan", INPUT(USER("plan")), SCRIPT_END, "<proposed_plan>", 1},
        {"help", INPUT(USER("help")), SCRIPT_END, "parallel CMD ;; CMD", 5},
        {"run", INPUT(USER("run echo a | wc")), SCRIPT_END, "echo a | wc", 0},
        {"escalate", INPUT(USER("escalate id")), SCRIPT_END, "require_escalated", 0},
        {"parallel", INPUT(USER("parallel echo 1;;echo 2")), SCRIPT_END,
         "call_fh0_1_0000000000000abc", 0},
        {"type", INPUT(USER("type cat ;; hi")), SCRIPT_END, "\\\"tty\\\":true", 0},
        {"tests", INPUT(USER("tests")), SCRIPT_END, "TAP version", 0},
        {"patch", INPUT(USER("patch a.txt some text")), SCRIPT_END,
         "*** Add File: a.txt\\n+some text\\n*** End Patch", 0},
        {"edit", INPUT(USER("edit a.txt old one => new one")), SCRIPT_END,
         "*** Update File: a.txt\\n@@\\n-old one\\n+new one\\n", 0},
        {"delete", INPUT(USER("delete a.txt")), SCRIPT_END,
         "*** Delete File: a.txt\\n*** End", 0},
        {"ask", INPUT(USER("ask Which? A / B")), SCRIPT_END, "\\\"label\\\":\\\"B\\\"",
         0},
        {"permit", INPUT(USER("permit write /var/tmp")), SCRIPT_END, "/var/tmp", 0},
        {"permit network", INPUT(USER("permit")), SCRIPT_END, "\\\"network\\\"", 0},
        {"image", INPUT(USER("image")), SCRIPT_END, "/home/practice.png", 0},
        {"tool", INPUT(USER("tool mcp__x look {}")), SCRIPT_END,
         "\"namespace\":\"mcp__x\"", 0},
        {"hang", INPUT(USER("hang")), SCRIPT_HANG, "no end", 1},
        {"fail 429", INPUT(USER("fail 429")), SCRIPT_STATUS, "", 0},
        {"fail response", INPUT(USER("fail response")), SCRIPT_END, "response.failed",
         0},
        {"fail cut", INPUT(USER("fail cut")), SCRIPT_CUT, "the mid\"", 1},
        {"fail garbage", INPUT(USER("fail garbage")), SCRIPT_END, "nonsense", 0},
        {"an empty prompt", INPUT(""), SCRIPT_END, "without intelligence", 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].name);
        struct answer a = ask(cases[i].request);
        EQ_INT(a.opened, OK);
        EQ_INT(a.end, cases[i].end);
        TRUE(holds(&a, cases[i].holds));
        TRUE(a.n_deltas >= cases[i].least_deltas);
        buf_fini(&a.all);
    }
}

TEST(a_complete_answer_ends_with_response_completed_and_a_failure_does_not)
{
    struct answer a = ask(INPUT(USER("say x")));
    TRUE(holds(&a, "response.completed"));
    buf_fini(&a.all);
    a = ask(INPUT(USER("fail response\\nsay x")));
    FALSE(holds(&a, "response.completed"));
    FALSE(holds(&a, "\"x\""));
    buf_fini(&a.all);
}

TEST(the_status_of_a_failure_is_the_one_asked_for)
{
    struct answer a = ask(INPUT(USER("say before\\nfail 503")));
    EQ_INT(a.end, SCRIPT_STATUS);
    EQ_INT(a.status, 503);
    EQ_U64(a.n_deltas, 0);
    buf_fini(&a.all);
}

TEST(steps_follow_one_another_across_requests)
{
    struct answer a = ask(INPUT(USER("say one\\nrun two\\nsay three\\nrun four")));
    TRUE(holds(&a, "\"one\"") && holds(&a, "call_fh1_0") && !holds(&a, "three"));
    buf_fini(&a.all);
    a = ask(INPUT(USER("say one\\nrun two\\nsay three\\nrun four") "," OUTPUT(
        "call_fh1_0_1", RAN("first\\nsecond\\n"))));
    FALSE(holds(&a, "\"one\""));
    TRUE(holds(&a, "\"first\"") && holds(&a, "\"three\"") && holds(&a, "call_fh3_0"));
    buf_fini(&a.all);
    a = ask(INPUT(USER("say one\\nrun two\\nsay three\\nrun four") "," OUTPUT(
        "call_fh1_0_1", RAN("first\\n")) "," OUTPUT("call_fh3_0_2", RAN("last\\n"))));
    TRUE(holds(&a, "\"last\"") && !holds(&a, "first") && !holds(&a, "call_fh"));
    buf_fini(&a.all);
}

TEST(what_came_of_a_command_is_said)
{
    static const struct {
        const char *name;
        const char *request;
        const char *holds;
    } cases[] = {
        {"first line", INPUT(USER("run x") "," OUTPUT("call_fh0_0_1", RAN("a\\nb"))),
         "\"a\""},
        {"nothing", INPUT(USER("run x") "," OUTPUT("call_fh0_0_1", RAN(""))),
         "It printed nothing."},
        {"a failure",
         INPUT(USER("run x") "," OUTPUT("call_fh0_0_1", "Process exited with code 3\\n"
                                                        "Output:\\nbad\\n")),
         "It failed with code 3: bad"},
        {"a refusal",
         INPUT(
             USER("run x") "," OUTPUT("call_fh0_0_1", "exec_command failed: Rejected")),
         "exec_command failed: Rejected"},
        {"several",
         INPUT(USER("parallel a ;; b") "," OUTPUT(
             "call_fh0_0_1", RAN("A\\n")) "," OUTPUT("call_fh0_1_1", RAN("B\\n"))),
         "1. A\\n2. B\\n"},
        {"a patch",
         INPUT(USER("patch") "," OUTPUT("call_fh0_0_1",
                                        "Exit code: 0\\nOutput:\\nSuccess. Updated the "
                                        "following files:\\nA practice.txt\\n")),
         "Done: A practice.txt"},
        {"an answer", INPUT(USER("ask") "," OUTPUT("call_fh0_0_1", "red")),
         "The answer was: red"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].name);
        struct answer a = ask(cases[i].request);
        TRUE(holds(&a, cases[i].holds));
        TRUE(holds(&a, "response.completed"));
        buf_fini(&a.all);
    }
}

#define RUNS "Process running with session ID 77\\nOutput:\\n"

TEST(a_command_that_still_runs_is_asked_again_and_typed_into_once)
{
    struct answer a = ask(INPUT(USER("run x") "," OUTPUT("call_fh0_0_1", RUNS)));
    TRUE(holds(&a, "write_stdin") && holds(&a, "\\\"session_id\\\":77"));
    buf_fini(&a.all);
    a = ask(INPUT(USER("type cat ;; hello") "," OUTPUT("call_fh0_0_1", RUNS)));
    TRUE(holds(&a, "hello\\\\n\\\\u0004"));
    buf_fini(&a.all);
    a = ask(INPUT(USER("type cat ;; hello") "," OUTPUT("call_fh0_0_1", RUNS) "," OUTPUT(
        "call_fh0_1_1", RUNS)));
    TRUE(holds(&a, "write_stdin") && !holds(&a, "hello"));
    buf_fini(&a.all);
}

TEST(a_structured_answer_follows_its_schema)
{
    struct answer a = ask("{\"input\":[" USER(
        "Make a title.\\n\\nrun ls") "],\"text\":{\"format\":"
                                     "{\"type\":\"json_schema\",\"schema\":{\"properties\":{\"title\":"
                                     "{\"type\":\"string\"},\"n\":{\"type\":\"integer\"}}}}}}");
    TRUE(holds(&a, "{\\\"title\\\":\\\"run ls\\\",\\\"n\\\":0}"));
    FALSE(holds(&a, "exec_command"));
    buf_fini(&a.all);
}

TEST(holding_waits_for_the_file_and_slowness_is_paced)
{
    struct answer a = ask(INPUT(USER("hold /tmp/x")));
    EQ_U64(a.n_waits, 1);
    TRUE(holds(&a, "goes on when it may."));
    buf_fini(&a.all);
    a = ask(INPUT(USER("slow 4 100")));
    EQ_U64(a.n_deltas, 4);
    EQ_U64(a.pace_ms, 400);
    buf_fini(&a.all);
}

TEST(what_is_no_request_is_refused)
{
    static const char *const bad[] = {"", "[]", "{}", "{\"input\":3}", "{\"input\":[}"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        CASE(bad[i]);
        struct answer a = ask(bad[i]);
        EQ_INT(a.opened, ERR_PROTO);
        buf_fini(&a.all);
    }
}

TEST(numbers_out_of_range_are_cut)
{
    struct step s;
    EQ_U64(step_read(BYTES_LIT("deltas 99999999999999999999999"), &s, 1), 1);
    EQ_U64(s.count, 5000);
    EQ_U64(step_read(BYTES_LIT("deltas 99999999"), &s, 1), 1);
    EQ_U64(s.count, STEP_COUNT_MAX);
    EQ_U64(step_read(BYTES_LIT("slow 2 9999999"), &s, 1), 1);
    EQ_U64(s.pace_ms, STEP_PACE_MAX);
}

TEST(every_failing_allocation_refuses_or_cuts_and_nothing_else)
{
    static const char request[] = INPUT(USER("think\\nmarkdown\\nrun ls"));
    mem_fail_at(0);
    struct answer a = ask(request);
    const unsigned tries = mem_tries();
    buf_fini(&a.all);
    for (unsigned n = 1; n <= tries; n++) {
        struct script *s = NULL;
        mem_fail_at(n);
        if (script_open(bytes_from_str(request), &options, &s) == OK) {
            struct script_event ev = {.kind = SCRIPT_END};
            while (script_next(s, &ev)) {
            }
            TRUE(ev.kind == SCRIPT_END || ev.kind == SCRIPT_CUT);
        }
        script_close(s);
    }
    mem_fail_at(0);
}

RUN_TESTS(T(each_word_of_the_table_does_what_it_says),
          T(a_complete_answer_ends_with_response_completed_and_a_failure_does_not),
          T(the_status_of_a_failure_is_the_one_asked_for),
          T(steps_follow_one_another_across_requests),
          T(what_came_of_a_command_is_said),
          T(a_command_that_still_runs_is_asked_again_and_typed_into_once),
          T(a_structured_answer_follows_its_schema),
          T(holding_waits_for_the_file_and_slowness_is_paced),
          T(what_is_no_request_is_refused), T(numbers_out_of_range_are_cut),
          T(every_failing_allocation_refuses_or_cuts_and_nothing_else))
