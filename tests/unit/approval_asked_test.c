#include "session/approval_asked.h"

#include "test.h"

#define COMMAND                                                               \
    "{\"kind\":\"command\",\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":" \
    "\"call_X\",\"startedAtMs\":1,\"command\":\"/bin/bash -lc 'touch a'\","   \
    "\"cwd\":\"/w\",\"reason\":\"needs it\"}"
#define METHOD BYTES_LIT("item/commandExecution/requestApproval")
#define CHANGE                                                                 \
    "{\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"call_X\",\"reason\":" \
    "null,\"grantRoot\":null}"
#define CHANGES "[{\"path\":\"/w/a\",\"kind\":{\"type\":\"add\"},\"diff\":\"x\\n\"}]"

static json_t *parsed(const char *text)
{
    json_t *out = NULL;
    EQ_INT(json_parse(bytes_from_str(text), &out), OK);
    return out;
}

/* The host's way: params as a controller gets them. */
static json_t *asked(struct bytes method, const char *text, const char *changes)
{
    json_t *params = parsed(text);
    json_t *list = changes == NULL ? NULL : parsed(changes);
    json_t *root = NULL;
    struct approval_asked a;
    struct buf material;
    struct buf bytes;
    static char shown[8192];
    buf_init(&material, 4096);
    buf_init(&bytes, 4096);
    EQ_INT(approval_asked_material(params, list, &material), OK);
    EQ_INT(json_parse(buf_bytes(&material), &root), OK);
    EQ_INT(approval_asked_read(method, root, &a), OK);
    memset(a.r.id, 7, sizeof(a.r.id));
    hash_sha256(buf_bytes(&material), a.r.material);
    a.r.quorum = 1;
    a.r.created_ms = 99;
    EQ_INT(approval_request_put(&a.r, &bytes), OK);
    b64url_encode(buf_bytes(&bytes), shown);
    json_t *farhand = json_object();
    json_set_str(farhand, "request", shown);
    json_set_bytes(farhand, "material", buf_bytes(&material));
    json_set(params, "farhand", farhand);
    approval_asked_fini(&a);
    json_decref(root);
    json_decref(list);
    buf_fini(&material);
    buf_fini(&bytes);
    return params;
}

static enum err check(struct bytes method, json_t *params)
{
    uint8_t id[APPROVAL_ID];
    uint8_t rd[APPROVAL_RD];
    const enum err e = approval_asked_check(method, params, id, rd);
    if (e == OK) {
        EQ_INT(id[0], 7);
    }
    return e;
}

/* Both names of a moved file are signed, however the agent writes the move. */
TEST(a_move_names_where_it_leads)
{
    static const char *const moves[][2] = {
        {"item/fileChange/requestApproval",
         "{\"changes\":[{\"path\":\"/w/a\",\"kind\":{\"type\":\"update\","
         "\"move_path\":\"/w/b\"},\"diff\":\"\"}]}"},
        {"applyPatchApproval",
         "{\"fileChanges\":{\"/w/a\":{\"type\":\"update\",\"move_path\":\"/w/b\"}}}"},
        {"applyPatchApproval",
         "{\"fileChanges\":{\"/w/a\":{\"update\":{\"move_path\":\"/w/b\"}}}}"},
    };
    for (size_t i = 0; i < COUNT(moves); i++) {
        struct approval_asked a;
        json_t *m = parsed(moves[i][1]);
        CASE(moves[i][1]);
        EQ_INT(approval_asked_read(bytes_from_str(moves[i][0]), m, &a), OK);
        EQ_INT(a.r.n_paths, 2);
        TRUE(bytes_equal_str(a.r.paths[1], "/w/b"));
        approval_asked_fini(&a);
        json_decref(m);
    }
}

TEST(what_the_host_makes_a_controller_finds_sound)
{
    json_t *p = asked(METHOD, COMMAND, NULL);
    EQ_INT(check(METHOD, p), OK);
    json_decref(p);
    p = asked(BYTES_LIT("item/fileChange/requestApproval"), CHANGE, CHANGES);
    EQ_INT(check(BYTES_LIT("item/fileChange/requestApproval"), p), OK);
    json_decref(p);
    p = asked(BYTES_LIT("execCommandApproval"),
              "{\"conversationId\":\"t1\",\"callId\":\"c\",\"command\":[\"ls\",\"\"],"
              "\"cwd\":\"/w\"}",
              NULL);
    EQ_INT(check(BYTES_LIT("execCommandApproval"), p), OK);
    json_decref(p);
}

TEST(a_client_that_is_shown_something_else_signs_nothing)
{
    static const struct {
        const char *name;
        const char *key;
        const char *value;
    } cases[] = {
        {"another command", "command", "ls"},
        {"another folder", "cwd", "/"},
        {"another reason", "reason", "harmless"},
        {"another thread", "threadId", "t2"},
        {"something more", "additionalPermissions", "all"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].name);
        json_t *p = asked(METHOD, COMMAND, NULL);
        json_set_str(p, cases[i].key, cases[i].value);
        EQ_INT(check(METHOD, p), ERR_AUTH);
        json_decref(p);
    }
}

TEST(bytes_of_another_request_do_not_fit_this_json)
{
    json_t *p = asked(METHOD, COMMAND, NULL);
    json_t *q = asked(METHOD, "{\"threadId\":\"t1\",\"command\":\"ls\"}", NULL);
    json_t *farhand = json_get_obj(p, "farhand");
    json_t *other = json_get_obj(q, "farhand");
    json_set(farhand, "request", json_incref(json_object_get(other, "request")));
    EQ_INT(check(METHOD, p), ERR_AUTH);
    json_set(farhand, "material", json_incref(json_object_get(other, "material")));
    EQ_INT(check(METHOD, p), ERR_AUTH); // both of it: the client shows another command
    EQ_INT(check(BYTES_LIT("item/tool/requestUserInput"), q), ERR_AUTH);
    EQ_INT(check(METHOD, q), OK);
    json_decref(p);
    json_decref(q);
}

TEST(what_asks_for_more_is_told_in_bits)
{
    static const struct {
        const char *method;
        const char *material;
        unsigned want;
    } cases[] = {
        {"item/commandExecution/requestApproval", "{\"threadId\":\"t\"}",
         APPROVAL_ASKS_NO_SANDBOX},
        {"item/commandExecution/requestApproval",
         "{\"networkApprovalContext\":{\"host\":\"h\"}}",
         APPROVAL_ASKS_NO_SANDBOX | APPROVAL_ASKS_NETWORK},
        {"item/permissions/requestApproval",
         "{\"permissions\":{\"network\":{},\"fileSystem\":null}}",
         APPROVAL_ASKS_NETWORK},
        {"item/permissions/requestApproval", "{\"permissions\":{\"fileSystem\":{}}}",
         APPROVAL_ASKS_OUTSIDE},
        {"item/fileChange/requestApproval", "{\"changes\":[],\"grantRoot\":\"/\"}",
         APPROVAL_ASKS_OUTSIDE},
        {"item/tool/requestUserInput", "{\"questions\":[]}", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *m = parsed(cases[i].material);
        struct approval_asked a;
        CASE(cases[i].material);
        EQ_INT(approval_asked_read(bytes_from_str(cases[i].method), m, &a), OK);
        EQ_INT(a.r.asked, cases[i].want);
        approval_asked_fini(&a);
        json_decref(m);
    }
}

RUN_TESTS(T(a_move_names_where_it_leads),
          T(what_the_host_makes_a_controller_finds_sound),
          T(a_client_that_is_shown_something_else_signs_nothing),
          T(bytes_of_another_request_do_not_fit_this_json),
          T(what_asks_for_more_is_told_in_bits))
