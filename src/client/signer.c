#include "client/signer.h"

#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "session/approval_asked.h"
#include "wire/jsonrpc.h"

#define ID_SIZE_B64 B64URL_SIZE(APPROVAL_ID)
#define CALL_PREFIX "fh:decide:" // ids of our own calls; a client's never begin so
#define VIA_SIZE    65
#define ERR_PROOF   (-32016)

struct pending {
    struct list node;
    char id[ID_SIZE_B64];
    unsigned kind;
    bool sound; // the JSON is what the bytes say
    uint8_t rd[APPROVAL_RD];
    json_t *permissions; // kind 3: what is asked
    json_t *proposal;    // kind 1: the first words that may be allowed from now on
};

struct signer {
    const struct signer_ops *ops; // keep
    void *user;
    struct list pending; // oldest first
    size_t n_pending;
    char via[VIA_SIZE];
    uint64_t seen_idx; // of the host's log, newest told
    uint8_t seen_head[HASH_SHA256];
};

struct signer *signer_create(const struct signer_ops *ops, void *user)
{
    struct signer *s = mem_new(sizeof(*s));
    s->ops = ops;
    s->user = user;
    list_init(&s->pending);
    return s;
}

static void forget(struct signer *s, struct pending *p)
{
    list_remove(&p->node);
    s->n_pending--;
    json_decref(p->permissions);
    json_decref(p->proposal);
    mem_free(p);
}

void signer_destroy(struct signer *s)
{
    if (s == NULL) {
        return;
    }
    while (!list_is_empty(&s->pending)) {
        forget(s, list_first(&s->pending, struct pending, node));
    }
    mem_free(s);
}

static struct pending *find(struct signer *s, struct bytes id)
{
    struct pending *p;
    list_each (p, &s->pending, node) {
        if (bytes_equal_str(id, p->id)) {
            return p;
        }
    }
    return NULL;
}

/* ---- from the host -------------------------------------------------------------------- */

static void learn_head(struct signer *s, const json_t *from, const char *idx_key,
                       const char *head_key)
{
    uint8_t head[HASH_SHA256];
    uint64_t idx = 0;
    size_t len = 0;
    if (json_read_u64(from, idx_key, &idx) && idx >= s->seen_idx &&
        hex_decode(json_get_bytes(from, head_key), head, sizeof(head), &len) == OK &&
        len == sizeof(head)) {
        s->seen_idx = idx;
        memcpy(s->seen_head, head, sizeof(head));
    }
}

static void learn(struct signer *s, const struct jsonrpc *m, json_t *params)
{
    struct bytes id;
    uint8_t raw[APPROVAL_ID];
    char text[ID_SIZE_B64];
    const json_t *farhand = json_get_obj(params, "farhand");
    if (farhand == NULL || json_raw_plain(m->id, &id) != OK || id.len >= ID_SIZE_B64) {
        return; // a host that wants nothing signed
    }
    struct pending *p = find(s, id);
    if (p == NULL) {
        p = mem_try(1, sizeof(*p));
        if (p == NULL) {
            return;
        }
        if (s->n_pending == SIGNER_PENDING_MAX) {
            forget(s, list_first(&s->pending, struct pending, node));
        }
        list_append(&s->pending, &p->node);
        s->n_pending++;
        memcpy(p->id, id.at, id.len);
    }
    p->kind = approval_asked_kind(m->method);
    json_decref(p->permissions);
    p->permissions = json_incref(json_object_get(params, "permissions"));
    json_decref(p->proposal);
    p->proposal = json_incref(json_object_get(params, "proposedExecpolicyAmendment"));
    p->sound = false;
    if (approval_asked_check(m->method, params, raw, p->rd) == OK) {
        b64url_encode(BYTES_OF(raw), text);
        p->sound = strcmp(text, p->id) == 0;
    }
    if (!p->sound) {
        log_error("signer.unsound", "kind=%u", p->kind);
    }
    learn_head(s, farhand, "auditIdx", "auditHead");
}

/* The answer to a call of ours: an error is the client's, under the id it knows. */
static enum err on_answer(const struct jsonrpc *m, struct bytes id, struct bytes text,
                          struct buf *out)
{
    char raw[ID_SIZE_B64 + 2];
    const struct bytes prefix = BYTES_LIT(CALL_PREFIX);
    if (!bytes_equal(bytes_sub(id, 0, prefix.len), prefix)) {
        return ERR_NOT_FOUND;
    }
    const struct bytes plain = bytes_sub(id, prefix.len, id.len);
    if (m->kind == JSONRPC_RESPONSE || plain.len >= ID_SIZE_B64 ||
        text_format(raw, sizeof(raw), "\"%.*s\"", (int)plain.len,
                    (const char *)plain.at) != OK ||
        jsonrpc_put_with_id(out, text, m, bytes_from_str(raw)) != OK) {
        return ERR_CANCELED;
    }
    return OK;
}

enum err signer_down(struct signer *s, struct bytes text, struct buf *out)
{
    struct jsonrpc m;
    struct bytes id;
    json_t *params = NULL;
    if (jsonrpc_scan(text, &m) != OK || m.kind == JSONRPC_NOTIFICATION) {
        return ERR_NOT_FOUND;
    }
    if (m.kind != JSONRPC_REQUEST) {
        return json_raw_plain(m.id, &id) == OK ? on_answer(&m, id, text, out)
                                               : ERR_NOT_FOUND;
    }
    if (approval_asked_kind(m.method) != 0 && json_parse(m.params, &params) == OK) {
        learn(s, &m, params);
        json_decref(params);
    }
    return ERR_NOT_FOUND;
}

/* ---- what the client means -------------------------------------------------------------- */

static const struct {
    const char *said;
    enum approval_decision means;
} words[] = {
    {"accept", APPROVAL_ACCEPT},
    {"acceptForSession", APPROVAL_ACCEPT_SESSION},
    {"acceptWithExecpolicyAmendment", APPROVAL_ACCEPT_SESSION},
    {"decline", APPROVAL_DECLINE},
    {"cancel", APPROVAL_CANCEL},
    {"answer", APPROVAL_ANSWER},
    {"approved", APPROVAL_ACCEPT},
    {"approved_for_session", APPROVAL_ACCEPT_SESSION},
    {"approved_execpolicy_amendment", APPROVAL_ACCEPT},
    {"denied", APPROVAL_DECLINE},
    {"abort", APPROVAL_CANCEL},
};

static bool word_of(json_t *value, enum approval_decision *out)
{
    const char *word = json_string_value(value);
    void *first = json_object_iter(value); // {"word": details}
    word = first != NULL ? json_object_iter_key(first) : word;
    for (size_t i = 0; word != NULL && i < COUNT(words); i++) {
        if (strcmp(word, words[i].said) == 0) {
            *out = words[i].means;
            return true;
        }
    }
    return false;
}

/* For how long: the first words that were proposed, from now on; or this thread. */
static enum approval_scope scope_of(const struct pending *p, json_t *decision)
{
    json_t *details = json_object_get(decision, "acceptWithExecpolicyAmendment");
    json_t *said = json_object_get(details, "execpolicy_amendment");
    if (details == NULL) {
        return APPROVAL_THREAD;
    }
    return said != NULL && p->proposal != NULL && json_equal(said, p->proposal) == 1
               ? APPROVAL_KEPT
               : APPROVAL_ONCE;
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

/* The word, and whether the whole result belongs to it. */
static bool meaning(const struct pending *p, const json_t *result,
                    enum approval_decision *word, bool *whole)
{
    json_t *permissions = json_get_obj(result, "permissions");
    *whole = false;
    switch ((enum approval_kind)p->kind) {
    case APPROVAL_PERMISSIONS: // as asked, or not at all
        *word = is_nothing(permissions) ? APPROVAL_DECLINE : APPROVAL_ACCEPT;
        return permissions != NULL && (*word == APPROVAL_DECLINE ||
                                       json_equal(permissions, p->permissions) == 1);
    case APPROVAL_QUESTION:
        *word = APPROVAL_ANSWER;
        *whole = true;
        return true;
    case APPROVAL_ELICITATION:
        if (!word_of(json_object_get(result, "action"), word)) {
            return false;
        }
        *whole = *word == APPROVAL_ACCEPT;
        *word = *whole ? APPROVAL_ANSWER : *word;
        return true;
    case APPROVAL_COMMAND:
    case APPROVAL_FILE_CHANGE:
    case APPROVAL_GATE:
    case APPROVAL_PAIRING:
        return word_of(json_object_get(result, "decision"), word);
    }
    return false;
}

/* ---- signing ------------------------------------------------------------------------------ */

struct deciding {
    struct bytes request_id; // base64url
    const uint8_t *rd;
    enum approval_decision word;
    enum approval_scope scope;
    struct bytes result; // JSON, of an answer
    struct bytes reason; // a person's word with it, unsigned
};

static enum err sign(struct signer *s, const struct deciding *d, struct buf *a,
                     uint8_t sig[SIGN_SIG])
{
    struct approval v = {.has_extra = false};
    size_t len = 0;
    enum err e = s->ops->proof(s->user, &v);
    if (e != OK) {
        return e;
    }
    e = b64url_decode(d->request_id, v.request_id, sizeof(v.request_id), &len);
    if (e != OK || len != sizeof(v.request_id)) {
        return ERR_PROTO;
    }
    memcpy(v.rd, d->rd, sizeof(v.rd));
    v.decision = d->word;
    v.scope = d->scope;
    v.has_extra = d->word == APPROVAL_ANSWER;
    if (v.has_extra) {
        hash_sha256(d->result, v.extra);
    }
    v.decided_ms = s->ops->wall_ms(s->user);
    v.seen_idx = s->seen_idx;
    memcpy(v.seen_head, s->seen_head, sizeof(v.seen_head));
    e = approval_put(&v, a);
    return e != OK ? e : s->ops->sign(s->user, buf_bytes(a), sig);
}

static enum err put_call(struct signer *s, const struct deciding *d, struct bytes id,
                         struct bytes a, struct bytes sig, struct buf *out)
{
    char a_text[B64URL_SIZE(APPROVAL_A_SIZE_MAX)];
    char sig_text[B64URL_SIZE(SIGN_SIG)];
    json_t *params = json_object();
    struct buf text;
    b64url_encode(a, a_text);
    b64url_encode(sig, sig_text);
    json_set_bytes(params, "requestId", d->request_id);
    json_set_str(params, "a", a_text);
    json_set_str(params, "sig", sig_text);
    if (s->via[0] != '\0') {
        json_set_str(params, "via", s->via);
    }
    if (d->result.len != 0) {
        json_set_bytes(params, "result", d->result);
    }
    if (d->reason.len != 0) {
        json_set_bytes(params, "reason", d->reason);
    }
    buf_init(&text, SIZE_MAX / 2);
    enum err e = json_print(params, &text);
    if (e == OK) {
        e = jsonrpc_put_request(out, id, "farhand/approval/decide", buf_bytes(&text));
    }
    buf_fini(&text);
    json_decref(params);
    return e;
}

/* `id`, raw, is of the call that goes out; `told`, raw, is what the client knows. */
static enum err decide(struct signer *s, const struct deciding *d, struct bytes id,
                       struct bytes told, struct buf *out)
{
    struct buf a;
    uint8_t sig[SIGN_SIG];
    buf_init(&a, APPROVAL_A_SIZE_MAX);
    enum err e = sign(s, d, &a, sig);
    e = e == OK ? put_call(s, d, id, buf_bytes(&a), BYTES_OF(sig), out) : e;
    buf_fini(&a);
    if (e != OK) {
        buf_clear(out);
        return jsonrpc_put_error(out, told, ERR_PROOF,
                                 "this device cannot sign that now", BYTES_NONE) == OK
                   ? ERR_DENIED
                   : ERR_NOMEM;
    }
    return OK;
}

static enum err refuse(struct bytes id, const char *why, struct buf *out)
{
    return jsonrpc_put_error(out, id, ERR_PROOF, why, BYTES_NONE) == OK ? ERR_DENIED
                                                                        : ERR_NOMEM;
}

/* ---- from the client -------------------------------------------------------------------------- */

static enum err on_response(struct signer *s, const struct jsonrpc *m, struct buf *out)
{
    struct bytes id;
    struct pending *p = json_raw_plain(m->id, &id) == OK ? find(s, id) : NULL;
    json_t *result = NULL;
    char call[sizeof(CALL_PREFIX) + ID_SIZE_B64 + 2];
    bool whole = false;
    if (p == NULL) {
        return ERR_NOT_FOUND;
    }
    if (!p->sound) {
        return refuse(m->id, "what was shown is not what the host wants signed", out);
    }
    struct deciding d = {.request_id = id, .rd = p->rd};
    const bool clear =
        json_parse(m->result, &result) == OK && meaning(p, result, &d.word, &whole);
    if (clear && d.word == APPROVAL_ACCEPT_SESSION) {
        d.scope = scope_of(p, json_object_get(result, "decision"));
        d.word = d.scope == APPROVAL_ONCE ? APPROVAL_ACCEPT : d.word;
    }
    json_decref(result);
    if (!clear ||
        text_format(call, sizeof(call), "\"%s%s\"", CALL_PREFIX, p->id) != OK) {
        return refuse(m->id, "not an answer to this request", out);
    }
    d.result = whole ? m->result : BYTES_NONE;
    return decide(s, &d, bytes_from_str(call), m->id, out);
}

/* A program of ours decides by name: farhand approvals. */
static enum err on_decide(struct signer *s, const struct jsonrpc *m, struct buf *out)
{
    json_t *params = NULL;
    uint8_t rd[APPROVAL_RD];
    size_t len = 0;
    enum err e = ERR_NOT_FOUND;
    if (json_parse(m->params, &params) != OK) {
        return e;
    }
    struct deciding d = {.request_id = json_get_bytes(params, "requestId"),
                         .rd = rd,
                         .result = json_get_bytes(params, "result"),
                         .reason = json_get_bytes(params, "reason")};
    if (json_object_get(params, "a") == NULL) {
        learn_head(s, params, "seenIdx", "seenHead");
        if (hex_decode(json_get_bytes(params, "rd"), rd, sizeof(rd), &len) == OK &&
            len == sizeof(rd) && d.request_id.at != NULL &&
            word_of(json_object_get(params, "decision"), &d.word)) {
            const int64_t scope = json_get_int(params, "scope", APPROVAL_THREAD);
            if (d.word == APPROVAL_ACCEPT_SESSION) {
                d.scope = scope < APPROVAL_THREAD || scope > APPROVAL_KEPT
                              ? APPROVAL_THREAD
                              : (enum approval_scope)scope;
            }
            e = decide(s, &d, m->id, m->id, out);
        } else {
            e = refuse(m->id, "requestId, rd and decision are needed", out);
        }
    }
    json_decref(params);
    return e;
}

static void learn_client(struct signer *s, struct bytes params)
{
    json_t *value = NULL;
    if (json_parse(params, &value) == OK) {
        const struct bytes name =
            json_get_bytes(json_get_obj(value, "clientInfo"), "name");
        text_sanitize(name.at == NULL ? BYTES_NONE : name, s->via, sizeof(s->via));
        json_decref(value);
    }
}

enum err signer_up(struct signer *s, struct bytes text, struct buf *out)
{
    struct jsonrpc m;
    if (jsonrpc_scan(text, &m) != OK) {
        return ERR_NOT_FOUND;
    }
    if (m.kind == JSONRPC_RESPONSE) {
        return on_response(s, &m, out);
    }
    if (m.kind == JSONRPC_REQUEST && bytes_equal_str(m.method, "initialize")) {
        learn_client(s, m.params);
    } else if (m.kind == JSONRPC_REQUEST &&
               bytes_equal_str(m.method, "farhand/approval/decide")) {
        return on_decide(s, &m, out);
    }
    return ERR_NOT_FOUND;
}
