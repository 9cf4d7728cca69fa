#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/item.h"
#include "host/request_core.h"
#include "session/approval_asked.h"

/* ---- what it is known by --------------------------------------------------------------- */

static enum err digest_params(const json_t *params, uint8_t out[HASH_SHA256])
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    const enum err e = json_print(params, &text);
    if (e == OK) {
        hash_sha256(buf_bytes(&text), out);
    }
    buf_fini(&text);
    return e;
}

bool request_is(const struct request *r, struct bytes upstream_id, const json_t *params)
{
    uint8_t digest[HASH_SHA256];
    return r->approval && bytes_equal_str(upstream_id, r->upstream_id) &&
           strcmp(r->instance, r->thread->hub->engine.instance) == 0 &&
           digest_params(params, digest) == OK &&
           memcmp(digest, r->digest, sizeof(digest)) == 0;
}

/* ---- the bytes ---------------------------------------------------------------------------- */

static enum err write_request(struct request *r, const struct approval_asked *asked)
{
    struct approval_request a = asked->r;
    struct buf bytes;
    memcpy(a.id, r->raw_id, sizeof(a.id));
    hash_sha256(blob_bytes(r->material), a.material);
    a.created_ms = r->created_ms;
    a.expires_ms = r->ballot.expires_ms;
    a.policy = bytes_from_str(r->ruling.because);
    a.quorum = (uint8_t)r->ballot.quorum;
    buf_init(&bytes, APPROVAL_REQUEST_MAX);
    enum err e = approval_request_put(&a, &bytes);
    if (e == OK) {
        r->request = blob_copy(buf_bytes(&bytes));
        e = r->request == NULL ? ERR_NOMEM : OK;
        approval_digest(buf_bytes(&bytes), r->rd);
    }
    buf_fini(&bytes);
    return e;
}

/* What controllers are shown: all of the request, and for how long they may accept. */
static json_t *shown_of(const struct request *r)
{
    json_t *shown = decision_shown(r->kind, r->params);
    decision_offer(r->kind, r->params, r->ruling.offers, shown);
    return shown;
}

static json_t *changes_of(const struct request *r)
{
    return approval_asked_kind(bytes_from_str(r->kind->method)) == APPROVAL_FILE_CHANGE
               ? item_changes(r->thread, json_get_bytes(r->params, "itemId"))
               : NULL;
}

static enum err write_material(struct request *r, json_t *changes)
{
    json_t *shown = shown_of(r);
    struct buf text;
    buf_init(&text, APPROVAL_MATERIAL_MAX);
    enum err e = approval_asked_material(shown, changes, &text);
    if (e == OK) {
        r->material = blob_copy(buf_bytes(&text));
        e = r->material == NULL ? ERR_NOMEM : OK;
    }
    buf_fini(&text);
    json_decref(shown);
    return e;
}

static struct hub_question question_of(const struct request *r,
                                       const struct approval_request *asked)
{
    const struct thread *t = r->thread;
    return (struct hub_question){
        .asked = asked,
        .params = r->params,
        .folder = t->folder != NULL ? t->folder : t->hub->folders.home,
        .role = t->turn_role,
    };
}

/* The rules may want more people than the host's setting, never fewer. */
static void ask_rules(struct request *r, const struct approval_request *asked)
{
    struct hub *hub = r->thread->hub;
    const struct hub_question q = question_of(r, asked);
    r->ruling = (struct hub_ruling){.says = HUB_SAYS_ASK, .quorum = 1};
    if (hub->ops.policy == NULL) {
        return;
    }
    hub->ops.policy->judge(hub->user, &q, &r->ruling);
    if (r->ruling.quorum > r->ballot.quorum) {
        ballot_init(&r->ballot, r->ruling.quorum, r->ballot.expires_ms);
    }
    if (r->ballot.quorum > 1) { // what takes several takes them every time
        r->ruling.offers = 0;
    }
}

static json_t *paths_json(const struct approval_request *asked)
{
    json_t *out = json_array();
    for (size_t i = 0; i < asked->n_paths; i++) {
        json_push(out,
                  json_stringn((const char *)asked->paths[i].at, asked->paths[i].len));
    }
    return out;
}

/* The rules see what the engine asks before it is known what people are shown of it. */
static enum err judge(struct request *r, json_t *changes)
{
    json_t *all = json_copy(r->params);
    struct approval_asked asked;
    if (changes != NULL) {
        json_set(all, "changes", json_incref(changes));
    }
    const enum err e =
        approval_asked_read(bytes_from_str(r->kind->method), all, &asked);
    if (e == OK) {
        ask_rules(r, &asked.r);
        r->paths = asked.r.kind == APPROVAL_FILE_CHANGE ? paths_json(&asked.r) : NULL;
        approval_asked_fini(&asked);
    }
    json_decref(all);
    return e;
}

static enum err write_bytes(struct request *r)
{
    json_t *material = NULL;
    json_t *changes = changes_of(r);
    struct approval_asked asked;
    enum err e = judge(r, changes);
    e = e == OK ? write_material(r, changes) : e;
    e = e == OK ? json_parse(blob_bytes(r->material), &material) : e;
    e = e == OK ? approval_asked_read(bytes_from_str(r->kind->method), material, &asked)
                : e;
    if (e == OK) {
        e = write_request(r, &asked);
        approval_asked_fini(&asked);
    }
    json_decref(material);
    json_decref(changes);
    return e;
}

void request_give(struct request *r, enum approval_scope scope,
                  const struct controller_info *who)
{
    struct hub *hub = r->thread->hub;
    const struct approval_request asked = {
        .kind =
            (enum approval_kind)approval_asked_kind(bytes_from_str(r->kind->method)),
        .thread = bytes_from_str(r->thread->id)};
    struct hub_question q = question_of(r, &asked);
    json_t *all = json_copy(r->params);
    if (r->paths != NULL) {
        json_set(all, "paths", json_incref(r->paths));
    }
    q.params = all;
    const struct hub_gift gift = {
        .of = &q, .scope = (unsigned)scope, .by = r->by, .who = who};
    if (scope != APPROVAL_ONCE && hub->ops.policy != NULL &&
        (r->ruling.offers & (1u << scope)) != 0 &&
        (who->caps & CAP_SESSION_SCOPE) != 0 &&
        hub->ops.policy->give(hub->user, &gift) != OK) {
        log_warn("policy.not_given", "scope=%u", (unsigned)scope);
    }
    json_decref(all);
}

static enum err make_approval(struct request *r)
{
    struct hub *hub = r->thread->hub;
    r->approval = true;
    r->created_ms = hub_wall_ms(hub);
    ballot_init(&r->ballot, hub->quorum,
                hub->expires_after_ms == 0 ? 0 : r->created_ms + hub->expires_after_ms);
    memcpy(r->instance, hub->engine.instance, sizeof(r->instance));
    const enum err e = digest_params(r->params, r->digest);
    return e == OK ? write_bytes(r) : e;
}

/* ---- life ---------------------------------------------------------------------------------- */

#define B64URL_DASH 62 // the six bits that base64url spells '-'

static struct request *create(struct thread *t, const struct request_kind *kind,
                              struct bytes upstream_id, json_t *params,
                              const uint8_t id[REQUEST_ID_OCTETS])
{
    struct request *r = mem_try(1, sizeof(*r));
    if (r == NULL || upstream_id.len >= sizeof(r->upstream_id)) {
        mem_free(r);
        return NULL;
    }
    r->thread = t;
    r->kind = kind;
    memcpy(r->upstream_id, upstream_id.at, upstream_id.len);
    memcpy(r->raw_id, id, sizeof(r->raw_id));
    b64url_encode(BYTES_OF(r->raw_id), r->id);
    const struct bytes turn = json_get_bytes(params, "turnId");
    if (turn.len > 0 && turn.len <= THREAD_ID_MAX) {
        memcpy(r->turn, turn.at, turn.len);
    }
    if (map_put(&t->hub->requests, bytes_from_str(r->id), &r->node) != OK) {
        mem_free(r);
        return NULL;
    }
    r->params = json_incref(params);
    list_append(&t->requests, &r->in_thread);
    return r;
}

/* Never with a '-' in front: people type it on command lines. */
static void draw_id(struct hub *hub, uint8_t id[REQUEST_ID_OCTETS])
{
    do {
        hub_random(hub, id, REQUEST_ID_OCTETS);
    } while (id[0] >> 2 == B64URL_DASH);
}

enum err request_make(struct thread *t, const struct request_kind *kind,
                      struct bytes upstream_id, json_t *params, struct request **out)
{
    uint8_t id[REQUEST_ID_OCTETS];
    draw_id(t->hub, id);
    struct request *r = create(t, kind, upstream_id, params, id);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->asked = true;
    enum err e = OK;
    if (approval_asked_kind(bytes_from_str(kind->method)) != 0) {
        e = make_approval(r);
    }
    if (e != OK) {
        request_free(r);
        return e;
    }
    *out = r;
    return OK;
}

void request_free(struct request *r)
{
    map_remove(&r->thread->hub->requests, &r->node);
    list_remove(&r->in_thread);
    json_decref(r->params);
    json_decref(r->paths);
    blob_unref(r->text);
    blob_unref(r->request);
    blob_unref(r->material);
    blob_unref(r->result);
    mem_free(r);
}

/* ---- what controllers get --------------------------------------------------------------------- */

static json_t *farhand_of(const struct request *r)
{
    struct hub *hub = r->thread->hub;
    uint64_t idx = 0;
    uint8_t head[32] = {0};
    char hex[HEX_SIZE(sizeof(head))];
    const struct bytes bytes = blob_bytes(r->request);
    char *shown = mem_try(B64URL_SIZE(bytes.len), 1);
    if (shown == NULL) {
        return NULL;
    }
    b64url_encode(bytes, shown);
    if (hub->ops.approvals != NULL) {
        hub->ops.approvals->head(hub->user, &idx, head);
    }
    hex_encode(BYTES_OF(head), hex);
    json_t *farhand = json_object();
    json_set_str(farhand, "request", shown);
    json_set_bytes(farhand, "material", blob_bytes(r->material));
    json_set_int(farhand, "auditIdx", (int64_t)idx);
    json_set_str(farhand, "auditHead", hex);
    mem_free(shown);
    return farhand;
}

void request_write_text(struct request *r)
{
    json_t *params = request_shown(r);
    blob_unref(r->text);
    r->text = NULL;
    if (params != NULL) {
        r->text = hub_json_blob(json_pack("{s:s, s:s, s:o}", "id", r->id, "method",
                                          r->kind->method, "params", params));
    }
}

/* What was signed, when it was made in another life of the host; else it is made alike. */
static json_t *shown_again(const struct request *r)
{
    json_t *shown = NULL;
    if (!r->approval || json_parse(blob_bytes(r->material), &shown) != OK) {
        return shown_of(r);
    }
    if (approval_asked_kind(bytes_from_str(r->kind->method)) == APPROVAL_FILE_CHANGE) {
        (void)json_object_del(shown, "changes");
    }
    return shown;
}

json_t *request_shown(const struct request *r)
{
    json_t *params = shown_again(r);
    if (r->approval) {
        json_t *farhand = farhand_of(r);
        if (farhand == NULL) {
            json_decref(params);
            return NULL;
        }
        json_set(params, "farhand", farhand);
    }
    return params;
}

/* ---- its row ------------------------------------------------------------------------------------ */

struct store_approval request_row(const struct request *r)
{
    struct store_approval v = {
        .instance = r->instance,
        .upstream_id = r->upstream_id,
        .method = r->kind->method,
        .thread = r->thread->id,
        .request = blob_bytes(r->request),
        .material = blob_bytes(r->material),
        .state = r->ballot.m.state,
        .outcome = (unsigned)r->ballot.outcome,
        .result = blob_bytes(r->result),
        .by = r->by,
        .changed_ms = hub_wall_ms(r->thread->hub),
    };
    memcpy(v.id, r->raw_id, sizeof(v.id));
    memcpy(v.digest, r->digest, sizeof(v.digest));
    return v;
}

/* The texts of before, under the limits of before. */
static enum err recall_texts(struct request *r, const struct store_approval *row)
{
    struct approval_request a;
    const enum err e = approval_request_read(row->request, &a);
    if (e != OK) {
        return e;
    }
    r->approval = true;
    r->created_ms = a.created_ms;
    ballot_init(&r->ballot, a.quorum, a.expires_ms);
    r->request = blob_copy(row->request);
    r->material = blob_copy(row->material);
    r->result = row->result.len == 0 ? NULL : blob_copy(row->result);
    if (r->request == NULL || r->material == NULL ||
        (r->result == NULL && row->result.len != 0)) {
        return ERR_NOMEM;
    }
    approval_digest(row->request, r->rd);
    memcpy(r->digest, row->digest, sizeof(r->digest));
    if (text_format(r->instance, sizeof(r->instance), "%s", row->instance) != OK ||
        text_format(r->by, sizeof(r->by), "%s", row->by) != OK) {
        return ERR_LIMIT;
    }
    return ballot_restore(&r->ballot, row->state, (enum approval_decision)row->outcome);
}

static enum err recall(struct hub *hub, const struct store_approval *row,
                       json_t *params, const struct ballot_vote *votes, size_t n_votes)
{
    const struct request_kind *kind = decision_kind(bytes_from_str(row->method));
    struct thread *t = thread_get(hub, bytes_from_str(row->thread));
    struct request *r =
        kind == NULL || t == NULL || hub->requests.count >= REQUESTS_MAX
            ? NULL
            : create(t, kind, bytes_from_str(row->upstream_id), params, row->id);
    if (r == NULL) {
        return ERR_LIMIT;
    }
    enum err e = recall_texts(r, row);
    for (size_t i = 0; e == OK && i < n_votes; i++) {
        e = ballot_recall(&r->ballot, &votes[i]);
    }
    if (e != OK) {
        request_free(r);
    } else if (ballot_is_open(&r->ballot) && r->ballot.expires_ms != 0) {
        hub->next_expiry_ms = 1; // it may have passed meanwhile: the first tick looks
    }
    return e;
}

void hub_recall(struct hub *hub, const struct store_approval *row,
                const struct ballot_vote *votes, size_t n_votes)
{
    json_t *params = NULL;
    if (row->params.len == 0) { // it is over
        char id[REQUEST_ID_SIZE];
        b64url_encode(BYTES_OF(row->id), id);
        request_remember(
            hub, id, row->by,
            row->state == BALLOT_WITHDRAWN
                ? "withdrawn"
                : approval_decision_name((enum approval_decision)row->outcome));
        return;
    }
    enum err e = json_parse(row->params, &params);
    e = e == OK ? recall(hub, row, params, votes, n_votes) : e;
    json_decref(params);
    if (e != OK) {
        log_error("approval.not_recalled", "reason=\"%s\"", err_text(e));
    }
}

/* ---- the item of a file change --------------------------------------------------------------------- */

void request_give_item(struct request *r)
{
    const struct bytes item = json_get_bytes(r->params, "itemId");
    json_t *material = NULL;
    if (item.len == 0 || json_parse(blob_bytes(r->material), &material) != OK) {
        return;
    }
    json_t *changes = json_get_arr(material, "changes");
    json_t *known = changes == NULL ? NULL : item_changes(r->thread, item);
    if (changes != NULL && known == NULL) {
        json_t *it = json_object();
        json_set_str(it, "type", "fileChange");
        json_set_bytes(it, "id", item);
        json_set(it, "changes", json_incref(changes));
        json_set_str(it, "status", "inProgress");
        json_t *params = json_object();
        json_set_str(params, "threadId", r->thread->id);
        json_set_str(params, "turnId", r->turn);
        json_set(params, "item", it);
        struct blob *text = hub_notification("item/started", params);
        if (text != NULL) {
            item_started(r->thread,
                         &(struct item_start){.id = item,
                                              .turn = bytes_from_str(r->turn),
                                              .type = BYTES_LIT("\"fileChange\""),
                                              .text = blob_bytes(text)});
            thread_deliver(r->thread, notice_find(BYTES_LIT("item/started")),
                           blob_bytes(text));
        }
        blob_unref(text);
    }
    json_decref(known);
    json_decref(material);
}
