#include "test.h"

#include "host/config.h"
#include "host/guard.h"

/* Every row: what is asked, by whom, what goes to the agent, which fields are told. */
static const struct {
    const char *name;
    const char *method;
    enum controller_kind by;
    const char *asked;
    const char *given;
    const char *told;
} cases[] = {
    {"a turn gets the policy though nobody asked", "turn/start", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"input\":[]}",
     "{\"threadId\":\"t\",\"input\":[],\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\",\"sandboxPolicy\":{\"type\":\"workspaceWrite\","
     "\"writableRoots\":[],\"networkAccess\":false,\"excludeTmpdirEnvVar\":false,"
     "\"excludeSlashTmp\":false}}",
     ""},
    {"full access becomes the profile", "thread/start", CONTROLLER_LOCAL,
     "{\"sandbox\":\"danger-full-access\",\"approvalPolicy\":\"never\"}",
     "{\"sandbox\":\"workspace-write\",\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\",\"cwd\":\"/work\"}",
     "approvalPolicy sandbox"},
    {"a stricter sandbox stands", "thread/start", CONTROLLER_DEVICE,
     "{\"sandbox\":\"read-only\",\"cwd\":\"/work/sub\"}",
     "{\"sandbox\":\"read-only\",\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\",\"cwd\":\"/work/sub\"}",
     ""},
    {"a granular policy is weaker too", "thread/settings/update", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"approvalPolicy\":{\"granular\":{\"rules\":false}}}",
     "{\"threadId\":\"t\",\"approvalPolicy\":\"untrusted\"}", "approvalPolicy"},
    {"another reviewer than a person", "turn/settings/update", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"turnId\":\"u\",\"approvalsReviewer\":\"auto_review\"}",
     "{\"threadId\":\"t\",\"turnId\":\"u\",\"approvalsReviewer\":\"user\"}",
     "approvalsReviewer"},
    {"settings that nobody asked to change stay", "thread/settings/update",
     CONTROLLER_DEVICE, "{\"threadId\":\"t\",\"model\":\"m\"}",
     "{\"threadId\":\"t\",\"model\":\"m\"}", ""},
    {"network and roots of a sandbox go", "thread/settings/update", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"sandboxPolicy\":{\"type\":\"workspaceWrite\","
     "\"writableRoots\":[\"/\"],\"networkAccess\":true}}",
     "{\"threadId\":\"t\",\"sandboxPolicy\":{\"type\":\"workspaceWrite\","
     "\"writableRoots\":[],\"networkAccess\":false,\"excludeTmpdirEnvVar\":false,"
     "\"excludeSlashTmp\":false}}",
     "sandboxPolicy"},
    {"the profile's sandbox in fewer words is no clamp", "thread/settings/update",
     CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"sandboxPolicy\":{\"type\":\"readOnly\"}}",
     "{\"threadId\":\"t\",\"sandboxPolicy\":{\"type\":\"readOnly\","
     "\"networkAccess\":false}}",
     ""},
    {"a sandbox that somebody else keeps", "turn/start", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"sandboxPolicy\":{\"type\":\"externalSandbox\"}}",
     "{\"threadId\":\"t\",\"sandboxPolicy\":{\"type\":\"workspaceWrite\","
     "\"writableRoots\":[],\"networkAccess\":false,\"excludeTmpdirEnvVar\":false,"
     "\"excludeSlashTmp\":false},\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\"}",
     "sandboxPolicy"},
    {"what carries power is dropped", "thread/start", CONTROLLER_LOCAL,
     "{\"cwd\":\"/any\",\"sandbox\":\"read-only\",\"config\":{\"a\":1},\"permissions\":"
     "\"p\",\"environments\":[{}],\"selectedCapabilityRoots\":[{}],\"dynamicTools\":[{}]}",
     "{\"cwd\":\"/any\",\"sandbox\":\"read-only\",\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\"}",
     "environments permissions config selectedCapabilityRoots dynamicTools"},
    {"empty ones are no power", "thread/start", CONTROLLER_LOCAL,
     "{\"cwd\":\"/any\",\"sandbox\":\"read-only\",\"config\":{},\"environments\":[],"
     "\"runtimeWorkspaceRoots\":[]}",
     "{\"cwd\":\"/any\",\"sandbox\":\"read-only\",\"environments\":[],"
     "\"runtimeWorkspaceRoots\":[],\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\"}",
     ""},
    {"a thread of foreign files", "thread/resume", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"path\":\"/etc/passwd\",\"history\":[{}]}",
     "{\"threadId\":\"t\"}", "history path"},
    {"a device's folder that no thread knows", "thread/fork", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"cwd\":\"/\",\"runtimeWorkspaceRoots\":[\"/\",\"/known/x\"]}",
     "{\"threadId\":\"t\",\"cwd\":\"/work\",\"runtimeWorkspaceRoots\":[\"/known/x\"],"
     "\"sandbox\":\"workspace-write\",\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\"}",
     "cwd runtimeWorkspaceRoots"},
    {"a way out with dots", "thread/start", CONTROLLER_DEVICE,
     "{\"sandbox\":\"read-only\",\"cwd\":\"/known/../etc\"}",
     "{\"sandbox\":\"read-only\",\"cwd\":\"/work\",\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\"}",
     "cwd"},
    {"a way out behind a NUL", "thread/start", CONTROLLER_DEVICE,
     "{\"sandbox\":\"read-only\",\"cwd\":\"/work\\u0000/../../etc\","
     "\"runtimeWorkspaceRoots\":[\"/known/x\\u0000/../../..\"]}",
     "{\"sandbox\":\"read-only\",\"cwd\":\"/work\",\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\",\"runtimeWorkspaceRoots\":[\"/work\"]}",
     "cwd runtimeWorkspaceRoots"},
    {"a folder of the other machine", "thread/start", CONTROLLER_LOCAL,
     "{\"sandbox\":\"read-only\",\"cwd\":\"/gone/x\"}",
     "{\"sandbox\":\"read-only\",\"cwd\":\"/work\",\"approvalPolicy\":\"untrusted\","
     "\"approvalsReviewer\":\"user\"}",
     "cwd"},
    {"a device's unknown field", "thread/read", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"future\":1}", "{\"threadId\":\"t\"}", ""},
    {"the user's unknown field stands", "thread/read", CONTROLLER_LOCAL,
     "{\"threadId\":\"t\",\"future\":1}", "{\"threadId\":\"t\",\"future\":1}", ""},
    {"the TCP operator's unknown field", "thread/read", CONTROLLER_TCP,
     "{\"threadId\":\"t\",\"future\":1}", "{\"threadId\":\"t\"}", ""},
    {"files in a device's input", "turn/steer", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"input\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":"
     "\"localImage\",\"path\":\"/etc/shadow.png\"},{\"type\":\"localImage\",\"path\":"
     "\"/work/a.png\"}]}",
     "{\"threadId\":\"t\",\"input\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":"
     "\"localImage\",\"path\":\"/work/a.png\"}]}",
     "input"},
    {"a search stays in known folders", "fuzzyFileSearch", CONTROLLER_DEVICE,
     "{\"query\":\"key\",\"roots\":[\"/root/.ssh\"]}",
     "{\"query\":\"key\",\"roots\":[\"/work\"]}", "roots"},
    {"a command runs in the sandbox", "command/exec", CONTROLLER_DEVICE,
     "{\"command\":[\"ls\"],\"permissionProfile\":\"full\",\"sandboxPolicy\":{\"type\":"
     "\"dangerFullAccess\"}}",
     "{\"command\":[\"ls\"],\"cwd\":\"/work\",\"sandboxPolicy\":{\"type\":"
     "\"workspaceWrite\",\"writableRoots\":[],\"networkAccess\":false,"
     "\"excludeTmpdirEnvVar\":false,\"excludeSlashTmp\":false}}",
     "permissionProfile sandboxPolicy"},
    {"values of the wrong type are no way round", "turn/start", CONTROLLER_DEVICE,
     "{\"threadId\":\"t\",\"sandboxPolicy\":7,\"cwd\":[],\"approvalPolicy\":true,"
     "\"runtimeWorkspaceRoots\":\"/\"}",
     "{\"threadId\":\"t\",\"sandboxPolicy\":{\"type\":\"workspaceWrite\","
     "\"writableRoots\":[],\"networkAccess\":false,\"excludeTmpdirEnvVar\":false,"
     "\"excludeSlashTmp\":false},\"cwd\":\"/work\",\"approvalPolicy\":\"untrusted\","
     "\"runtimeWorkspaceRoots\":[\"/work\"],\"approvalsReviewer\":\"user\"}",
     "approvalPolicy sandboxPolicy cwd runtimeWorkspaceRoots"},
};

static bool is_folder(void *user, const char *path)
{
    (void)user;
    return strncmp(path, "/gone", 5) != 0;
}

static json_t *parse(const char *text)
{
    json_t *out = NULL;
    EQ_INT(json_parse(bytes_from_str(text), &out), OK);
    return out;
}

TEST(what_is_asked_is_brought_back_to_the_profile)
{
    struct folders folders;
    folders_init(&folders, "/work");
    folders_learn(&folders, "/known", 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct controller_info who = {.kind = cases[i].by, .role = ROLE_OWNER};
        const struct guard g = {.method = method_find(bytes_from_str(cases[i].method)),
                                .who = &who,
                                .folders = &folders,
                                .is_folder = is_folder};
        char fields[256];
        json_t *params = parse(cases[i].asked);
        json_t *want = parse(cases[i].given);
        json_t *clamped = json_array();
        CASE(cases[i].name);
        guard_apply(&g, params, clamped);
        guard_list_fields(clamped, fields, sizeof(fields));
        struct buf out;
        buf_init(&out, 65536);
        const char *text = NULL;
        EQ_INT(json_print(params, &out), OK);
        EQ_INT(buf_cstr(&out, &text), OK);
        TEST_CHECK(json_equal(params, want), text);
        TEST_CHECK(strcmp(fields, cases[i].told) == 0, fields);
        buf_fini(&out);
        json_decref(params);
        json_decref(want);
        json_decref(clamped);
    }
    folders_fini(&folders);
}

/* Every member of Codex's schema that names a path, of the methods that a device
 * without capabilities may call (docs/hub.md, "Paths"); /work/a is known. */
static const struct {
    const char *method;
    const char *asked;
    bool local_too; // dropped whoever asks
} paths[] = {
    {"thread/start",
     "{\"serviceName\":\"/work/a\",\"cwd\":\"/work/a\","
     "\"runtimeWorkspaceRoots\":[\"/work/a\",\"/etc/x\"]}",
     false},
    {"thread/start",
     "{\"cwd\":\"/work/a\",\"environments\":[{\"cwd\":\"/etc/x\"}],"
     "\"selectedCapabilityRoots\":[{\"location\":{\"path\":\"/etc/x\"}}]}",
     true},
    {"thread/resume", "{\"threadId\":\"/work/a\",\"path\":\"/etc/x\"}", true},
    {"thread/resume", "{\"threadId\":\"/work/a\",\"cwd\":\"/etc/x\"}", false},
    {"thread/fork", "{\"threadId\":\"/work/a\",\"path\":\"/etc/x\"}", true},
    {"thread/fork", "{\"threadId\":\"/work/a\",\"cwd\":\"/etc/x\"}", false},
    {"thread/settings/update", "{\"threadId\":\"/work/a\",\"cwd\":\"/etc/x\"}", false},
    {"thread/settings/update",
     "{\"threadId\":\"/work/a\",\"sandboxPolicy\":{\"type\":"
     "\"workspaceWrite\",\"writableRoots\":[\"/etc/x\"]}}",
     true},
    {"turn/start", "{\"threadId\":\"/work/a\",\"cwd\":\"/etc/x\"}", false},
    {"turn/start", "{\"threadId\":\"/work/a\",\"environments\":[{\"cwd\":\"/etc/x\"}]}",
     true},
    {"turn/start",
     "{\"input\":[{\"type\":\"localImage\",\"path\":\"/work/a\"},"
     "{\"type\":\"localImage\",\"path\":\"/etc/x\"}]}",
     false},
    {"turn/start",
     "{\"input\":[{\"type\":\"skill\",\"path\":\"/work/a\"},"
     "{\"type\":\"mention\",\"path\":\"/etc/x\"}]}",
     false},
    {"turn/steer",
     "{\"input\":[{\"type\":\"skill\",\"path\":\"/work/a\"},"
     "{\"type\":\"mention\",\"path\":\"/etc/x://\"}]}",
     false},
    {"thread/queue/add", "{\"input\":[{\"path\":\"/work/a\"},{\"path\":\"/etc/x\"}]}",
     false},
    {"thread/queue/update",
     "{\"input\":[{\"path\":\"/work/a\"},{\"path\":\"/etc/x\"}]}", false},
    {"turn/settings/update",
     "{\"turnId\":\"/work/a\",\"environments\":[{\"cwd\":\"/etc/x\"}]}", true},
    {"thread/prepareApprovedPlan",
     "{\"markdown\":\"/work/a\",\"attachmentPath\":\"/etc/x\"}", false},
    {"config/read", "{\"cwd\":\"/etc/x\",\"includeLayers\":\"/work/a\"}", false},
    {"permissionProfile/list", "{\"cwd\":\"/etc/x\",\"cursor\":\"/work/a\"}", false},
    {"skills/list", "{\"cwds\":[\"/work/a\",\"/etc/x\"]}", false},
    {"hooks/list", "{\"cwds\":[\"/work/a\",\"/etc/x\"]}", false},
    {"plugin/list", "{\"cwds\":[\"/work/a\",\"/etc/x\"]}", false},
    {"plugin/search", "{\"cwds\":[\"/work/a\",\"/etc/x\"]}", false},
    {"plugin/installed", "{\"cwds\":[\"/work/a\",\"/etc/x\"]}", false},
    {"plugin/read", "{\"marketplacePath\":\"/etc/x\",\"pluginName\":\"/work/a\"}",
     false},
    {"project/create", "{\"roots\":[{\"path\":\"/work/a\"},{\"path\":\"/etc/x\"}]}",
     false},
    {"project/update", "{\"name\":\"/work/a\",\"roots\":[{\"path\":\"/etc/x\"}]}",
     false},
    {"project/import", "{\"roots\":[{\"path\":\"/work/a\"},{\"path\":\"/etc/x\"}]}",
     false},
    {"fuzzyFileSearch", "{\"query\":\"/work/a\",\"roots\":[\"/etc/x\"]}", false},
    {"fuzzyFileSearch/sessionStart", "{\"roots\":[\"/work/a\",\"/etc/x\"]}", false},
};

TEST(no_path_of_the_schema_leaves_the_known_folders)
{
    struct folders folders;
    folders_init(&folders, "/work");
    for (size_t i = 0; i < COUNT(paths); i++) {
        static const enum controller_kind kinds[] = {CONTROLLER_DEVICE, CONTROLLER_TCP,
                                                     CONTROLLER_LOCAL};
        for (size_t k = 0; k < COUNT(kinds); k++) {
            const struct controller_info who = {.kind = kinds[k], .role = ROLE_OWNER};
            const struct guard g = {.method =
                                        method_find(bytes_from_str(paths[i].method)),
                                    .who = &who,
                                    .folders = &folders,
                                    .is_folder = is_folder};
            json_t *params = parse(paths[i].asked);
            json_t *clamped = json_array();
            struct buf out;
            const char *text = NULL;
            buf_init(&out, 65536);
            CASE(paths[i].asked);
            guard_apply(&g, params, clamped);
            EQ_INT(json_print(params, &out), OK);
            EQ_INT(buf_cstr(&out, &text), OK);
            EQ_INT(strstr(text, "/etc/x") != NULL,
                   kinds[k] == CONTROLLER_LOCAL && !paths[i].local_too);
            EQ_INT(strstr(text, "/work/a") != NULL, true);
            EQ_INT(json_array_size(clamped) != 0,
                   kinds[k] != CONTROLLER_LOCAL || paths[i].local_too);
            buf_fini(&out);
            json_decref(params);
            json_decref(clamped);
        }
    }
    folders_fini(&folders);
}

TEST(of_the_configuration_only_what_is_listed_is_told)
{
    json_t *root =
        parse("{\"config\":{\"model\":\"m\",\"mcp_servers\":{\"a\":{\"env\":{\"K\":"
              "\"secret\"}}},\"shell_environment_policy\":{\"set\":{\"T\":\"secret\"}},"
              "\"model_providers\":{\"p\":{\"http_headers\":{\"h\":\"secret\"}}},"
              "\"of_a_later_codex\":\"secret\"},\"layers\":[{\"config\":\"secret\"}],"
              "\"origins\":{\"model\":{\"name\":\"secret\"}},\"more\":\"secret\"}");
    json_t *want =
        parse("{\"config\":{\"model\":\"m\"},\"layers\":null,\"origins\":{}}");
    config_hide(root);
    TRUE(json_equal(root, want));
    json_decref(root);
    json_decref(want);
    root = parse("{\"requirements\":{\"allowRemoteControl\":true,\"hooks\":{\"c\":"
                 "\"secret\"},\"modelProviders\":{\"p\":\"secret\"}}}");
    want = parse("{\"requirements\":{\"allowRemoteControl\":true}}");
    config_hide(root);
    TRUE(json_equal(root, want));
    json_decref(root);
    json_decref(want);
}

TEST(folders_are_kept_newest_first_and_bounded)
{
    struct folders f;
    char path[64];
    folders_init(&f, "/work");
    for (int i = 0; i < FOLDERS_MAX + 10; i++) {
        EQ_INT(text_format(path, sizeof(path), "/p/%d", i), OK);
        folders_learn(&f, path, i);
    }
    folders_learn(&f, "/p/70", 1000);
    folders_learn(&f, "relative", 2000);
    folders_learn(&f, NULL, 2000);
    EQ_INT(f.count, FOLDERS_MAX);
    EQ_STR(f.at[0].path, "/p/70");
    EQ_STR(f.at[1].path, "/p/73");
    TRUE(folders_allow(&f, "/p/70/deep"));
    FALSE(folders_allow(&f, "/p/7"));
    FALSE(folders_allow(&f, "/p"));
    TRUE(folders_allow(&f, "/work"));
    FALSE(folders_allow(&f, "/workshop"));
    folders_fini(&f);
}

RUN_TESTS(T(what_is_asked_is_brought_back_to_the_profile),
          T(no_path_of_the_schema_leaves_the_known_folders),
          T(of_the_configuration_only_what_is_listed_is_told),
          T(folders_are_kept_newest_first_and_bounded))
