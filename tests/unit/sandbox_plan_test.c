#include "test.h"

#include "base/mem.h"
#include "sandbox/explain.h"
#include "sandbox/git_config.h"
#include "sandbox/plan.h"

/* ---- a site without a disk -------------------------------------------------------------- */

static struct site_path path_of(const char *path, enum site_kind kind)
{
    return (struct site_path){
        .path = mem_strdup(path), .kind = kind, .dev = 1, .ino = 2};
}

static void begin(struct site *s, struct sandbox_policy *p, enum sandbox_mode mode)
{
    memset(s, 0, sizeof(*s));
    sandbox_policy_init(p);
    p->mode = mode;
    s->kernel = (struct sandbox_kernel){
        .landlock_abi = 7, .seccomp = true, .notify = true, .namespaces = true};
    s->workspace = path_of("/w", SITE_FOLDER);
    s->cwd = mem_strdup("/w");
    s->hidden[s->n_hidden++] = path_of("/home/u/.farhand", SITE_FOLDER);
    if (mode == SANDBOX_WORKSPACE_WRITE) {
        s->roots[s->n_roots++] = path_of("/w", SITE_FOLDER);
        s->held[s->n_held++] = path_of("/w/.git", SITE_FOLDER);
        s->held[s->n_held++] = path_of("/w/AGENTS.md", SITE_MISSING);
        s->held[s->n_held++] = path_of("/w/tools/hooks", SITE_FOLDER);
    }
}

static enum err make(struct plan *plan, struct site *s, struct sandbox_policy *p,
                     struct diag *diag)
{
    diag->text[0] = '\0';
    return sandbox_plan_make(plan, p, s, diag);
}

TEST(a_plan_grants_what_the_policy_names_and_no_more)
{
    static const struct {
        const char *path;
        enum plan_access read_only;
        enum plan_access workspace;
    } cases[] = {
        {"/", PLAN_READ, PLAN_READ},
        {"/etc/passwd", PLAN_READ, PLAN_READ},
        {"/w", PLAN_READ, PLAN_WRITE},
        {"/w/a/b", PLAN_READ, PLAN_WRITE},
        {"/ww", PLAN_READ, PLAN_READ},
        {"/w/.git", PLAN_READ, PLAN_PROTECT},
        {"/w/.git/hooks/x", PLAN_READ, PLAN_PROTECT},
        {"/w/.gitignore", PLAN_READ, PLAN_WRITE},
        {"/w/AGENTS.md", PLAN_READ, PLAN_PROTECT},
        {"/w/tools", PLAN_READ, PLAN_PIN},
        {"/w/tools/x", PLAN_READ, PLAN_WRITE},
        {"/w/tools/hooks/x", PLAN_READ, PLAN_PROTECT},
        {"/home/u/.farhand/keys", PLAN_HIDE, PLAN_HIDE},
        {"/home/u", PLAN_READ, PLAN_READ},
        {"/tmp/x", PLAN_SCRATCH, PLAN_SCRATCH},
        {"/dev/null", PLAN_DEVICE, PLAN_DEVICE},
        {"/dev/vda", PLAN_READ, PLAN_READ},
    };
    for (int workspace = 0; workspace < 2; workspace++) {
        struct site s;
        struct sandbox_policy p;
        struct plan plan;
        struct diag diag;
        begin(&s, &p, workspace ? SANDBOX_WORKSPACE_WRITE : SANDBOX_READ_ONLY);
        EQ_INT(make(&plan, &s, &p, &diag), OK);
        for (size_t i = 0; i < COUNT(cases); i++) {
            CASE(cases[i].path);
            EQ_INT(plan_access_at(&plan, cases[i].path),
                   workspace ? cases[i].workspace : cases[i].read_only);
        }
        sandbox_plan_fini(&plan);
        site_fini(&s);
    }
}

TEST(what_makes_no_sense_is_refused_with_a_sentence)
{
    static const struct {
        const char *root;
        enum err want;
    } cases[] = {
        {"/", ERR_USAGE},       {"/home/u/.farhand", ERR_USAGE},
        {"/proc", ERR_USAGE},   {"/home/u/.farhand/run", ERR_USAGE},
        {"/sys/fs", ERR_USAGE}, {"/w/.git", ERR_USAGE},
        {"/dev", ERR_USAGE},    {"/w/.git/hooks", ERR_USAGE},
        {"/dev/shm/x", OK},     {"/w/sub", OK},
        {"/home/u", OK},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct site s;
        struct sandbox_policy p;
        struct plan plan;
        struct diag diag;
        CASE(cases[i].root);
        begin(&s, &p, SANDBOX_WORKSPACE_WRITE);
        s.roots[s.n_roots++] = path_of(cases[i].root, SITE_FOLDER);
        EQ_INT(make(&plan, &s, &p, &diag), cases[i].want);
        EQ_INT(diag.text[0] == '\0', cases[i].want == OK);
        sandbox_plan_fini(&plan);
        site_fini(&s);
    }
}

TEST(a_weaker_kernel_is_refused_unless_weaker_was_allowed)
{
    static const struct {
        const char *name;
        enum sandbox_mode mode;
        struct sandbox_kernel kernel;
        bool good;
        size_t missing;
    } cases[] = {
        {"everything",
         SANDBOX_WORKSPACE_WRITE,
         {7, true, true, true, false, false, "", "", false},
         true,
         0},
        {"no Landlock",
         SANDBOX_READ_ONLY,
         {0, true, true, true, false, false, "", "", false},
         false,
         1},
        {"no seccomp",
         SANDBOX_READ_ONLY,
         {7, false, false, true, false, false, "", "", false},
         false,
         1},
        {"no namespaces, reading",
         SANDBOX_READ_ONLY,
         {7, true, true, false, false, false, "", "", false},
         true,
         0},
        {"no namespaces, writing",
         SANDBOX_WORKSPACE_WRITE,
         {7, true, true, false, false, false, "", "", false},
         false,
         1},
        {"no namespaces, old Landlock",
         SANDBOX_READ_ONLY,
         {2, true, true, false, false, false, "", "", false},
         false,
         1},
        {"macOS",
         SANDBOX_WORKSPACE_WRITE,
         {0, false, false, false, false, false, "", "", true},
         true,
         0},
        {"nothing",
         SANDBOX_WORKSPACE_WRITE,
         {0, false, false, false, false, false, "", "", false},
         false,
         3},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int weaker = 0; weaker < 2; weaker++) {
            struct site s;
            struct sandbox_policy p;
            struct plan plan;
            struct diag diag;
            CASE(cases[i].name);
            begin(&s, &p, cases[i].mode);
            s.kernel = cases[i].kernel;
            p.allow_weaker = weaker == 1;
            EQ_INT(make(&plan, &s, &p, &diag) == OK, cases[i].good || weaker == 1);
            EQ_INT(diag.text[0] != '\0', !cases[i].good && weaker == 0);
            if (weaker == 1) {
                EQ_INT(plan.n_missing, cases[i].missing);
            }
            sandbox_plan_fini(&plan);
            site_fini(&s);
        }
    }
}

TEST(a_held_link_is_refused)
{
    struct site s;
    struct sandbox_policy p;
    struct plan plan;
    struct diag diag;
    begin(&s, &p, SANDBOX_WORKSPACE_WRITE);
    s.held[s.n_held++] = path_of("/w/.codex", SITE_LINK);
    EQ_INT(make(&plan, &s, &p, &diag), ERR_DENIED);
    TRUE(strstr(diag.text, "/w/.codex") != NULL);
    sandbox_plan_fini(&plan);
    site_fini(&s);
}

/* ---- the property: random policies, random paths ---------------------------------------------- */

static uint32_t seed = 1;

static uint32_t next(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void random_path(char *out, size_t size)
{
    static const char *const parts[] = {"/a",        "/b",         "/.git",
                                        "/.farhand", "/AGENTS.md", "/c"};
    out[0] = '\0';
    for (uint32_t n = 1 + next(4); n > 0; n--) {
        (void)snprintf(out + strlen(out), size - strlen(out), "%s", parts[next(6)]);
    }
}

static bool is_named(const struct site *s, const char *path)
{
    for (size_t i = 0; i < s->n_roots; i++) {
        if (path_is_below(path, s->roots[i].path)) {
            return true;
        }
    }
    return false;
}

static bool is_below_any(const struct site_path *paths, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++) {
        if (path_is_below(path, paths[i].path)) {
            return true;
        }
    }
    return false;
}

static void random_kernel(struct sandbox_kernel *k, struct sandbox_policy *p)
{
    k->landlock_abi = next(4) == 0 ? 0 : next(8);
    k->seccomp = next(8) != 0;
    k->namespaces = next(4) != 0;
    k->seatbelt = next(8) == 0;
    p->no_namespace = next(8) == 0;
    p->allow_weaker = next(2) == 0;
    p->network = next(2) == 0;
}

TEST(no_plan_grants_what_its_policy_does_not)
{
    unsigned made = 0;
    for (int round = 0; round < 20000; round++) {
        struct site s;
        struct sandbox_policy p;
        struct plan plan;
        struct diag diag;
        char path[128];
        begin(&s, &p, SANDBOX_READ_ONLY);
        random_kernel(&s.kernel, &p);
        for (uint32_t n = next(4); n > 0; n--) {
            random_path(path, sizeof(path));
            s.roots[s.n_roots++] = path_of(path, SITE_FOLDER);
        }
        for (size_t i = 0; i < s.n_roots; i++) {
            (void)snprintf(path, sizeof(path), "%s/.git", s.roots[i].path);
            s.held[s.n_held++] = path_of(path, next(2) ? SITE_FOLDER : SITE_MISSING);
        }
        random_path(path, sizeof(path));
        s.hidden[s.n_hidden++] = path_of(path, SITE_FOLDER);
        if (make(&plan, &s, &p, &diag) == OK) {
            made++;
            for (int i = 0; i < 20; i++) {
                random_path(path, sizeof(path));
                if (plan_may_write(&plan, path)) {
                    TRUE(is_named(&s, path));
                    FALSE(is_below_any(s.hidden, s.n_hidden, path));
                    /* Weaker has been allowed, or it is held. */
                    TRUE(plan.n_missing > 0 || !is_below_any(s.held, s.n_held, path));
                }
            }
        }
        sandbox_plan_fini(&plan);
        site_fini(&s);
    }
    TRUE(made > 1000); // or the property was hardly tried
}

TEST(a_plan_explains_itself_in_words_and_as_json)
{
    struct site s;
    struct sandbox_policy p;
    struct plan plan;
    struct diag diag;
    struct env_list env;
    struct buf out;
    const char *text = "";
    buf_init(&out, 65536);
    begin(&s, &p, SANDBOX_WORKSPACE_WRITE);
    EQ_INT(make(&plan, &s, &p, &diag), OK);
    EQ_INT(env_list_init(&env, &p.env, NULL), OK);
    EQ_INT(explain_text(&plan, &env, &out), OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    TRUE(strstr(text, "/w/.git") != NULL);
    TRUE(strstr(text, "not to be made") != NULL);
    buf_clear(&out);
    EQ_INT(explain_json(&plan, &env, &out), OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    TRUE(strstr(text,
                "{\"access\":\"hide\",\"make\":false,\"path\":\"/home/u/.farhand\"}") !=
         NULL);
    buf_clear(&out);
    EQ_INT(explain_json_string(&out, "a\"\\\n\x01\xff"), OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    EQ_STR(text, "\"a\\\"\\\\\\u000a\\u0001\\ufffd\"");
    buf_fini(&out);
    env_list_fini(&env);
    sandbox_plan_fini(&plan);
    site_fini(&s);
}

TEST(a_policy_is_read_one_key_at_a_time)
{
    static const struct {
        const char *key;
        const char *value;
        enum err want;
    } cases[] = {
        {"mode", "workspace-write", OK},
        {"mode", "workspace_write", ERR_USAGE},
        {"mode", NULL, ERR_USAGE},
        {"network", NULL, OK},
        {"timeout", "10", OK},
        {"timeout", "0", ERR_USAGE},
        {"timeout", "-1", ERR_USAGE},
        {"timeout", "99999999999999999999", ERR_USAGE},
        {"env", "A=b", OK},
        {"env", "A", ERR_USAGE},
        {"env", "=b", ERR_USAGE},
        {"writable", "", ERR_USAGE},
        {"env-policy", "core", OK},
        {"env-policy", "most", ERR_USAGE},
        {"colour", "red", ERR_USAGE},
        {"hidden", "/x", OK},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sandbox_policy p;
        struct diag diag = {.text = ""};
        CASE(cases[i].key);
        sandbox_policy_init(&p);
        EQ_INT(sandbox_policy_set(&p, cases[i].key, cases[i].value, &diag),
               cases[i].want);
        EQ_INT(diag.text[0] == '\0', cases[i].want == OK);
    }
}

/* The last core.hooksPath, as site_look() would take it. */
static bool hooks_of(const char *text, struct git_entry *last)
{
    struct git_config c;
    struct git_entry one;
    bool found = false;
    git_config_init(&c, bytes_from_str(text));
    while (git_config_next(&c, &one)) {
        if (strcmp(one.section, "core") == 0 && strcmp(one.key, "hookspath") == 0) {
            *last = one;
            found = true;
        }
    }
    return found;
}

TEST(the_hooks_of_a_repository_are_found_as_git_finds_them)
{
    static const struct {
        const char *config;
        const char *want;
    } cases[] = {
        {"", NULL},
        {"[core]\n\thooksPath = tools/hooks\n", "tools/hooks"},
        {"[core] hooksPath=x", "x"},
        {"\xef\xbb\xbf[core]\nhooksPath=x", "x"},
        {"[CORE]\nHOOKSPATH = \"a b\"\r\n", "a b"},
        {"[core]\nhooksPath=a\n[core]\nhooksPath=b\n", "b"},
        {"[core]\nhooksPath = a # ours\n", "a"},
        {"[core]\nhooksPath = a ; ours\n", "a"},
        {"[core]\nhooksPath = \"a#b\" # ours\n", "a#b"},
        {"[core]\nhooksPath = a\\\\b\\\"c\n", "a\\b\"c"},
        {"[core]\nhooksPath = a\\\nb\n", "ab"},
        {"[core]\nhooksPath = \"a \"b\n", "a b"},
        {"[core]\nbare\nhooksPath=a\n", "a"},
        {"; c\n# d\n[core]\nhooksPath=a\n", "a"},
        {"[a \"]\"]\nx=1\n[core]\nhooksPath=a\n", "a"},
        {"[user]\nhooksPath = a\n", NULL},
        {"[corex]\nhooksPath = a\n", NULL},
        {"[core]\nhooksPathx = a\n", NULL},
        {"[core]\nhooksPath =\n", NULL},
        {"[core", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct git_entry got;
        CASE(cases[i].config);
        EQ_INT(hooks_of(cases[i].config, &got), cases[i].want != NULL);
        if (cases[i].want != NULL) {
            EQ_STR(got.value, cases[i].want);
        }
    }
    struct git_config c;
    struct git_entry one;
    git_config_init(&c, BYTES_LIT("[includeIf \"gitdir:/x\"]\n path = ../y\n"));
    TRUE(git_config_next(&c, &one));
    EQ_STR(one.section, "includeif");
    EQ_STR(one.key, "path");
    EQ_STR(one.value, "../y");
    FALSE(git_config_next(&c, &one));
    struct bytes dir;
    TRUE(git_dir_of_file(BYTES_LIT("gitdir: ../x/.git\n"), &dir));
    TRUE(bytes_equal_str(dir, "../x/.git"));
    FALSE(git_dir_of_file(BYTES_LIT("gitdir:\n"), &dir));
    FALSE(git_dir_of_file(BYTES_LIT("x"), &dir));
}

RUN_TESTS(T(a_plan_grants_what_the_policy_names_and_no_more),
          T(what_makes_no_sense_is_refused_with_a_sentence),
          T(a_weaker_kernel_is_refused_unless_weaker_was_allowed),
          T(a_held_link_is_refused), T(no_plan_grants_what_its_policy_does_not),
          T(a_plan_explains_itself_in_words_and_as_json),
          T(a_policy_is_read_one_key_at_a_time),
          T(the_hooks_of_a_repository_are_found_as_git_finds_them))
