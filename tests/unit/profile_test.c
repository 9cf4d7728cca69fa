/* profile: both spellings, and typos that must not weaken. */
#include "policy/profile.h"

#include "test.h"
#include "wire/toml.h"

static enum err read_one(const char *text, const char *name, struct profile *out,
                         struct diag *diag)
{
    json_t *config = NULL;
    TRUE(toml_parse(bytes_from_str(text), &config, NULL) == OK);
    const enum err e = profile_read(config, name, out, diag);
    json_decref(config);
    return e;
}

TEST(profile_reads_the_one_for_a_migration_as_it_is_written)
{
    struct profile p;
    struct diag diag = {""};
    TRUE(read_one("[profile.migration-server]\n"
                  "approval_policy = \"unless-allow-listed\"\n"
                  "model = \"o3\"\n"
                  "[profile.migration-server.shell_environment_policy]\n"
                  "inherit = \"core\"\n",
                  "migration-server", &p, &diag) == OK);
    EQ_INT(p.policy, POLICY_UNLESS_ALLOW_LISTED);
    EQ_INT(p.inherit, ENV_CORE);
    EQ_STR(p.model, "o3");
    EQ_STR(p.name, "migration-server");
    profile_fini(&p);
}

TEST(profile_reads_the_spelling_of_codex)
{
    struct profile p;
    struct diag diag = {""};
    TRUE(read_one("[profiles.x]\napproval_policy = \"on-request\"\n"
                  "sandbox_mode = \"read-only\"\nmodel_reasoning_effort = \"high\"\n"
                  "[profiles.x.shell_environment_policy]\nexclude = [\"AWS_*\"]\n"
                  "set = { CI = \"1\" }\n",
                  "x", &p, &diag) == OK);
    EQ_INT(p.policy, POLICY_ON_REQUEST);
    EQ_INT(p.sandbox, SANDBOX_READ_ONLY);
    EQ_STR(sandbox_mode_name(p.sandbox), "read-only");
    EQ_STR(p.effort, "high");
    profile_fini(&p);
}

TEST(profile_says_what_is_wrong)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"", "config.toml has no profile; one is written [profile.x]"},
        {"[profile.xx]\n", "config.toml has no profile x; did you mean xx?"},
        {"[profile.x]\napproval_polcy = \"never\"\n",
         "profile.x has no key approval_polcy; the nearest is approval_policy"},
        {"[profile.x]\napproval_policy = \"always\"\n",
         "profile.x.approval_policy is ask-every-time"},
        {"[profile.x]\napproval_policy = 1\n", "profile.x.approval_policy is"},
        {"[profile.x]\nsandbox_mode = \"none\"\n",
         "profile.x.sandbox_mode is read-only"},
        {"[profile.x]\nmodel = \"\"\n", "profile.x.model is the name of a model"},
        {"[profile.x]\nnetwork_access = \"yes\"\n", "network_access is true or false"},
        {"[profile.x.shell_environment_policy]\ninherit = \"some\"\n",
         "shell_environment_policy.inherit is all, core or none"},
        {"[profile.x.shell_environment_policy]\nexlude = []\n",
         "the nearest is exclude"},
        {"[profile.x.shell_environment_policy]\nset = { A = 1 }\n", "set is a table"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct profile p;
        struct diag diag = {""};
        CASE(rows[i].text);
        TRUE(read_one(rows[i].text, "x", &p, &diag) != OK);
        if (strstr(diag.text, rows[i].says) == NULL) {
            fail_msg("%s says: %s", rows[i].text, diag.text);
        }
    }
}

TEST(profile_that_was_not_chosen_asks_for_everything)
{
    struct profile p;
    profile_default(&p);
    EQ_INT(p.policy, POLICY_UNTRUSTED);
    EQ_INT(p.sandbox, SANDBOX_WORKSPACE_WRITE);
    TRUE(approval_policy_is_weaker(POLICY_ON_REQUEST, POLICY_UNTRUSTED));
    FALSE(approval_policy_is_weaker(POLICY_UNTRUSTED, POLICY_ON_REQUEST));
    profile_fini(&p);
}

RUN_TESTS(T(profile_reads_the_one_for_a_migration_as_it_is_written),
          T(profile_reads_the_spelling_of_codex), T(profile_says_what_is_wrong),
          T(profile_that_was_not_chosen_asks_for_everything))
