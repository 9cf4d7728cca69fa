/* profiles: those of config.toml, and what a thread was started with. */
#include "host/profiles.h"

#include <limits.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

static char home[PATH_MAX];
static const struct requirements none;

static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    TRUE(text_format(path, sizeof(path), "%s/%s", home, name) == OK);
    (void)unlink(path);
    if (text != NULL) {
        TRUE(file_replace(path, bytes_from_str(text), 0600) == OK);
    }
}

static int make(void **state)
{
    char template[] = "/tmp/farhand-profiles-XXXXXX";
    (void)state;
    return mkdtemp(template) != NULL &&
                   text_format(home, sizeof(home), "%s", template) == OK
               ? 0
               : -1;
}

static int unmake(void **state)
{
    (void)state;
    put("config.toml", NULL);
    put("thread-profiles.json", NULL);
    return rmdir(home);
}

TEST(profiles_are_all_read_in_both_spellings)
{
    struct profiles p;
    struct diag diag = {""};
    put("config.toml", "[profile.a]\napproval_policy = \"never\"\n[profiles.b]\n"
                       "outside_sandbox = \"forbid\"\n[profiles.a]\nmodel = \"x\"\n");
    TRUE(profiles_load(&p, &none, home, &diag) == OK);
    EQ_INT(p.n, 2);
    EQ_INT(profiles_find(&p, "a")->policy, POLICY_NEVER);
    TRUE(profiles_find(&p, "b")->no_outside);
    TRUE(profiles_find(&p, "c") == NULL);
    EQ_STR(profiles_of_thread(&p, "t"), "");
    TRUE(profiles_note(&p, "t", "b") == OK);
    profiles_fini(&p);
    TRUE(profiles_load(&p, &none, home, &diag) == OK); // as after a restart
    EQ_STR(profiles_of_thread(&p, "t"), "b");
    profiles_fini(&p);
}

TEST(a_profile_that_is_wrong_stops_the_start_though_nobody_chose_it)
{
    struct profiles p;
    struct diag diag = {""};
    put("config.toml", "[profile.a]\napproval_polic = \"never\"\n");
    EQ_INT(profiles_load(&p, &none, home, &diag), ERR_PROTO);
    TRUE(strstr(diag.text, "approval_policy") != NULL);
    profiles_fini(&p);
    put("config.toml", NULL);
    put("thread-profiles.json", "{\"t\":1}");
    EQ_INT(profiles_load(&p, &none, home, &diag), ERR_PROTO);
    profiles_fini(&p);
    put("thread-profiles.json", NULL);
    TRUE(profiles_load(&p, &none, home, &diag) == OK);
    EQ_INT(p.n, 0);
    profiles_fini(&p);
}

static void load_under(const char *demands, struct requirements *q, struct profiles *p)
{
    struct diag diag = {""};
    TRUE(requirements_read("r", bytes_from_str(demands), q, &diag) == OK);
    put("config.toml", "[profile.locked]\napproval_policy = \"never\"\n[profiles.b]\n"
                       "approval_policy = \"never\"\n");
    TRUE(profiles_load(p, q, home, &diag) == OK);
}

TEST(the_administrators_definition_of_a_name_goes_before_the_users)
{
    struct requirements q;
    struct profiles p;
    const char *locked = "[profile.locked]\napproval_policy = \"ask-every-time\"\n";
    char text[256];
    load_under(locked, &q, &p);
    EQ_INT(p.n, 2);
    EQ_INT(profiles_find(&p, "locked")->policy, POLICY_ASK_EVERY_TIME);
    TRUE(!p.is_forced);
    profiles_fini(&p);
    requirements_fini(&q);
    TRUE(text_format(text, sizeof(text), "force_profile = \"locked\"\n%s", locked) ==
         OK);
    load_under(text, &q, &p);
    EQ_INT(p.n, 1);
    EQ_INT(profiles_find(&p, "locked")->policy, POLICY_ASK_EVERY_TIME);
    TRUE(p.is_forced);
    profiles_fini(&p);
    requirements_fini(&q);
    load_under("allowed_profiles = [\"b\"]\n", &q, &p);
    EQ_INT(p.n, 1);
    TRUE(profiles_find(&p, "locked") == NULL);
    profiles_fini(&p);
    requirements_fini(&q);
}

TEST(a_profile_is_weaker_in_any_member)
{
    struct profile own;
    struct profile other;
    profile_default(&own);
    profile_default(&other);
    TRUE(profile_weaker(&other, &own) == NULL);
    other.policy = POLICY_NEVER; // reading runs
    TRUE(profile_weaker(&other, &own) != NULL);
    own.policy = POLICY_NEVER;
    other.policy = POLICY_ASK_EVERY_TIME; // people could allow what the host refuses
    TRUE(profile_weaker(&other, &own) != NULL);
    own.policy = POLICY_UNLESS_ALLOW_LISTED;
    TRUE(profile_weaker(&other, &own) == NULL);
    other.sandbox = SANDBOX_FULL_ACCESS;
    TRUE(profile_weaker(&other, &own) != NULL);
    other.sandbox = SANDBOX_READ_ONLY;
    other.network = true;
    TRUE(profile_weaker(&other, &own) != NULL);
    other.network = false;
    own.no_outside = true;
    TRUE(profile_weaker(&other, &own) != NULL);
    own.no_outside = false;
    own.env = json_pack("{s:s}", "inherit", "core");
    own.inherit = ENV_CORE;
    TRUE(profile_weaker(&other, &own) != NULL);
    other.inherit = ENV_NONE;
    TRUE(profile_weaker(&other, &own) == NULL);
    json_decref(own.env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(profiles_are_all_read_in_both_spellings),
        T(a_profile_that_is_wrong_stops_the_start_though_nobody_chose_it),
        T(the_administrators_definition_of_a_name_goes_before_the_users),
        T(a_profile_is_weaker_in_any_member)};
    return cmocka_run_group_tests(tests, make, unmake);
}
