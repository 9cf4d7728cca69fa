/* policy: the table of verdicts, and rules over it. */
#include "policy/policy.h"

#include "base/file.h"
#include "base/mem.h"
#include "policy/reader.h"
#include "test.h"

#define TABLE_MAX (256u * 1024)

static const char *const roots[] = {"/w", NULL};

struct bench {
    struct rules rules;
    struct policy_ask ask;
};

static void bench_init(struct bench *b, const char *rules)
{
    struct diag diag = {""};
    rules_init(&b->rules);
    if (rules != NULL && rules_read(&b->rules, RULE_USER, "policy.toml",
                                    bytes_from_str(rules), &diag) != OK) {
        fail_msg("%s", diag.text);
    }
    b->ask = (struct policy_ask){.rules = &b->rules,
                                 .policy = POLICY_UNLESS_ALLOW_LISTED,
                                 .cwd = "/w",
                                 .roots = roots};
}

static struct policy_answer judged(const struct bench *b, const char *text)
{
    struct policy_answer answer;
    policy_judge_script(&b->ask, bytes_from_str(text), SHELL_BASH, &answer);
    return answer;
}

static void expect(const struct bench *b, const char *text, enum verdict want)
{
    const struct policy_answer got = judged(b, text);
    CASE(text);
    if (got.verdict != want) {
        print_error("%s: %s (%s), want %s\n", text, verdict_name(got.verdict),
                    got.because, verdict_name(want));
        fail();
    }
    TRUE(got.because[0] != '\0');
    TRUE(utf8_is_valid(bytes_from_str(got.because)));
}

/* ---- the table ---------------------------------------------------------------------- */

static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++, to++) {
        const char *found =
            *from == '\\' && from[1] != '\0' ? strchr("ntb", from[1]) : NULL;
        if (*from == '\\' && from[1] == '\\') {
            *to = *from++;
        } else if (found != NULL && *found != 'b') {
            *to = *found == 'n' ? '\n' : '\t';
            from++;
        } else {
            *to = *from;
        }
    }
    *to = '\0';
}

/* One line of the table; 1 when the verdict is another. */
static unsigned check_line(const struct bench *b, char *line)
{
    char *tab = strchr(line, '\t');
    *tab = '\0';
    unescape(tab + 1);
    const struct policy_answer got = judged(b, tab + 1);
    if (strcmp(verdict_name(got.verdict), line) == 0) {
        return 0;
    }
    print_error("%s: %s (%s), want %s\n", tab + 1, verdict_name(got.verdict),
                got.because, line);
    return 1;
}

TEST(policy_agrees_with_the_table_of_verdicts)
{
    struct bench b;
    struct buf table;
    char path[512];
    const char *text = NULL;
    unsigned n = 0;
    unsigned wrong = 0;
    bench_init(&b, NULL);
    buf_init(&table, TABLE_MAX);
    TRUE(file_read(test_vector_path("verdicts.tsv", path, sizeof(path)), &table) == OK);
    TRUE(buf_cstr(&table, &text) == OK);
    char *copy = mem_strdup(text);
    char *next = NULL;
    for (char *line = copy; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        if (*next != '\0') {
            *next++ = '\0';
        }
        if (line[0] != '#') {
            wrong += check_line(&b, line);
            n++;
        }
    }
    EQ_INT(wrong, 0);
    TRUE(n >= 300);
    mem_free(copy);
    buf_fini(&table);
    rules_fini(&b.rules);
}

/* ---- rules ---------------------------------------------------------------------------- */

TEST(policy_lets_the_strictest_rule_win)
{
    struct bench b;
    bench_init(
        &b, "[[rule]]\ndecide = \"allow\"\ncommand = \"git\"\n"
            "[[rule]]\ndecide = \"deny\"\ncommand = \"git push\"\n"
            "because = \"pushing is for people\"\n"
            "[[rule]]\ndecide = \"ask\"\ncommand = [\"git\", [\"reset\", \"clean\"]]\n"
            "quorum = 2\n");
    expect(&b, "git commit -m x", VERDICT_ALLOW);
    expect(&b, "git push", VERDICT_DENY);
    expect(&b, "git push origin main", VERDICT_DENY);
    expect(&b, "/usr/bin/git push", VERDICT_DENY);
    expect(&b, "./git push", VERDICT_DENY);
    expect(&b, "git -C src push", VERDICT_DENY);
    expect(&b, "git --no-pager -c a=b push", VERDICT_DENY);
    expect(&b, "ls && git push", VERDICT_DENY);
    expect(&b, "sh -c 'git push'", VERDICT_DENY);
    expect(&b, "sudo git push", VERDICT_DENY);
    expect(&b, "ls | xargs git push", VERDICT_DENY);
    expect(&b, "find . -exec git push ';'", VERDICT_DENY);
    expect(&b, "if ls; then git push; fi", VERDICT_DENY);
    expect(&b, "echo $(git push)", VERDICT_DENY);
    expect(&b, "git $x", VERDICT_ASK);
    expect(&b, "git p{us,}h", VERDICT_ASK);
    expect(&b, "$git push", VERDICT_ASK);
    expect(&b, "git commit -m push", VERDICT_ALLOW);
    expect(&b, "git reset --hard", VERDICT_ASK);
    EQ_INT(judged(&b, "git reset --hard").quorum, 2);
    EQ_STR(judged(&b, "git push").because, "pushing is for people: git");
    expect(&b, "git commit > x", VERDICT_ASK);
    expect(&b, "./git commit", VERDICT_ASK);
    expect(&b, "PATH=. git commit", VERDICT_ASK);
    rules_fini(&b.rules);
}

TEST(policy_holds_what_is_inside_an_allowed_wrapper_against_the_rules)
{
    struct bench b;
    bench_init(&b, "[[rule]]\ndecide = \"allow\"\ncommand = \"sudo\"\n"
                   "[[rule]]\ndecide = \"allow\"\ncommand = \"xargs\"\n"
                   "[[rule]]\ndecide = \"deny\"\ncommand = \"rm\"\n");
    expect(&b, "sudo systemctl restart x", VERDICT_ALLOW);
    expect(&b, "sudo rm x", VERDICT_DENY);
    expect(&b, "sudo sh -c 'rm x'", VERDICT_DENY);
    expect(&b, "ls | xargs touch", VERDICT_ALLOW);
    expect(&b, "ls | xargs rm", VERDICT_DENY);
    rules_fini(&b.rules);
}

/* As if `link` stood for `.env`. */
static bool lead(void *user, const char *path, char *out, size_t size)
{
    (void)user;
    return text_format(out, size, "%s",
                       strcmp(path, "/w/link") == 0 ? "/w/.env" : path) == OK;
}

TEST(policy_holds_a_rule_about_a_file_under_every_name_of_it)
{
    struct bench b;
    bench_init(&b, "[[rule]]\ndecide = \"deny\"\npath = \".env\"\n"
                   "[[rule]]\ndecide = \"deny\"\ncommand = \"tee\"\npath = \"log\"\n"
                   "[[rule]]\ndecide = \"allow\"\ncommand = \"cat\"\n"
                   "[[rule]]\ndecide = \"allow\"\ncommand = \"rm\"\n"
                   "path = \"out/*\"\n");
    b.ask.real = lead;
    expect(&b, "cat link", VERDICT_DENY);
    expect(&b, "cat < link", VERDICT_DENY);
    expect(&b, "cat other", VERDICT_ALLOW);
    expect(&b, "cd src && cat ../.env", VERDICT_DENY);
    expect(&b, "cd src && cat .env", VERDICT_DENY); // or the one above
    expect(&b, "tee < log", VERDICT_DENY);
    expect(&b, "cat < log", VERDICT_ALLOW);
    expect(&b, "rm out/a out/b", VERDICT_ALLOW);
    expect(&b, "rm src/a out/b", VERDICT_ASK); // not every file is allowed
    expect(&b, "rm -rf out/b", VERDICT_ASK);
    expect(&b, "rm", VERDICT_ASK);
    expect(&b, "cd /tmp; rm out/b", VERDICT_ASK);
    rules_fini(&b.rules);
}

TEST(policy_matches_paths)
{
    struct bench b;
    bench_init(&b, "[[rule]]\ndecide = \"deny\"\npath = [\".env\", \"secrets/**\"]\n"
                   "[[rule]]\ndecide = \"allow\"\npath = \"out/*\"\n");
    expect(&b, "cat .env", VERDICT_DENY);
    expect(&b, "cat ./src/../.env", VERDICT_DENY);
    expect(&b, "cat /w/.env", VERDICT_DENY);
    expect(&b, "cat secrets/a/b", VERDICT_DENY);
    expect(&b, "cat < .env", VERDICT_DENY);
    expect(&b, "echo x > .env", VERDICT_DENY);
    expect(&b, "grep --file=.env a", VERDICT_DENY);
    expect(&b, "grep -r x .", VERDICT_ASK);
    expect(&b, "cat *", VERDICT_ASK);
    expect(&b, "cat src/a", VERDICT_ALLOW);
    expect(&b, "echo x > out/a", VERDICT_ALLOW);
    expect(&b, "echo x > out/a/b", VERDICT_ASK);
    expect(&b, "echo x > out/../a", VERDICT_ASK);
    expect(&b, "rm out/a", VERDICT_ASK); // it allows changes, not any program
    expect(&b, "sh out/a", VERDICT_ASK);
    expect(&b, "rg password", VERDICT_ASK); // reads what it does not name
    expect(&b, "grep -r password", VERDICT_ASK);
    expect(&b, "git show HEAD", VERDICT_ASK);
    expect(&b, "git status", VERDICT_ALLOW);
    expect(&b, "cd secrets && cat key", VERDICT_DENY);
    expect(&b, "cd src; cat ../.env", VERDICT_DENY);

    struct policy_answer answer;
    const char *const one[] = {"/w/out/a"};
    const char *const two[] = {"/w/out/a", "/w/src/a"};
    const char *const bad[] = {"/w/out/a", "/w/.env"};
    policy_judge_files(&b.ask, one, 1, &answer);
    EQ_INT(answer.verdict, VERDICT_ALLOW);
    policy_judge_files(&b.ask, two, 2, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    policy_judge_files(&b.ask, bad, 2, &answer);
    EQ_INT(answer.verdict, VERDICT_DENY);
    policy_judge_files(&b.ask, NULL, 0, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    rules_fini(&b.rules);
}

TEST(policy_knows_the_time_the_thread_and_the_role)
{
    struct bench b;
    bench_init(&b,
               "[[rule]]\ndecide = \"allow\"\ncommand = \"make\"\n"
               "hours = \"22:00-06:00\"\ndays = [\"mon\", \"tue\"]\n"
               "[[rule]]\ndecide = \"deny\"\ncommand = \"make\"\nthread = \"t1\"\n"
               "[[rule]]\ndecide = \"ask\"\ncommand = \"make\"\nrole = \"operator\"\n");
    b.ask.moment =
        (struct rule_moment){.thread = "t2", .role = 4, .day = 0, .minute = 60};
    expect(&b, "make", VERDICT_ALLOW);
    b.ask.moment.minute = 12 * 60;
    expect(&b, "make", VERDICT_ASK);
    b.ask.moment.minute = 23 * 60;
    expect(&b, "make", VERDICT_ALLOW);
    b.ask.moment.day = 4;
    expect(&b, "make", VERDICT_ASK);
    b.ask.moment = (struct rule_moment){.thread = "t1", .role = 4, .minute = 60};
    expect(&b, "make", VERDICT_DENY);
    b.ask.moment.thread = NULL;
    expect(&b, "make", VERDICT_DENY);
    b.ask.moment = (struct rule_moment){.thread = "t2", .role = 3, .minute = 60};
    expect(&b, "make", VERDICT_ASK);
    rules_fini(&b.rules);
}

/* ---- profiles -------------------------------------------------------------------------- */

TEST(policy_means_by_each_profile_what_its_name_says)
{
    static const struct {
        enum approval_policy policy;
        bool leaves;
        enum verdict reading, writing;
    } rows[] = {
        {POLICY_ASK_EVERY_TIME, false, VERDICT_ASK, VERDICT_ASK},
        {POLICY_UNTRUSTED, false, VERDICT_ASK, VERDICT_ASK},
        {POLICY_SUGGEST, false, VERDICT_ALLOW, VERDICT_ASK},
        {POLICY_UNLESS_ALLOW_LISTED, false, VERDICT_ALLOW, VERDICT_ASK},
        {POLICY_UNLESS_ALLOW_LISTED, true, VERDICT_ASK, VERDICT_ASK},
        {POLICY_ON_FAILURE, false, VERDICT_ALLOW, VERDICT_ALLOW},
        {POLICY_ON_FAILURE, true, VERDICT_ASK, VERDICT_ASK},
        {POLICY_ON_REQUEST, false, VERDICT_ALLOW, VERDICT_ALLOW},
        {POLICY_ON_REQUEST, true, VERDICT_ASK, VERDICT_ASK},
        {POLICY_NEVER, false, VERDICT_ALLOW, VERDICT_DENY},
        {POLICY_NEVER, true, VERDICT_DENY, VERDICT_DENY},
    };
    struct bench b;
    bench_init(&b, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum approval_policy back = POLICY_NEVER;
        b.ask.policy = rows[i].policy;
        b.ask.leaves_sandbox = rows[i].leaves;
        expect(&b, "ls", rows[i].reading);
        expect(&b, "rm -rf x", rows[i].writing);
        TRUE(approval_policy_parse(approval_policy_name(rows[i].policy), &back) == OK);
        EQ_INT(back, rows[i].policy);
    }
    rules_fini(&b.rules);
}

TEST(policy_judges_words_as_it_judges_a_text)
{
    static const char *const ls[] = {"/bin/bash", "-lc", "ls -l"};
    static const char *const rm[] = {"/bin/bash", "-lc", "ls; rm x"};
    static const char *const glob[] = {"rm", "*"};
    struct policy_answer answer;
    struct bench b;
    bench_init(&b, NULL);
    policy_judge_argv(&b.ask, ls, 3, &answer);
    EQ_INT(answer.verdict, VERDICT_ALLOW);
    policy_judge_argv(&b.ask, rm, 3, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    policy_judge_argv(&b.ask, glob, 2, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    policy_judge_argv(&b.ask, NULL, 0, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    rules_fini(&b.rules);
}

/* ---- limits ---------------------------------------------------------------------------- */

TEST(policy_asks_at_once_when_there_is_too_much)
{
    struct bench b;
    struct buf text;
    struct policy_answer answer;
    bench_init(&b, NULL);
    buf_init(&text, 2 * 1024 * 1024);
    while (buf_len(&text) < 1024 * 1024) {
        TRUE(buf_put_str(&text, "ls; ") == OK);
    }
    policy_judge_script(&b.ask, buf_bytes(&text), SHELL_BASH, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    buf_clear(&text);
    for (int i = 0; i < 40; i++) {
        TRUE(buf_put_str(&text, "nice ") == OK);
    }
    TRUE(buf_put_str(&text, "ls") == OK);
    policy_judge_script(&b.ask, buf_bytes(&text), SHELL_BASH, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    policy_judge_script(&b.ask, (struct bytes){(const uint8_t *)"ls\0; rm", 8},
                        SHELL_BASH, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    buf_fini(&text);
    rules_fini(&b.rules);
}

TEST(policy_asks_when_an_allocation_fails)
{
    struct bench b;
    bench_init(&b, NULL);
    for (unsigned n = 1; n < 64; n++) {
        mem_fail_at(n);
        const struct policy_answer answer = judged(&b, "ls | sh -c 'cat a; rm x'");
        mem_fail_at(0);
        EQ_INT(answer.verdict, VERDICT_ASK);
    }
    rules_fini(&b.rules);
}

/* ---- links ------------------------------------------------------------------------------ */

static bool no_link(void *user, const char *path, bool pattern)
{
    (void)user;
    return !pattern && strstr(path, "link") == NULL;
}

TEST(policy_asks_where_the_file_system_leads_outside)
{
    struct bench b;
    bench_init(&b, NULL);
    b.ask.inside = no_link;
    expect(&b, "cat a", VERDICT_ALLOW);
    expect(&b, "cat link", VERDICT_ASK);
    expect(&b, "cat < link", VERDICT_ASK);
    expect(&b, "cat a*", VERDICT_ASK);
    expect(&b, "cd link && ls", VERDICT_ASK);
    rules_fini(&b.rules);
}

RUN_TESTS(T(policy_agrees_with_the_table_of_verdicts),
          T(policy_holds_a_rule_about_a_file_under_every_name_of_it),
          T(policy_lets_the_strictest_rule_win),
          T(policy_holds_what_is_inside_an_allowed_wrapper_against_the_rules),
          T(policy_matches_paths), T(policy_knows_the_time_the_thread_and_the_role),
          T(policy_means_by_each_profile_what_its_name_says),
          T(policy_judges_words_as_it_judges_a_text),
          T(policy_asks_at_once_when_there_is_too_much),
          T(policy_asks_when_an_allocation_fails),
          T(policy_asks_where_the_file_system_leads_outside))
