#include "test.h"

#include "host/requirements.h"

static enum err read_text(const char *text, struct requirements *out, struct diag *d)
{
    return requirements_read("/r.toml", bytes_from_str(text), out, d);
}

TEST(what_is_wrong_is_said_with_its_place)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"allow_remote_contrl = false",
         "/r.toml:1:1: allow_remote_contrl is not known here; did you mean "
         "allow_remote_control?"},
        {"\n  max_role = \"god\"",
         "/r.toml:2:3: max_role is viewer, approver, operator"},
        {"max_role = 3", "/r.toml:1:1: max_role is"},
        {"# x\nallow_remote_control = \"no\"",
         "/r.toml:2:1: allow_remote_control is true"},
        {"allowed_approval_policies = [\"always\"]", "/r.toml:1:1: allowed_approval"},
        {"allowed_approval_policies = []", "/r.toml:1:1: allowed_approval"},
        {"allowed_sandbox_modes = [\"none\"]", "/r.toml:1:1: allowed_sandbox_modes is"},
        {"allow_network = 0", "/r.toml:1:1: allow_network is true or false"},
        {"allowed_profiles = \"a\"", "/r.toml:1:1: allowed_profiles is an array"},
        {"allowed_profiles = [\"\"]", "/r.toml:1:1: allowed_profiles is an array"},
        {"allowed_relays = [1]", "/r.toml:1:1: allowed_relays is an array"},
        {"allow_direct_door = 1", "/r.toml:1:1: allow_direct_door is true"},
        {"require_strong_approval = 1", "/r.toml:1:1: require_strong_approval is true"},
        {"min_quorum = 0", "/r.toml:1:1: min_quorum is a number of people"},
        {"min_quorum = 17", "/r.toml:1:1: min_quorum is a number of people"},
        {"because = \"\"", "/r.toml:1:1: because is a sentence"},
        {"force_profile = \"x\"",
         "/r.toml:1:1: force_profile names a profile that is not"},
        {"min_quorum = 2\n[profile.x]\napproval_polic = \"never\"", "/r.toml:2:1: "},
        {"profile = 3", "/r.toml:1:1: profile is a table"},
        {"rule = 3", "/r.toml:1:1: rule is a list"},
        {"[other]\n", "/r.toml:1:1: other is not known here"},
        {"\n[[rule]]\ndecide = \"allow\"\ncommand = \"ls\"",
         "/etc/farhand/requirements.toml:3:1: the administrator's rules may ask and deny"},
        {"min_quorum = ", "/r.toml: "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct requirements q;
        struct diag d = {.text = ""};
        CASE(cases[i].text);
        TRUE(read_text(cases[i].text, &q, &d) != OK);
        TEST_CHECK(strncmp(d.text, cases[i].says, strlen(cases[i].says)) == 0, d.text);
    }
}

TEST(nothing_written_forbids_nothing)
{
    struct requirements q;
    EQ_INT(read_text("# nothing\n", &q, NULL), OK);
    EQ_INT(requirements_remote(&q, NULL), OK);
    EQ_INT(requirements_role(&q, ROLE_OWNER, NULL), OK);
    EQ_INT(requirements_relay(&q, "wss://any/relay", NULL), OK);
    EQ_INT(requirements_door(&q, NULL), OK);
    struct profile p;
    EQ_INT(requirements_profile(&q, NULL, NULL, &p, NULL), OK);
    EQ_INT(p.policy, POLICY_UNTRUSTED);
    profile_fini(&p);
    requirements_fini(&q);
}

TEST(what_is_forbidden_is_refused_and_names_the_file_and_the_reason)
{
    struct requirements q;
    struct diag d = {.text = ""};
    EQ_INT(read_text("allow_remote_control = false\nmax_role = \"approver\"\n"
                     "because = \"ask Eve\"\n"
                     "allowed_relays = [\"wss://relay.example/relay\"]\n",
                     &q, NULL),
           OK);
    EQ_INT(requirements_remote(&q, &d), ERR_DENIED);
    EQ_STR(d.text,
           "remote control is forbidden by /r.toml: check with your administrator "
           "(ask Eve)");
    d.text[0] = '\0';
    EQ_INT(requirements_role(&q, ROLE_OPERATOR, &d), ERR_DENIED);
    TRUE(strstr(d.text, "a role above approver is forbidden") != NULL);
    EQ_INT(requirements_role(&q, ROLE_APPROVER, NULL), OK);
    EQ_INT(requirements_relay(&q, "wss://relay.example/relay", NULL), OK);
    EQ_INT(requirements_relay(&q, "wss://relay.example/relay2", NULL), ERR_DENIED);
    EQ_INT(requirements_door(&q, NULL), ERR_DENIED); // it would lead past them
    requirements_fini(&q);
}

static const char config[] = "{\"profile\":{"
                             "\"mine\":{\"approval_policy\":\"on-request\"},"
                             "\"careful\":{\"approval_policy\":\"untrusted\"},"
                             "\"wide\":{\"sandbox_mode\":\"danger-full-access\"},"
                             "\"net\":{\"network_access\":true},"
                             "\"forced\":{\"approval_policy\":\"on-request\"}}}";

TEST(a_profile_is_held_to_what_is_allowed)
{
    static const struct {
        const char *text;
        const char *name;
        enum err want;
        enum approval_policy policy;
    } cases[] = {
        {"", "mine", OK, POLICY_ON_REQUEST},
        {"allowed_approval_policies = [\"suggest\"]", "mine", ERR_DENIED, 0},
        {"allowed_approval_policies = [\"suggest\"]", "careful", OK, POLICY_UNTRUSTED},
        {"allowed_approval_policies = [\"on-request\"]", "mine", OK, POLICY_ON_REQUEST},
        {"allowed_sandbox_modes = [\"read-only\", \"workspace-write\"]", "wide",
         ERR_DENIED, 0},
        {"allow_network = false", "net", ERR_DENIED, 0},
        {"allow_network = true", "net", OK, POLICY_UNTRUSTED},
        {"allowed_profiles = [\"careful\"]", "mine", ERR_DENIED, 0},
        {"allowed_profiles = [\"careful\"]", NULL, ERR_DENIED, 0},
        {"allowed_profiles = [\"careful\"]", "careful", OK, POLICY_UNTRUSTED},
        {"force_profile = \"forced\"\n[profile.forced]\napproval_policy = \"never\"",
         NULL, OK, POLICY_NEVER}, // its own definition, not the user's
        {"force_profile = \"forced\"\n[profile.forced]\n", "mine", ERR_DENIED, 0},
        {"force_profile = \"forced\"\n[profile.forced]\n", "forced", OK,
         POLICY_UNTRUSTED},
        {"", "nowhere", ERR_NOT_FOUND, 0},
    };
    json_t *user = NULL;
    EQ_INT(json_parse(bytes_from_str(config), &user), OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct requirements q;
        struct profile p;
        struct diag d = {.text = ""};
        CASE(cases[i].text);
        EQ_INT(read_text(cases[i].text, &q, &d), OK);
        const enum err e = requirements_profile(&q, cases[i].name, user, &p, &d);
        EQ_INT(e, cases[i].want);
        if (e == OK) {
            EQ_INT(p.policy, cases[i].policy);
            profile_fini(&p);
        } else {
            TRUE(d.text[0] != '\0');
        }
        requirements_fini(&q);
    }
    json_decref(user);
}

TEST(its_rules_are_read_with_the_others)
{
    struct requirements q;
    struct rules rules;
    EQ_INT(read_text("min_quorum = 2\n[[rule]]\ndecide = \"deny\"\ncommand = \"rm\"\n",
                     &q, NULL),
           OK);
    rules_init(&rules);
    EQ_INT(requirements_rules(&q, &rules, NULL), OK);
    EQ_U64(rules.n, 1);
    EQ_INT(rules.list[0].level, RULE_ADMIN);
    EQ_INT(rules.list[0].line, 2);
    rules_fini(&rules);
    requirements_fini(&q);
}

RUN_TESTS(T(what_is_wrong_is_said_with_its_place), T(nothing_written_forbids_nothing),
          T(what_is_forbidden_is_refused_and_names_the_file_and_the_reason),
          T(a_profile_is_held_to_what_is_allowed),
          T(its_rules_are_read_with_the_others))
