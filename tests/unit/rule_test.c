/* rule: what a file of rules may say, and what is said about one that is wrong. */
#include "policy/rule.h"

#include "test.h"

static enum err read_at(const char *text, enum rule_level level, struct diag *diag)
{
    struct rules rules;
    rules_init(&rules);
    enum err e = rules_read(&rules, level, "f.toml", bytes_from_str(text), diag);
    if (e == OK) {
        e = rules_settle(&rules, diag);
    }
    rules_fini(&rules);
    return e;
}

static const struct {
    const char *text;
    const char *says; // a part of the sentence
} wrong[] = {
    {"rule", "f.toml: "},
    {"[[rul]]\n", "f.toml: rul is not known"},
    {"[[rule]]\n", "f.toml:1:1: a rule needs decide"},
    {"\n\n  [[rule]]\n", "f.toml:3:3: a rule needs decide"},
    {"[[rule]]\ndecide = \"maybe\"\n", "f.toml:2:1: decide is"},
    {"[[rule]]\ndecide = 1\n", "f.toml:2:1: decide is"},
    {"[[rule]]\ndecide = \"deny\"\n[[rule]]\n  decid = \"deny\"\n",
     "f.toml:4:3: a rule has no key of this name; did you mean decide?"},
    {"[[rule]]\ndecide = \"deny\"\nzzzzzz = 1\n", "there are decide, command"},
    {"[[rule]]\ndecide = \"allow\"\n", "f.toml:2:1: a rule that allows names"},
    {"[[rule]]\ndecide = \"deny\"\ncommand = \"\"\n", "f.toml:3:1: command is"},
    {"[[rule]]\ndecide = \"deny\"\ncommand = []\n", "command is"},
    {"[[rule]]\ndecide = \"deny\"\ncommand = [1]\n", "command is"},
    {"[[rule]]\ndecide = \"deny\"\ncommand = [[]]\n", "command is"},
    {"[[rule]]\ndecide = \"deny\"\ncommand = {a = 1}\n", "command is"},
    {"[[rule]]\ndecide = \"deny\"\npath = 1\n", "path is"},
    {"[[rule]]\ndecide = \"deny\"\nthread = []\n", "thread is"},
    {"[[rule]]\ndecide = \"deny\"\nrole = \"king\"\n", "role is"},
    {"[[rule]]\ndecide = \"deny\"\ndays = \"monday\"\n", "days are"},
    {"[[rule]]\ndecide = \"deny\"\nhours = \"22-6\"\n", "hours are"},
    {"[[rule]]\ndecide = \"deny\"\nhours = \"24:00-06:00\"\n", "hours are"},
    {"[[rule]]\ndecide = \"deny\"\nhours = \"06:00-06:00\"\n", "hours are"},
    {"[[rule]]\ndecide = \"deny\"\nhours = \"06:00-24:01\"\n", "hours are"},
    {"[[rule]]\ndecide = \"ask\"\nquorum = 0\n", "quorum is"},
    {"[[rule]]\ndecide = \"deny\"\nquorum = 2\n", "f.toml:3:1: quorum and strong"},
    {"[[rule]]\ndecide = \"deny\"\nstrong = true\n", "quorum and strong"},
    {"[[rule]]\ndecide = \"ask\"\nstrong = 1\n", "strong is"},
    {"[[rule]]\ndecide = \"ask\"\nbecause = \"\"\n", "because is"},
    {"[[rule]]\ndecide = \"ask\"\ncommand = \"git\"\n"
     "[[rule]]\ndecide = \"allow\"\ncommand = \"git status\"\n",
     "f.toml:4:1: this rule can never apply: the stricter one in f.toml:1"},
    {"[[rule]]\ndecide = \"allow\"\ncommand = \"rm\"\n"
     "[[rule]]\ndecide = \"deny\"\ncommand = \"rm\"\n",
     "f.toml:1:1: this rule can never apply"},
    {"[[rule]]\ndecide = \"ask\"\npath = \"a\"\n[[rule]]\ndecide = \"deny\"\n",
     "f.toml:1:1: this rule can never apply"},
};

TEST(rule_points_at_what_is_wrong)
{
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct diag diag = {""};
        CASE(wrong[i].text);
        TRUE(read_at(wrong[i].text, RULE_USER, &diag) != OK);
        if (strstr(diag.text, wrong[i].says) == NULL) {
            print_error("%s\n  says: %s\n", wrong[i].text, diag.text);
            fail();
        }
    }
}

TEST(rule_reads_what_is_right)
{
    static const char *const texts[] = {
        "",
        "# nothing\n",
        "[[rule]]\ndecide = \"deny\"\n",
        "[[rule]]\ndecide = \"allow\"\ncommand = \"git status\"\n"
        "[[rule]]\ndecide = \"ask\"\ncommand = \"git push\"\n",
        "[[rule]]\ndecide = \"allow\"\ncommand = \"git\"\n"
        "[[rule]]\ndecide = \"ask\"\ncommand = \"git push\"\nquorum = 2\nstrong = true\n",
        "rule = [{decide = \"deny\", command = \"rm\"}]\n",
        "[[rule]]\ndecide = \"allow\"\ncommand = [\"git\", [\"log\", \"show\"]]\n"
        "path = [\"src/**\", \"/tmp/*\"]\nthread = \"t\"\nrole = [\"owner\"]\n"
        "days = [\"sat\", \"sun\"]\nhours = \"22:00-24:00\"\nbecause = \"so\"\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct diag diag = {""};
        CASE(texts[i]);
        if (read_at(texts[i], RULE_USER, &diag) != OK) {
            fail_msg("%s", diag.text);
        }
    }
}

TEST(rule_of_a_repository_never_allows)
{
    struct diag diag = {""};
    const char *text = "[[rule]]\ndecide = \"allow\"\ncommand = \"ls\"\n";
    TRUE(read_at(text, RULE_REPOSITORY, &diag) == ERR_PROTO);
    TRUE(strstr(diag.text, "f.toml:2:1: a repository's rules") != NULL);
    TRUE(read_at("[[rule]]\ndecide = \"ask\"\ncommand = \"ls\"\n", RULE_REPOSITORY,
                 &diag) == OK);
}

TEST(rule_stops_at_its_limits)
{
    struct diag diag = {""};
    struct rules rules;
    struct buf text;
    buf_init(&text, 512 * 1024);
    for (unsigned i = 0; i <= RULES_MAX; i++) {
        TRUE(buf_putf(&text, "[[rule]]\ndecide = \"deny\"\ncommand = \"c%u\"\n", i) ==
             OK);
    }
    rules_init(&rules);
    TRUE(rules_read(&rules, RULE_USER, "f", buf_bytes(&text), &diag) == ERR_LIMIT);
    EQ_INT(rules.n, RULES_MAX);
    rules_fini(&rules);
    buf_fini(&text);
}

TEST(rule_patterns_mean_what_they_say)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } rows[] = {
        {"", "", true},          {"a", "a", true},        {"a", "b", false},
        {"a*", "abc", true},     {"*a", "cba", true},     {"a*c", "abbbc", true},
        {"a*c", "a/c", false},   {"a**c", "a/b/c", true}, {"**", "", true},
        {"**", "a/b", true},     {"*", "a/b", false},     {"?", "a", true},
        {"?", "/", false},       {"a?c", "abc", true},    {"a/**/b", "a/x/y/b", true},
        {"a/**", "a/b", true},   {"a/**", "ab", false},   {"*.c", "x.c", true},
        {"*.c", "d/x.c", false}, {"**.c", "d/x.c", true}, {"a*b*c", "aXbYc", true},
        {"***", "a", true},      {"a", "", false},        {"*a*", "bbb", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CASE(rows[i].pattern);
        EQ_INT(pattern_matches(rows[i].pattern, rows[i].text), rows[i].matches);
    }
}

TEST(rule_patterns_of_a_stranger_take_no_time)
{
    char pattern[RULE_PATTERN_MAX + 1];
    char text[4096];
    for (size_t i = 0; i < RULE_PATTERN_MAX; i++) {
        pattern[i] = i % 2 == 0 ? 'a' : '*';
    }
    pattern[RULE_PATTERN_MAX] = '\0';
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 2] = 'b';
    text[sizeof(text) - 1] = '\0';
    FALSE(pattern_matches(pattern, text));
}

RUN_TESTS(T(rule_points_at_what_is_wrong), T(rule_reads_what_is_right),
          T(rule_of_a_repository_never_allows), T(rule_stops_at_its_limits),
          T(rule_patterns_mean_what_they_say),
          T(rule_patterns_of_a_stranger_take_no_time))
