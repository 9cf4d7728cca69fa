/* The text of macOS' profile. Whether the kernel there reads it as meant is not seen here. */
#include "test.h"

#include "base/mem.h"
#include "sandbox/seatbelt.h"

static struct site_path path_of(const char *path, enum site_kind kind)
{
    return (struct site_path){
        .path = mem_strdup(path), .kind = kind, .dev = 1, .ino = 2};
}

/* A workspace /Users/u/w with .git, hooks in tools/hooks and hidden state below it. */
static void profile_of(enum sandbox_mode mode, bool net, const char *root,
                       struct buf *out, enum err want)
{
    struct site s;
    struct sandbox_policy p;
    struct plan plan;
    struct diag diag = {.text = ""};
    char path[128];
    memset(&s, 0, sizeof(s));
    sandbox_policy_init(&p);
    p.mode = mode;
    p.network = net;
    s.kernel = (struct sandbox_kernel){.seatbelt = true};
    s.workspace = path_of(root, SITE_FOLDER);
    s.cwd = mem_strdup(root);
    if (mode == SANDBOX_WORKSPACE_WRITE) {
        s.roots[s.n_roots++] = path_of(root, SITE_FOLDER);
        (void)snprintf(path, sizeof(path), "%s/.git", root);
        s.held[s.n_held++] = path_of(path, SITE_FOLDER);
        (void)snprintf(path, sizeof(path), "%s/AGENTS.md", root);
        s.held[s.n_held++] = path_of(path, SITE_MISSING);
        (void)snprintf(path, sizeof(path), "%s/tools/hooks", root);
        s.held[s.n_held++] = path_of(path, SITE_FOLDER);
    }
    s.hidden[s.n_hidden++] = path_of("/Users/u/.farhand", SITE_FOLDER);
    EQ_INT(sandbox_plan_make(&plan, &p, &s, &diag), OK);
    EQ_INT(sandbox_plan_scratch(&plan, "/private/tmp/x"), OK);
    buf_clear(out);
    EQ_INT(seatbelt_profile(&plan, out), want);
    sandbox_plan_fini(&plan);
    site_fini(&s);
}

static size_t place_of(const char *text, const char *what)
{
    const char *at = strstr(text, what);
    TRUE(at != NULL);
    return (size_t)(at - text);
}

TEST(a_profile_refuses_before_it_allows)
{
    struct buf out;
    const char *text = "";
    buf_init(&out, SEATBELT_PROFILE_MAX);
    profile_of(SANDBOX_READ_ONLY, false, "/Users/u/w", &out, OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    TRUE(strncmp(text, "(version 1)\n(deny default)\n", 27) == 0);
    TRUE(strstr(text, "(allow file-read*)") != NULL);
    TRUE(strstr(text, "/Users/u/w") == NULL);
    TRUE(strstr(text, "(allow network") == NULL);
    TRUE(strstr(text, "(allow system-socket") == NULL);
    TRUE(strstr(text, "(allow file-write* (subpath \"/private/tmp/x\"))") != NULL);
    buf_fini(&out);
}

TEST(what_is_protected_is_taken_back_after_it_was_granted)
{
    struct buf out;
    const char *text = "";
    buf_init(&out, SEATBELT_PROFILE_MAX);
    profile_of(SANDBOX_WORKSPACE_WRITE, true, "/Users/u/w", &out, OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    const size_t granted =
        place_of(text, "(allow file-write* (subpath \"/Users/u/w\"))");
    static const char *const taken[] = {
        "(deny file-write* (regex #\"^/[Uu][Ss][Ee][Rr][Ss]/[Uu]/[Ww]/[.][Gg][Ii][Tt](/|$)\"))",
        "/[.]",
        "[Aa][Gg][Ee][Nn][Tt][Ss][.][Mm][Dd](/|$)\"))",
        "/[Tt][Oo][Oo][Ll][Ss]/[Hh][Oo][Oo][Kk][Ss](/|$)\"))",
        "(deny file-write-unlink (literal \"/Users/u/w/tools\"))",
        "(deny file-write-unlink (literal \"/Users/u/w\"))",
    };
    for (size_t i = 0; i < COUNT(taken); i++) {
        CASE(taken[i]);
        const char *after = strstr(text + granted, taken[i]);
        TRUE(after != NULL);
    }
    TRUE(strstr(text, "(deny file-read* file-write* (regex "
                      "#\"^/[Uu][Ss][Ee][Rr][Ss]/[Uu]/[.][Ff][Aa][Rr][Hh][Aa][Nn][Dd]"
                      "(/|$)\"))") != NULL);
    TRUE(strstr(text, "(allow network-outbound (remote ip))") != NULL);
    buf_fini(&out);
}

TEST(no_path_writes_rules_of_its_own)
{
    static const struct {
        const char *root;
        enum err want;
    } cases[] = {
        {"/a b", OK},
        {"/a)(allow default", OK},
        {"/a\\", OK},
        {"/a\"))(allow default)((\"", ERR_USAGE},
        {"/a\n(allow default)", ERR_USAGE},
        {"/a^", ERR_USAGE},
    };
    struct buf out;
    buf_init(&out, SEATBELT_PROFILE_MAX);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *text = "";
        CASE(cases[i].root);
        profile_of(SANDBOX_WORKSPACE_WRITE, false, cases[i].root, &out, cases[i].want);
        EQ_INT(buf_cstr(&out, &text), OK);
        /* Each line is one rule: its brackets outside of strings close at its end. */
        int depth = 0;
        bool quoted = false;
        for (const char *at = text; *at != '\0' && cases[i].want == OK; at++) {
            if (quoted && *at == '\\') {
                at++;
            } else if (*at == '"') {
                quoted = !quoted;
            } else if (!quoted) {
                depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
                TRUE(depth >= 0);
                TRUE(*at != '\n' || depth == 0);
            }
        }
        EQ_INT(depth, 0);
        FALSE(quoted);
    }
    buf_fini(&out);
}

RUN_TESTS(T(a_profile_refuses_before_it_allows),
          T(what_is_protected_is_taken_back_after_it_was_granted),
          T(no_path_writes_rules_of_its_own))
