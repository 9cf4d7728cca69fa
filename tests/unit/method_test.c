#include "test.h"

#include "host/method.h"
#include "host/notice.h"

/* Every client request of Codex's schema, as generated. */
static const char *const codex_methods[] = {
#include "codex_methods.inc"
};

/* A second, coarser list: the first row whose prefix fits says the least role. It is
 * kept by hand, apart from the table, so that a slip in one shows in the other. */
static const struct {
    const char *prefix;
    enum role role; // of a device without capabilities; ROLE_NONE: none of them
} coarse[] = {
    {"initialize", ROLE_VIEWER},
    {"thread/loaded/list", ROLE_VIEWER},
    {"thread/turns/list", ROLE_VIEWER},
    {"thread/items/", ROLE_VIEWER},
    {"thread/queue/list", ROLE_VIEWER},
    {"thread/attachment/list", ROLE_VIEWER},
    {"thread/attachmentOwner/list", ROLE_VIEWER},
    {"thread/backgroundTerminals/list", ROLE_VIEWER},
    {"thread/timeline/list", ROLE_VIEWER},
    {"thread/goal/get", ROLE_VIEWER},
    {"thread/list", ROLE_VIEWER},
    {"thread/readState", ROLE_OPERATOR},
    {"thread/read", ROLE_VIEWER},
    {"thread/resume", ROLE_VIEWER},
    {"thread/search", ROLE_VIEWER},
    {"thread/unsubscribe", ROLE_VIEWER},
    {"threadSection/list", ROLE_VIEWER},
    {"project/list", ROLE_VIEWER},
    {"project/read", ROLE_VIEWER},
    {"project/delete", ROLE_OWNER},
    {"project/import", ROLE_OWNER},
    {"model/list", ROLE_VIEWER},
    {"collaborationMode/list", ROLE_VIEWER},
    {"remoteControl/status/read", ROLE_VIEWER},
    {"remoteControl/", ROLE_NONE}, // wants admin
    {"farhand/commands/read", ROLE_VIEWER},
    {"farhand/status", ROLE_VIEWER},
    {"farhand/approval/list", ROLE_VIEWER},
    {"farhand/approval/decide", ROLE_APPROVER},
    {"farhand/audit/headers", ROLE_VIEWER},
    {"farhand/presence/list", ROLE_VIEWER},
    {"farhand/folders/list", ROLE_OPERATOR},
    {"farhand/profile/list", ROLE_OPERATOR},
    {"farhand/policy/rules/list", ROLE_VIEWER},
    {"farhand/policy/rules/remove", ROLE_APPROVER},
    {"farhand/trust/", ROLE_NONE}, // wants admin
    {"farhand/", ROLE_NONE},
    {"thread/delete", ROLE_OWNER},
    {"thread/shellCommand", ROLE_NONE},                // wants terminal
    {"thread/approveGuardianDeniedAction", ROLE_NONE}, // an approval that nobody signs
    {"thread/sample", ROLE_NONE},
    {"thread/memoryMode", ROLE_NONE},
    {"thread/inject_items", ROLE_NONE},
    {"thread/guardianReview", ROLE_NONE},
    {"fs/", ROLE_NONE},
    {"process/", ROLE_NONE},
    {"command/", ROLE_NONE},
    {"config/read", ROLE_OPERATOR},
    {"config/", ROLE_NONE},
    {"configRequirements/read", ROLE_OPERATOR},
    {"account/read", ROLE_OPERATOR},
    {"account/rateLimits/read", ROLE_OPERATOR},
    {"account/usage/read", ROLE_OPERATOR},
    {"account/bedrock/checkGovCloudRequirements", ROLE_OPERATOR},
    {"account", ROLE_NONE},
    {"environment/add", ROLE_NONE},
    {"environment/", ROLE_OPERATOR},
    {"experimentalFeature/list", ROLE_OPERATOR},
    {"experimentalFeature/", ROLE_NONE},
    {"externalAgentConfig/", ROLE_NONE},
    {"feedback/", ROLE_NONE},
    {"marketplace/", ROLE_NONE},
    {"mcpServerStatus/list", ROLE_OPERATOR},
    {"mcpServer/", ROLE_NONE},
    {"memory/status", ROLE_OPERATOR},
    {"memory/", ROLE_NONE},
    {"mock/", ROLE_NONE},
    {"modelProvider/config/write", ROLE_NONE},
    {"plugin/install", ROLE_NONE}, // but see plugin/installed below
    {"plugin/reconcile", ROLE_NONE},
    {"plugin/share/", ROLE_NONE},
    {"plugin/uninstall", ROLE_NONE},
    {"rollout/", ROLE_NONE},
    {"server/", ROLE_NONE},
    {"skills/config/write", ROLE_NONE},
    {"skills/extraRoots/set", ROLE_NONE},
    {"userVerification/", ROLE_NONE},
    {"windowsSandbox/setupStart", ROLE_NONE},
    {"", ROLE_OPERATOR},
};

static enum role least_role(const char *name)
{
    if (strcmp(name, "plugin/installed") == 0) {
        return ROLE_OPERATOR;
    }
    size_t i = 0;
    while (strncmp(name, coarse[i].prefix, strlen(coarse[i].prefix)) != 0) {
        i++;
    }
    return coarse[i].role;
}

TEST(the_table_is_sorted_so_that_searching_finds)
{
    size_t n = 0;
    const struct method *table = method_table(&n);
    for (size_t i = 0; i < n; i++) {
        CASE(table[i].name);
        TRUE(method_find(bytes_from_str(table[i].name)) == &table[i]);
        TRUE(i == 0 || strcmp(table[i - 1].name, table[i].name) < 0);
    }
    size_t m = 0;
    const struct notice *notices = notice_table(&m);
    for (size_t i = 0; i < m; i++) {
        CASE(notices[i].name);
        TRUE(notice_find(bytes_from_str(notices[i].name)) == &notices[i]);
        EQ_INT(notices[i].row, i);
    }
}

TEST(every_method_of_the_schema_has_a_row_and_nothing_else_but_ours)
{
    size_t n = 0;
    const struct method *table = method_table(&n);
    for (size_t i = 0; i < COUNT(codex_methods); i++) {
        CASE(codex_methods[i]);
        TRUE(method_find(bytes_from_str(codex_methods[i])) != NULL);
    }
    size_t ours = 0;
    for (size_t i = 0; i < n; i++) {
        ours += strncmp(table[i].name, "farhand/", 8) == 0 ? 1 : 0;
    }
    EQ_INT(n, COUNT(codex_methods) + ours);
}

TEST(every_method_and_role_is_as_the_coarse_list_says)
{
    size_t n = 0;
    const struct method *table = method_table(&n);
    for (size_t i = 0; i < n; i++) {
        for (unsigned role = ROLE_NONE; role <= ROLE_OWNER; role++) {
            const struct controller_info who = {.kind = CONTROLLER_DEVICE,
                                                .role = (enum role)role};
            const enum role least = least_role(table[i].name);
            CASE(table[i].name);
            EQ_INT(method_is_allowed(&table[i], &who),
                   least != ROLE_NONE && role >= least && role != ROLE_NONE);
        }
    }
}

TEST(capabilities_open_what_they_name_and_no_more)
{
    static const struct {
        const char *method;
        uint64_t caps;
        bool want;
    } cases[] = {
        {"thread/shellCommand", 0, false},
        {"thread/shellCommand", CAP_TERMINAL, true},
        {"fs/readFile", CAP_FILES_WRITE, false},
        {"fs/readFile", CAP_TERMINAL, true},
        {"fs/writeFile", CAP_TERMINAL, false},
        {"fs/writeFile", CAP_TERMINAL | CAP_FILES_WRITE, true},
        {"process/spawn", CAP_ALL & ~CAP_TERMINAL, false},
        {"process/spawn", CAP_TERMINAL, true},
        {"remoteControl/disable", CAP_ALL & ~CAP_ADMIN, false},
        {"remoteControl/disable", CAP_ADMIN, true},
        {"config/value/write", CAP_ALL, false}, // only at the host
        {"account/logout", CAP_ALL, false},
        {"mcpServer/tool/call", CAP_ALL, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct controller_info who = {
            .kind = CONTROLLER_DEVICE, .role = ROLE_OPERATOR, .caps = cases[i].caps};
        CASE(cases[i].method);
        EQ_INT(method_is_allowed(method_find(bytes_from_str(cases[i].method)), &who),
               cases[i].want);
    }
}

TEST(the_local_owner_may_call_all_but_what_nobody_may)
{
    const struct controller_info who = {
        .kind = CONTROLLER_LOCAL, .role = ROLE_OWNER, .caps = CAP_ALL};
    size_t n = 0;
    const struct method *table = method_table(&n);
    for (size_t i = 0; i < n; i++) {
        CASE(table[i].name);
        EQ_INT(method_is_allowed(&table[i], &who), table[i].role != ROLE_NONE);
    }
}

TEST(names_near_a_method_are_not_the_method)
{
    FALSE(method_find(BYTES_LIT("thread/lis")) != NULL);
    FALSE(method_find(BYTES_LIT("thread/listx")) != NULL);
    FALSE(method_find(BYTES_LIT("")) != NULL);
    FALSE(method_find(BYTES_LIT("Thread/list")) != NULL);
    const struct method *m = method_find(BYTES_LIT("turn/start"));
    TRUE(method_knows_field(m, "cwd"));
    TRUE(method_knows_field(m, "additionalContext"));
    FALSE(method_knows_field(m, "cw"));
    FALSE(method_knows_field(m, "wd"));
    FALSE(method_knows_field(m, "input,model"));
    FALSE(method_knows_field(m, ""));
}

RUN_TESTS(T(the_table_is_sorted_so_that_searching_finds),
          T(every_method_of_the_schema_has_a_row_and_nothing_else_but_ours),
          T(every_method_and_role_is_as_the_coarse_list_says),
          T(capabilities_open_what_they_name_and_no_more),
          T(the_local_owner_may_call_all_but_what_nobody_may),
          T(names_near_a_method_are_not_the_method))
