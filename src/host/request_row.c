#include <string.h>

#include "host/request_core.h"
#include "session/approval_asked.h"

/* How approvals are listed, and told when they change. */

static json_t *decision_json(const struct ballot_vote *v)
{
    char hex[HEX_SIZE(sizeof(v->device))];
    json_t *by = json_object();
    json_set_str(by, "kind", v->local ? "local" : "device");
    json_set_str(by, "name", v->name);
    if (v->person[0] != '\0') {
        json_set_str(by, "person", v->person);
    }
    if (!v->local) {
        hex_encode(BYTES_OF(v->device), hex);
        json_set_str(by, "clientId", hex);
    }
    json_t *row = json_object();
    json_set(row, "by", by);
    json_set_str(row, "decision", approval_decision_name(v->decision));
    json_set_int(row, "atMs", (int64_t)v->at_ms);
    return row;
}

static json_t *row_of(const struct request *r)
{
    const struct bytes item = json_get_bytes(r->params, "itemId");
    const unsigned kind = approval_asked_kind(bytes_from_str(r->kind->method));
    json_t *row = json_object();
    json_t *decisions = json_array();
    json_set_str(row, "requestId", r->id);
    json_set_str(row, "method", r->kind->method);
    json_set_str(row, "kind", approval_kind_name((enum approval_kind)kind));
    json_set_str(row, "threadId", r->thread->id);
    if (r->turn[0] != '\0') {
        json_set_str(row, "turnId", r->turn);
    }
    if (item.len > 0) {
        json_set_bytes(row, "itemId", item);
    }
    json_set_str(row, "state", machine_name(&r->ballot.m));
    json_set_int(row, "createdAt", (int64_t)r->created_ms);
    if (r->ballot.expires_ms != 0) {
        json_set_int(row, "expiresAt", (int64_t)r->ballot.expires_ms);
    }
    if (r->ballot.quorum > 1) {
        json_set_int(row, "quorum", r->ballot.quorum);
    }
    for (size_t i = 0; i < r->ballot.n_votes; i++) {
        json_push(decisions, decision_json(&r->ballot.votes[i]));
    }
    json_set(row, "decisions", decisions);
    return row;
}

static bool sees(const struct controller *c, const struct request *r)
{
    return controller_has(c, ROLE_VIEWER) && thread_is_seen_by(r->thread, c);
}

void request_tell_changed(const struct request *r)
{
    struct blob *text = hub_notification("farhand/approval/changed", row_of(r));
    struct controller *c;
    struct controller *tmp;
    list_each_safe (c, tmp, &r->thread->hub->controllers, node) {
        if (text != NULL && sees(c, r)) {
            controller_send(c, text);
        }
    }
    blob_unref(text);
}

json_t *requests_list(struct controller *c, struct bytes thread_id)
{
    json_t *data = json_array();
    struct map_node *node = NULL;
    while ((node = map_next(&c->hub->requests, node)) != NULL) {
        const struct request *r = CONTAINER_OF(node, struct request, node);
        if (!r->approval || !sees(c, r) ||
            (thread_id.at != NULL && !bytes_equal_str(thread_id, r->thread->id))) {
            continue;
        }
        json_t *params = request_shown(r);
        json_t *row = row_of(r);
        json_set_bool(row, "mayDecide",
                      ballot_is_open(&r->ballot) && request_may_answer(r, c));
        if (params != NULL) {
            json_set(row, "params", params);
        }
        json_push(data, row);
    }
    return json_pack("{s:o}", "data", data);
}
