#include "session/approval_asked.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const struct {
    const char *method;
    enum approval_kind kind;
    bool v1; // conversationId, callId
} methods[] = {
    {"item/commandExecution/requestApproval", APPROVAL_COMMAND, false},
    {"execCommandApproval", APPROVAL_COMMAND, true},
    {"item/fileChange/requestApproval", APPROVAL_FILE_CHANGE, false},
    {"applyPatchApproval", APPROVAL_FILE_CHANGE, true},
    {"item/permissions/requestApproval", APPROVAL_PERMISSIONS, false},
    {"item/tool/requestUserInput", APPROVAL_QUESTION, false},
    {"mcpServer/elicitation/request", APPROVAL_ELICITATION, false},
};

static size_t find(struct bytes method)
{
    size_t i = 0;
    while (i < COUNT(methods) && !bytes_equal_str(method, methods[i].method)) {
        i++;
    }
    return i;
}

unsigned approval_asked_kind(struct bytes method)
{
    const size_t i = find(method);
    return i < COUNT(methods) ? (unsigned)methods[i].kind : 0;
}

/* ---- material ---------------------------------------------------------------------- */

enum err approval_asked_material(json_t *params, json_t *changes, struct buf *out)
{
    json_t *root = json_copy(params); // shallow: the members are shared
    if (root == NULL) {
        return ERR_NOMEM;
    }
    (void)json_object_del(root, "farhand");
    if (changes != NULL) {
        json_set(root, "changes", json_incref(changes));
    }
    const enum err e = json_print(root, out);
    json_decref(root);
    return e;
}

/* ---- from the material to the members of a request ----------------------------------- */

static struct bytes text_of(const json_t *obj, const char *key)
{
    const struct bytes text = json_get_bytes(obj, key);
    return text.at == NULL ? BYTES_NONE : text;
}

static enum err put_list(struct approval_asked *a, size_t n)
{
    if (n > APPROVAL_LIST_MAX) {
        return ERR_LIMIT;
    }
    a->list = n == 0 ? NULL : mem_try(n, sizeof(*a->list));
    return n == 0 || a->list != NULL ? OK : ERR_NOMEM;
}

static enum err read_argv(const json_t *command, struct approval_asked *a)
{
    const size_t n = json_array_size(command);
    const enum err e = put_list(a, n);
    for (size_t i = 0; a->list != NULL && i < n; i++) {
        a->list[i] = bytes_from_str(json_string_value(json_array_get(command, i)));
    }
    a->r.argv = a->list;
    a->r.n_argv = e == OK ? n : 0;
    return e;
}

/* Where a change moves its file to: `kind` of v2, the change itself or its only member
 * in v1. */
static struct bytes moved_to(const json_t *change)
{
    static const char *const inside[] = {"kind", "update"};
    struct bytes to = text_of(change, "move_path");
    for (size_t i = 0; i < COUNT(inside) && to.len == 0; i++) {
        to = text_of(json_get_obj(change, inside[i]), "move_path");
    }
    return to;
}

/* A path, and behind it where its file is moved to. */
static enum err add_path(struct approval_asked *a, size_t *n, struct bytes path,
                         const json_t *change)
{
    const struct bytes to = moved_to(change);
    if (path.len == 0) {
        return ERR_PROTO;
    }
    a->list[(*n)++] = path;
    if (to.len != 0) {
        a->list[(*n)++] = to;
    }
    return OK;
}

/* [{"path":…}] of v2, {"path":{…}} of v1. */
static enum err read_paths(json_t *changes, struct approval_asked *a)
{
    const size_t most = 2 * (json_is_object(changes) ? json_object_size(changes)
                                                     : json_array_size(changes));
    enum err e = put_list(a, most);
    if (a->list == NULL) {
        return e; // none, or no memory for them
    }
    size_t n = 0;
    size_t i = 0;
    const char *key;
    json_t *change;
    if (json_is_object(changes)) {
        json_object_foreach(changes, key, change)
        {
            e = e == OK ? add_path(a, &n, bytes_from_str(key), change) : e;
        }
    } else {
        json_array_foreach(changes, i, change)
        {
            e = e == OK ? add_path(a, &n, text_of(change, "path"), change) : e;
        }
    }
    a->r.paths = a->list;
    a->r.n_paths = n;
    return e;
}

static bool is_given(const json_t *obj, const char *key)
{
    const json_t *value = json_object_get(obj, key);
    return value != NULL && !json_is_null(value);
}

/* Bits of 0C. An accepted command may be run again outside the sandbox without a
 * second question (Codex 0.169, policy untrusted): each one asks for that. */
static uint8_t asked_of(enum approval_kind kind, const json_t *m)
{
    const json_t *more = json_get_obj(
        m, kind == APPROVAL_PERMISSIONS ? "permissions" : "additionalPermissions");
    uint8_t asked = kind == APPROVAL_COMMAND ? APPROVAL_ASKS_NO_SANDBOX : 0;
    if (is_given(m, "networkApprovalContext") || is_given(more, "network")) {
        asked |= APPROVAL_ASKS_NETWORK;
    }
    if (is_given(m, "grantRoot") || is_given(more, "fileSystem")) {
        asked |= APPROVAL_ASKS_OUTSIDE;
    }
    return asked;
}

static enum err read_lists(const json_t *m, bool v1, struct approval_asked *a)
{
    if (a->r.kind == APPROVAL_FILE_CHANGE) {
        return read_paths(json_object_get(m, v1 ? "fileChanges" : "changes"), a);
    }
    if (a->r.kind == APPROVAL_COMMAND) {
        a->r.command = text_of(m, "command");
        return read_argv(json_get_arr(m, "command"), a);
    }
    return OK;
}

enum err approval_asked_read(struct bytes method, const json_t *material,
                             struct approval_asked *out)
{
    const size_t i = find(method);
    if (i == COUNT(methods)) {
        return ERR_NOT_FOUND;
    }
    const bool v1 = methods[i].v1;
    struct approval_asked a = {
        .r = {
            .kind = methods[i].kind,
            .thread = text_of(material, v1 ? "conversationId" : "threadId"),
            .turn = text_of(material, "turnId"),
            .item = text_of(material, v1 ? "callId" : "itemId"),
            .cwd = text_of(material, "cwd"),
            .reason = text_of(material, "reason"),
            .asked = asked_of(methods[i].kind, material),
        }};
    const enum err e = read_lists(material, v1, &a);
    if (e != OK) {
        approval_asked_fini(&a);
        return e;
    }
    *out = a;
    return OK;
}

void approval_asked_fini(struct approval_asked *a)
{
    mem_free(a->list);
    a->list = NULL;
}

/* ---- a controller compares -------------------------------------------------------------- */

/* What the client is shown is the material, but for the diff that its item has. */
static bool shows_the_same(json_t *params, json_t *material, enum approval_kind kind)
{
    json_t *shown = json_copy(params);
    json_t *signed_ = json_copy(material);
    (void)json_object_del(shown, "farhand");
    if (kind == APPROVAL_FILE_CHANGE) {
        (void)json_object_del(signed_, "changes");
    }
    const bool same = json_equal(shown, signed_) == 1;
    json_decref(shown);
    json_decref(signed_);
    return same;
}

/* The bytes again, from the material and what only the host can say. */
static enum err bytes_again(struct bytes method, const json_t *material,
                            const struct approval_request *r, struct buf *out)
{
    struct approval_asked a;
    const enum err e = approval_asked_read(method, material, &a);
    if (e != OK) {
        return e;
    }
    memcpy(a.r.id, r->id, sizeof(a.r.id));
    memcpy(a.r.material, r->material, sizeof(a.r.material));
    a.r.policy = r->policy;
    a.r.created_ms = r->created_ms;
    a.r.expires_ms = r->expires_ms;
    a.r.quorum = r->quorum;
    a.r.uv = r->uv;
    const enum err put = approval_request_put(&a.r, out);
    approval_asked_fini(&a);
    return put;
}

static enum err check_material(struct bytes method, json_t *params, struct bytes bytes,
                               struct bytes text, const struct approval_request *r)
{
    uint8_t hash[HASH_SHA256];
    json_t *material = NULL;
    struct buf again;
    hash_sha256(text, hash);
    if (memcmp(hash, r->material, sizeof(hash)) != 0 ||
        json_parse(text, &material) != OK) {
        return ERR_AUTH;
    }
    buf_init(&again, APPROVAL_REQUEST_MAX);
    enum err e = ERR_AUTH;
    if (shows_the_same(params, material, r->kind) &&
        bytes_again(method, material, r, &again) == OK &&
        bytes_equal(buf_bytes(&again), bytes)) {
        e = OK;
    }
    buf_fini(&again);
    json_decref(material);
    return e;
}

enum err approval_asked_check(struct bytes method, json_t *params,
                              uint8_t id[APPROVAL_ID], uint8_t rd[APPROVAL_RD])
{
    const json_t *farhand = json_get_obj(params, "farhand");
    const struct bytes request = text_of(farhand, "request");
    const struct bytes text = text_of(farhand, "material");
    struct approval_request r;
    size_t len = 0;
    if (request.len == 0 || request.len > B64URL_SIZE(APPROVAL_REQUEST_MAX)) {
        return ERR_PROTO;
    }
    uint8_t *raw = mem_try(request.len, 1);
    if (raw == NULL) {
        return ERR_NOMEM;
    }
    enum err e = b64url_decode(request, raw, request.len, &len);
    const struct bytes bytes = {raw, len};
    e = e == OK ? approval_request_read(bytes, &r) : e;
    e = e == OK ? check_material(method, params, bytes, text, &r) : e;
    if (e == OK) {
        memcpy(id, r.id, sizeof(r.id));
        approval_digest(bytes, rd);
    }
    mem_free(raw);
    return e;
}
