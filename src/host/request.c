#include "host/request.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/request_core.h"

/* ---- answering the agent ------------------------------------------------------- */

enum err request_answer_agent(struct hub *hub, struct bytes id, struct bytes result)
{
    struct buf out;
    buf_init(&out, 16u * 1024 * 1024 + 1024);
    enum err e = jsonrpc_put_response(&out, id, result);
    if (e == OK) {
        e = hub->ops.upstream(hub->user, buf_bytes(&out));
    }
    buf_fini(&out);
    return e;
}

static enum err answer_agent(struct hub *hub, struct bytes id, json_t *result)
{
    struct blob *text = hub_json_blob(result);
    const enum err e =
        text == NULL ? ERR_NOMEM : request_answer_agent(hub, id, blob_bytes(text));
    blob_unref(text);
    return e;
}

static void refuse_agent(struct hub *hub, struct bytes id, int code, const char *why)
{
    struct buf out;
    buf_init(&out, 4096);
    if (jsonrpc_put_error(&out, id, code, why, BYTES_NONE) == OK &&
        hub->ops.upstream(hub->user, buf_bytes(&out)) != OK) {
        log_debug("hub.answer_lost", "code=%d", code); // the agent has just gone
    }
    buf_fini(&out);
}

/* ---- life -------------------------------------------------------------------------- */

void requests_free(struct thread *t)
{
    while (!list_is_empty(&t->requests)) {
        request_free(list_first(&t->requests, struct request, in_thread));
    }
}

static struct request *find_upstream(struct thread *t, struct bytes id)
{
    struct request *r;
    list_each (r, &t->requests, in_thread) {
        if (r->asked && bytes_equal_str(id, r->upstream_id)) {
            return r;
        }
    }
    return NULL;
}

bool request_may_answer(const struct request *r, const struct controller *c)
{
    if (r->kind->answer == ANSWER_TOOL) {
        return r->thread->registrar == c && controller_has(c, ROLE_OPERATOR);
    }
    return controller_has(c, ROLE_APPROVER) && thread_is_seen_by(r->thread, c) &&
           !controller_is_over(c);
}

/* To all who may answer, now. */
static void request_ask(struct request *r)
{
    struct hub *hub = r->thread->hub;
    struct subscription *s;
    request_write_text(r);
    list_each (s, &r->thread->subscriptions, by_thread) {
        if (request_may_answer(r, s->controller)) {
            controller_send(s->controller, r->text);
        }
    }
    if (!r->approval) {
        return;
    }
    request_tell_changed(r);
    if (r->ballot.expires_ms != 0) {
        requests_expire(hub); // and says when to look again
        hub->calls_changed = true;
    }
}

void request_ask_again(struct request *r)
{
    if (r->asked) {
        request_ask(r);
    } else {
        request_tell_changed(r);
    }
}

/* A person is needed. */
bool request_waits(const struct request *r)
{
    return r->asked && (!r->approval || ballot_is_open(&r->ballot));
}

void request_notify(const struct request *r, enum hub_event_kind kind,
                    const struct controller_info *by, const char *detail)
{
    hub_event(r->thread->hub, &(struct hub_event){
                                  .kind = kind,
                                  .by = by,
                                  .method = r->kind->method,
                                  .thread_id = r->thread->id,
                                  .request_id = r->id,
                                  .item_id = json_get_str(r->params, "itemId"),
                                  .recorded = r->approval,
                                  .detail = detail,
                              });
}

/* ---- arriving ------------------------------------------------------------------------ */

static void answer_at_once(struct hub *hub, const struct request_kind *kind,
                           struct bytes id)
{
    if (kind->answer == ANSWER_TIME) {
        const int64_t now_s = (int64_t)(hub_wall_ms(hub) / 1000);
        if (answer_agent(hub, id,
                         json_pack("{s:I}", "currentTimeAt", (json_int_t)now_s)) !=
            OK) {
            log_debug("hub.answer_lost", "method=%s", kind->method);
        }
        return;
    }
    refuse_agent(hub, id, HUB_ERR_REQUEST, "no client of this host can answer that");
}

void request_fail_tool(struct hub *hub, struct bytes id)
{
    if (answer_agent(hub, id, decision_tool_gone()) != OK) {
        log_debug("hub.answer_lost", "method=item/tool/call");
    }
}

/* Nobody can be shown the whole of it, or it cannot be kept: nobody may accept it. */
static void decline(struct hub *hub, const struct request_kind *kind, struct bytes id,
                    const char *why)
{
    log_warn("approval.declined", "method=%s reason=\"%s\"", kind->method, why);
    if (answer_agent(hub, id, decision_decline(kind)) != OK) {
        log_debug("hub.answer_lost", "method=%s", kind->method);
    }
}

static enum err keep_new(struct request *r)
{
    struct hub *hub = r->thread->hub;
    if (!r->approval || hub->ops.approvals == NULL) {
        return OK;
    }
    struct store_approval row = request_row(r);
    struct buf params;
    buf_init(&params, SIZE_MAX / 2);
    enum err e = json_print(r->params, &params);
    if (e == OK) {
        row.params = buf_bytes(&params);
        e = hub->ops.approvals->created(hub->user, &row);
    }
    buf_fini(&params);
    return e;
}

/* The host's own rules have decided: the line of the log, then the answer. What cannot be
 * recorded is not done. */
static void answer_by_rule(struct request *r)
{
    struct hub *hub = r->thread->hub;
    const bool allows = r->ruling.says == HUB_SAYS_ALLOW;
    struct decision verdict = {NULL, NULL};
    const enum err e = hub->ops.policy->record(
        hub->user, r->kind->method, r->thread->id, json_get_str(r->params, "itemId"),
        json_get_str(r->params, "command"), &r->ruling);
    if (e == OK && allows &&
        decision_of(r->kind, r->params, APPROVAL_ACCEPT, BYTES_NONE, &verdict) != OK) {
        verdict.result = NULL;
    }
    if (answer_agent(hub, bytes_from_str(r->upstream_id),
                     verdict.result != NULL ? verdict.result
                                            : decision_decline(r->kind)) != OK) {
        log_debug("hub.answer_lost", "method=%s", r->kind->method);
    }
    log_info("policy.decided", "allowed=%d rule=\"%s\"", verdict.result != NULL,
             r->ruling.rule);
    request_free(r);
}

static void request_new(struct thread *t, const struct request_kind *kind,
                        const struct jsonrpc *rpc, json_t *params)
{
    struct hub *hub = t->hub;
    struct request *r = NULL;
    if (kind->answer == ANSWER_TOOL && t->registrar == NULL) {
        request_fail_tool(hub, rpc->id); // it would hang the turn for ever
        return;
    }
    if (hub->requests.count >= REQUESTS_MAX) {
        refuse_agent(hub, rpc->id, HUB_ERR_LIMIT, "too many requests wait");
        return;
    }
    const enum err e = request_make(t, kind, rpc->id, params, &r);
    if (e != OK) {
        if (e == ERR_NOMEM) {
            refuse_agent(hub, rpc->id, HUB_ERR_LIMIT, "out of memory");
        } else {
            decline(hub, kind, rpc->id, "too much to be shown");
        }
        return;
    }
    if (r->approval && r->ruling.says != HUB_SAYS_ASK) {
        answer_by_rule(r);
        return;
    }
    if (keep_new(r) != OK) { // durable before anybody sees it
        request_free(r);
        decline(hub, kind, rpc->id, "it could not be stored");
        return;
    }
    request_notify(r, HUB_EVENT_REQUEST, NULL, NULL);
    request_ask(r);
}

/* The agent repeats what was pending before a restart of ours: the same id, and what
 * was decided meanwhile takes effect without a second tap. */
static void revive(struct request *r)
{
    r->asked = true;
    log_info("approval.recalled", "state=%s", ballot_state_name(r->ballot.m.state));
    request_give_item(r);
    if (ballot_is_open(&r->ballot)) {
        request_ask(r);
    } else if (r->ballot.m.state == BALLOT_DELIVERED) { // it did not get there
        if (request_answer_agent(r->thread->hub, bytes_from_str(r->upstream_id),
                                 blob_bytes(r->result)) != OK) {
            log_debug("hub.answer_lost", "method=%s", r->kind->method);
        }
    } else {
        request_deliver(r);
    }
}

static struct request *find_recalled(struct thread *t, struct bytes id,
                                     const json_t *params)
{
    struct request *r;
    list_each (r, &t->requests, in_thread) {
        if (!r->asked && request_is(r, id, params)) {
            return r;
        }
    }
    return NULL;
}

static void arrived(struct thread *t, const struct request_kind *kind,
                    const struct jsonrpc *rpc, json_t *params)
{
    struct request *known = find_recalled(t, rpc->id, params);
    if (known != NULL) {
        revive(known);
    } else if (find_upstream(t, rpc->id) == NULL) { // else a resume replays it
        request_new(t, kind, rpc, params);
    }
}

void request_arrived(struct hub *hub, const struct jsonrpc *rpc)
{
    const struct request_kind *kind = decision_kind(rpc->method);
    json_t *params = NULL;
    struct thread *t = NULL;
    if (kind == NULL) {
        log_warn("hub.unknown_request", "n=%llu", (unsigned long long)++hub->n_unknown);
        refuse_agent(hub, rpc->id, -32601, "unknown request");
        return;
    }
    if (kind->thread == NULL || kind->answer == ANSWER_TIME) {
        answer_at_once(hub, kind, rpc->id);
        return;
    }
    if (json_parse(rpc->params, &params) == OK) {
        t = thread_get(hub, json_get_bytes(params, kind->thread));
    }
    if (t == NULL) {
        refuse_agent(hub, rpc->id, HUB_ERR_PARAMS, "which thread?");
    } else {
        arrived(t, kind, rpc, params);
    }
    json_decref(params);
}

void requests_send(struct thread *t, struct controller *c)
{
    struct request *r;
    list_each (r, &t->requests, in_thread) {
        if (request_waits(r) && request_may_answer(r, c)) {
            controller_send(c, r->text);
        }
    }
}

/* ---- telling ---------------------------------------------------------------------------- */

void request_remember(struct hub *hub, const char *id, const char *by,
                      const char *decision)
{
    struct decided *d = &hub->decided[hub->next_decided];
    hub->next_decided = (hub->next_decided + 1) % HUB_DECIDED_MAX;
    text_sanitize(bytes_from_str(id), d->id, sizeof(d->id));
    text_sanitize(bytes_from_str(by), d->by, sizeof(d->by));
    text_sanitize(bytes_from_str(decision), d->decision, sizeof(d->decision));
}

void request_tell_resolved(struct request *r, json_t *who, const char *decision)
{
    const char *name = json_get_str(who, "name");
    const char *person = json_get_str(who, "person");
    controller_who_text(person != NULL ? person : "", name != NULL ? name : "", r->by);
    request_remember(r->thread->hub, r->id, r->by, decision);
    json_t *params = json_object();
    json_set_str(params, "threadId", r->thread->id);
    json_set_str(params, "requestId", r->id);
    json_set(params, "farhand",
             json_pack("{s:o, s:s}", "by", who, "decision", decision));
    thread_deliver_json(r->thread, "serverRequest/resolved", params);
}

json_t *request_nobody(const char *kind, const char *name)
{
    return json_pack("{s:s, s:s}", "kind", kind, "name", name);
}

/* The agent has gone on. */
static void resolved(struct request *r)
{
    if (request_waits(r) || (r->approval && ballot_is_owed(&r->ballot))) {
        request_tell_resolved(r, request_nobody("outside", "outside Farhand"),
                              "unknown");
        request_notify(r, HUB_EVENT_OUTSIDE, NULL, "decided outside Farhand");
    }
    if (r->approval) {
        ballot_resolved(&r->ballot);
        request_store(r);
    }
    request_free(r);
}

void request_resolved(struct hub *hub, struct thread *t, struct bytes upstream_id)
{
    struct request *r = t != NULL ? find_upstream(t, upstream_id) : NULL;
    if (r == NULL) {
        hub->n_unknown++;
        return;
    }
    resolved(r);
}

void requests_not_asked(struct thread *t)
{
    struct request *r;
    struct request *tmp;
    list_each_safe (r, tmp, &t->requests, in_thread) {
        if (!r->asked) {
            resolved(r);
        }
    }
}

static void withdraw(struct request *r, const char *why)
{
    if (r->approval && r->ballot.m.state == BALLOT_DELIVERED) {
        resolved(r); // it was told in time; what came of it is the turn's to say
        return;
    }
    if (request_waits(r) || r->approval) {
        request_tell_resolved(r, request_nobody("agent", "the agent"), "withdrawn");
        request_notify(r, HUB_EVENT_WITHDRAWN, NULL, why);
    }
    if (r->approval) {
        ballot_withdraw(&r->ballot);
        request_store(r);
    }
    request_free(r);
}

void requests_withdraw_foreign(struct hub *hub)
{
    struct map_node *node = map_next(&hub->requests, NULL);
    while (node != NULL) {
        struct request *r = CONTAINER_OF(node, struct request, node);
        node = map_next(&hub->requests, node);
        if (!r->asked && strcmp(r->instance, hub->engine.instance) != 0) {
            withdraw(r, "the agent has ended");
        }
    }
}

void requests_close_turn(struct thread *t, struct bytes turn)
{
    struct request *r;
    struct request *tmp;
    list_each_safe (r, tmp, &t->requests, in_thread) {
        if (r->turn[0] != '\0' && bytes_equal_str(turn, r->turn)) {
            withdraw(r, "the turn is over");
        }
    }
}

void requests_withdraw(struct thread *t)
{
    while (!list_is_empty(&t->requests)) {
        withdraw(list_first(&t->requests, struct request, in_thread),
                 "the agent has ended");
    }
}

void requests_orphan(struct controller *c)
{
    struct hub *hub = c->hub;
    struct map_node *node = map_next(&hub->requests, NULL);
    while (node != NULL) {
        struct request *r = CONTAINER_OF(node, struct request, node);
        node = map_next(&hub->requests, node);
        if (r->kind->answer == ANSWER_TOOL && r->thread->registrar == c) {
            request_fail_tool(hub, bytes_from_str(r->upstream_id));
            request_free(r);
        }
    }
}
