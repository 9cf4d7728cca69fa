#include "host/decision.h"

#include <string.h>

static const struct request_kind kinds[] = {
    {"item/commandExecution/requestApproval", "threadId", ANSWER_DECISION},
    {"item/fileChange/requestApproval", "threadId", ANSWER_DECISION},
    {"item/permissions/requestApproval", "threadId", ANSWER_PERMISSIONS},
    {"item/tool/requestUserInput", "threadId", ANSWER_QUESTION},
    {"mcpServer/elicitation/request", "threadId", ANSWER_FORM},
    {"item/tool/call", "threadId", ANSWER_TOOL},
    {"applyPatchApproval", "conversationId", ANSWER_REVIEW},
    {"execCommandApproval", "conversationId", ANSWER_REVIEW},
    {"account/chatgptAuthTokens/refresh", NULL, ANSWER_REFUSE},
    {"attestation/generate", NULL, ANSWER_REFUSE},
    {"currentTime/read", "threadId", ANSWER_TIME},
};

const struct request_kind *decision_kind(struct bytes method)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (bytes_equal_str(method, kinds[i].method)) {
            return &kinds[i];
        }
    }
    return NULL;
}

const struct request_kind *decision_kinds(size_t *count)
{
    *count = COUNT(kinds);
    return kinds;
}

json_t *decision_shown(const struct request_kind *kind, json_t *params)
{
    json_t *shown = json_copy(params);
    if (kind->answer != ANSWER_DECISION) {
        return shown;
    }
    // an amendment of a policy file is for the owner of the file, at the host
    (void)json_object_del(shown, "proposedExecpolicyAmendment");
    (void)json_object_del(shown, "proposedNetworkPolicyAmendments");
    if (strcmp(kind->method, "item/commandExecution/requestApproval") == 0) {
        json_set(shown, "availableDecisions",
                 json_pack("[s, s, s]", "accept", "decline", "cancel"));
    }
    return shown;
}

void decision_offer(const struct request_kind *kind, const json_t *params,
                    unsigned offers, json_t *shown)
{
    json_t *list = json_object_get(shown, "availableDecisions");
    if (strcmp(kind->method, "item/commandExecution/requestApproval") != 0 ||
        list == NULL || offers == 0) {
        return;
    }
    json_t *wider = json_pack("[s]", "accept");
    if ((offers & (1u << APPROVAL_THREAD)) != 0) {
        json_push(wider, json_string("acceptForSession"));
    }
    if ((offers & (1u << APPROVAL_KEPT)) != 0) {
        json_t *first = json_object_get(params, "proposedExecpolicyAmendment");
        json_set(shown, "proposedExecpolicyAmendment", json_incref(first));
        json_push(wider, json_pack("{s:{s:O}}", "acceptWithExecpolicyAmendment",
                                   "execpolicy_amendment", first));
    }
    json_push(wider, json_string("decline"));
    json_push(wider, json_string("cancel"));
    json_set(shown, "availableDecisions", wider);
}

/* ---- reading an answer ----------------------------------------------------------- */

/* What a client may say, what it comes to, and the v1 word for that. */
static const struct {
    const char *said;
    const char *name;
    const char *review;
} words[] = {
    {"accept", "accept", "approved"},
    {"acceptForSession", "accept", "approved"},
    {"acceptWithExecpolicyAmendment", "accept", "approved"},
    {"decline", "decline", "denied"},
    {"cancel", "cancel", "abort"},
    {"approved", "accept", "approved"},
    {"approved_for_session", "accept", "approved"},
    {"approved_execpolicy_amendment", "accept", "approved"},
    {"denied", "decline", "denied"},
    {"abort", "cancel", "abort"},
};

static const char *word_of(json_t *decision)
{
    if (json_is_string(decision)) {
        return json_string_value(decision);
    }
    void *first = json_object_iter(decision); // {"word": details}
    return first != NULL ? json_object_iter_key(first) : NULL;
}

static enum err read_word(const struct request_kind *kind, const json_t *result,
                          struct decision *out)
{
    const char *word = word_of(json_object_get(result, "decision"));
    for (size_t i = 0; word != NULL && i < COUNT(words); i++) {
        if (strcmp(word, words[i].said) == 0) {
            out->name = words[i].name;
            out->result = json_pack("{s:s}", "decision",
                                    kind->answer == ANSWER_REVIEW ? words[i].review
                                                                  : words[i].name);
            return OK;
        }
    }
    return ERR_PROTO;
}

static bool is_nothing(json_t *value)
{
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member)
    {
        if (!json_is_null(member)) {
            return false;
        }
    }
    return true;
}

/* As asked, or nothing; never for longer than the turn. */
static enum err read_permissions(const json_t *asked, const json_t *result,
                                 struct decision *out)
{
    json_t *granted = json_get_obj(result, "permissions");
    if (granted == NULL) {
        return ERR_PROTO;
    }
    const bool none = is_nothing(granted);
    if (!none && !json_equal(granted, json_object_get(asked, "permissions"))) {
        return ERR_DENIED;
    }
    out->name = none ? "decline" : "accept";
    out->result = json_pack("{s:O, s:s}", "permissions", granted, "scope", "turn");
    return OK;
}

static enum err read_form(json_t *result, struct decision *out)
{
    static const char *const actions[] = {"accept", "decline", "cancel"};
    const char *action = json_get_str(result, "action");
    for (size_t i = 0; action != NULL && i < COUNT(actions); i++) {
        if (strcmp(action, actions[i]) == 0) {
            out->name = actions[i];
            out->result = json_copy(result);
            // {"persist":"always"} in here writes a lasting approval into config.toml
            if (json_object_get(result, "_meta") != NULL) {
                json_set(out->result, "_meta", json_null());
            }
            return OK;
        }
    }
    return ERR_PROTO;
}

static enum err read_members(json_t *result, const char *member, struct decision *out)
{
    if (json_object_get(result, member) == NULL) {
        return ERR_PROTO;
    }
    out->name = "answer";
    out->result = json_incref(result);
    return OK;
}

enum err decision_read(const struct request_kind *kind, const json_t *asked,
                       struct bytes result, struct decision *out)
{
    json_t *value = NULL;
    enum err e = json_parse_peer(result, &value);
    if (e != OK) {
        return e;
    }
    switch (kind->answer) {
    case ANSWER_DECISION:
    case ANSWER_REVIEW:
        e = read_word(kind, value, out);
        break;
    case ANSWER_PERMISSIONS:
        e = read_permissions(asked, value, out);
        break;
    case ANSWER_QUESTION:
        e = read_members(value, "answers", out);
        break;
    case ANSWER_TOOL:
        e = read_members(value, "contentItems", out);
        break;
    case ANSWER_FORM:
        e = read_form(value, out);
        break;
    case ANSWER_TIME:
    case ANSWER_REFUSE:
        e = ERR_PROTO; // never pending
        break;
    }
    json_decref(value);
    return e;
}

/* Other words than those that were proposed grant nothing for longer than once. */
static bool is_as_proposed(const json_t *details, const json_t *asked)
{
    json_t *said = json_object_get(details, "execpolicy_amendment");
    json_t *proposed = json_object_get(asked, "proposedExecpolicyAmendment");
    return said != NULL && proposed != NULL && json_equal(said, proposed) == 1;
}

enum approval_scope decision_scope(const struct request_kind *kind, const json_t *asked,
                                   struct bytes result)
{
    json_t *value = NULL;
    enum approval_scope scope = APPROVAL_ONCE;
    if (kind->answer != ANSWER_DECISION || json_parse_peer(result, &value) != OK) {
        return APPROVAL_ONCE;
    }
    json_t *decision = json_object_get(value, "decision");
    const char *word = word_of(decision);
    if (word != NULL && strcmp(word, "acceptForSession") == 0) {
        scope = APPROVAL_THREAD;
    } else if (word != NULL && strcmp(word, "acceptWithExecpolicyAmendment") == 0 &&
               is_as_proposed(json_object_get(decision, word), asked)) {
        scope = APPROVAL_KEPT;
    }
    json_decref(value);
    return scope;
}

/* ---- signed words ------------------------------------------------------------------ */

static json_t *word_result(const struct request_kind *kind, const json_t *asked,
                           enum approval_decision word)
{
    const bool accept = word == APPROVAL_ACCEPT || word == APPROVAL_ACCEPT_SESSION;
    const char *name = accept                    ? "accept"
                       : word == APPROVAL_CANCEL ? "cancel"
                                                 : "decline";
    switch (kind->answer) {
    case ANSWER_DECISION:
    case ANSWER_REVIEW:
        return json_pack("{s:s}", "decision", name);
    case ANSWER_PERMISSIONS:
        return accept ? json_pack("{s:O}", "permissions",
                                  json_object_get(asked, "permissions"))
                      : json_pack("{s:{}}", "permissions");
    case ANSWER_FORM:
        return accept ? NULL : json_pack("{s:s}", "action", name);
    case ANSWER_QUESTION:
    case ANSWER_TOOL:
    case ANSWER_TIME:
    case ANSWER_REFUSE:
        return NULL;
    }
    return NULL;
}

enum err decision_of(const struct request_kind *kind, const json_t *asked,
                     enum approval_decision word, struct bytes result,
                     struct decision *out)
{
    const bool answers = kind->answer == ANSWER_QUESTION || kind->answer == ANSWER_FORM;
    if (word == APPROVAL_ANSWER) {
        return answers ? decision_read(kind, asked, result, out) : ERR_USAGE;
    }
    json_t *value = word_result(kind, asked, word);
    if (value == NULL || result.len != 0) {
        json_decref(value);
        return ERR_USAGE;
    }
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    enum err e = json_print(value, &text);
    e = e == OK ? decision_read(kind, asked, buf_bytes(&text), out) : e;
    buf_fini(&text);
    json_decref(value);
    return e;
}

enum approval_decision decision_word(const struct request_kind *kind,
                                     const struct decision *v)
{
    if (strcmp(v->name, "decline") == 0) {
        return APPROVAL_DECLINE;
    }
    if (strcmp(v->name, "cancel") == 0) {
        return APPROVAL_CANCEL;
    }
    return kind->answer == ANSWER_QUESTION || kind->answer == ANSWER_FORM
               ? APPROVAL_ANSWER
               : APPROVAL_ACCEPT;
}

json_t *decision_decline(const struct request_kind *kind)
{
    switch (kind->answer) {
    case ANSWER_REVIEW:
        return json_pack("{s:s}", "decision", "denied");
    case ANSWER_PERMISSIONS:
        return json_pack("{s:{}, s:s}", "permissions", "scope", "turn");
    case ANSWER_QUESTION:
        return json_pack("{s:{}}", "answers");
    case ANSWER_FORM:
        return json_pack("{s:s}", "action", "decline");
    case ANSWER_DECISION:
    case ANSWER_TOOL:
    case ANSWER_TIME:
    case ANSWER_REFUSE:
        break;
    }
    return json_pack("{s:s}", "decision", "decline");
}

json_t *decision_tool_gone(void)
{
    return json_pack("{s:[{s:s, s:s}], s:b}", "contentItems", "type", "inputText",
                     "text", "the program that offers this tool is gone", "success", 0);
}
