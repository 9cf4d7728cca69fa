#include "test.h"

#include "sandbox/denial.h"
#include "sandbox/env.h"

static char *caller[] = {
    (char *)(uintptr_t) "HOME=/home/u",
    (char *)(uintptr_t) "PATH=/bin",
    (char *)(uintptr_t) "LC_ALL=C",
    (char *)(uintptr_t) "EDITOR=vi",
    (char *)(uintptr_t) "API_TOKEN=t",
    (char *)(uintptr_t) "AWS_SECRET_ACCESS_KEY=k",
    (char *)(uintptr_t) "LD_PRELOAD=x",
    (char *)(uintptr_t) "FARHAND_HOME=/h",
    (char *)(uintptr_t) "SSH_AUTH_SOCK=/s",
    (char *)(uintptr_t) "broken",
    NULL,
};

TEST(each_inheritance_hands_on_its_own)
{
    static const struct {
        enum env_inherit inherit;
        const char *include;
        const char *exclude;
        const char *set;
        const char *want; // names, each with a space behind
    } cases[] = {
        {ENV_CORE, NULL, NULL, NULL, "HOME PATH LC_ALL "},
        {ENV_ALL, NULL, NULL, NULL, "HOME PATH LC_ALL EDITOR "},
        {ENV_NONE, NULL, NULL, NULL, ""},
        {ENV_CORE, "EDIT*", NULL, NULL, "HOME PATH LC_ALL EDITOR "},
        {ENV_CORE, "api_token", NULL, NULL, "HOME PATH LC_ALL API_TOKEN "},
        {ENV_CORE, "*", NULL, NULL,
         "HOME PATH LC_ALL EDITOR API_TOKEN AWS_SECRET_ACCESS_KEY "},
        {ENV_ALL, NULL, "P?TH", NULL, "HOME LC_ALL EDITOR "},
        {ENV_ALL, "PATH", "PATH", NULL, "HOME LC_ALL EDITOR "},
        {ENV_NONE, NULL, NULL, "LD_PRELOAD=y", "LD_PRELOAD "},
        {ENV_CORE, NULL, "*", "PATH=/x", "PATH "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct env_rules r = {.inherit = cases[i].inherit};
        struct env_list l;
        char names[256] = "";
        CASE(cases[i].want);
        if (cases[i].include != NULL) {
            EQ_INT(env_rules_include(&r, cases[i].include), OK);
        }
        if (cases[i].exclude != NULL) {
            EQ_INT(env_rules_exclude(&r, cases[i].exclude), OK);
        }
        if (cases[i].set != NULL) {
            EQ_INT(env_rules_set(&r, cases[i].set), OK);
        }
        EQ_INT(env_list_init(&l, &r, caller), OK);
        for (size_t k = 0; k < l.n; k++) {
            (void)snprintf(names + strlen(names), sizeof(names) - strlen(names),
                           "%.*s ", (int)strcspn(l.vars[k], "="), l.vars[k]);
        }
        EQ_STR(names, cases[i].want);
        TRUE(l.vars[l.n] == NULL);
        env_list_fini(&l);
    }
}

TEST(a_later_assignment_replaces_an_earlier_one)
{
    struct env_rules r = {.inherit = ENV_NONE};
    struct env_list l;
    EQ_INT(env_rules_set(&r, "A=1"), OK);
    EQ_INT(env_rules_set(&r, "A=2"), OK);
    EQ_INT(env_rules_set(&r, "no"), ERR_USAGE);
    EQ_INT(env_list_init(&l, &r, NULL), OK);
    EQ_INT(l.n, 1);
    EQ_STR(env_list_get(&l, "A"), "2");
    EQ_INT(env_list_put(&l, "A", "3"), OK);
    EQ_STR(env_list_get(&l, "A"), "3");
    TRUE(env_list_get(&l, "B") == NULL);
    env_list_fini(&l);
}

TEST(paths_are_joined_and_cleaned)
{
    static const struct {
        const char *folder;
        const char *path;
        const char *want;
    } cases[] = {
        {"/a", "b", "/a/b"},
        {"/a/b", "../c", "/a/c"},
        {"/a", "/x/./y//z", "/x/y/z"},
        {"/a", "../../..", "/"},
        {"/", "x", "/x"},
        {"/a", ".", "/a"},
        {"/a", "/../etc", "/etc"},
        {"/a/b", "..", "/a"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[64];
        CASE(cases[i].want);
        EQ_INT(denial_path(cases[i].folder, cases[i].path, out, sizeof(out)), OK);
        EQ_STR(out, cases[i].want);
    }
    char small[4];
    EQ_INT(denial_path("/", "abcdef", small, sizeof(small)), ERR_LIMIT);
}

TEST(the_same_refusal_only_counts_and_many_fill_no_memory)
{
    struct denial_log l = {.n = 0};
    char what[16];
    for (int i = 0; i < 1000; i++) {
        denial_add(&l, "openat", "/etc/x", "why");
        (void)snprintf(what, sizeof(what), "/%d", i);
        denial_add(&l, "mkdir", what, "why");
    }
    EQ_INT(l.n, DENIAL_ROWS_MAX);
    EQ_U64(l.rows[0].times, 1000);
    EQ_U64(l.more, 1000 - (DENIAL_ROWS_MAX - 1));
    denial_log_fini(&l);
}

RUN_TESTS(T(each_inheritance_hands_on_its_own),
          T(a_later_assignment_replaces_an_earlier_one),
          T(paths_are_joined_and_cleaned),
          T(the_same_refusal_only_counts_and_many_fill_no_memory))
