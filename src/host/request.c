#include "host/request.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/decision.h"

struct request {
    struct map_node node; // by our id
    struct list in_thread;
    struct thread *thread;
    const struct request_kind *kind;
    char id[REQUEST_ID_SIZE];
    char upstream_id[24]; // raw: an integer
    char turn[THREAD_ID_MAX + 1];
    json_t *params;    // as the agent sent them
    struct blob *text; // as controllers see it
    bool decided;      // by us: the agent's resolved is expected
};

/* ---- answering the agent ------------------------------------------------------- */

static enum err answer_agent(struct hub *hub, struct bytes id, json_t *result)
{
    struct buf body;
    struct buf out;
    buf_init(&body, 16u * 1024 * 1024);
    buf_init(&out, 16u * 1024 * 1024 + 1024);
    enum err e = json_print(result, &body);
    if (e == OK) {
        e = jsonrpc_put_response(&out, id, buf_bytes(&body));
    }
    if (e == OK) {
        e = hub->ops.upstream(hub->user, buf_bytes(&out));
    }
    buf_fini(&body);
    buf_fini(&out);
    json_decref(result);
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

static void request_free(struct request *r)
{
    map_remove(&r->thread->hub->requests, &r->node);
    list_remove(&r->in_thread);
    json_decref(r->params);
    blob_unref(r->text);
    mem_free(r);
}

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
        if (bytes_equal_str(id, r->upstream_id)) {
            return r;
        }
    }
    return NULL;
}

static bool may_answer(const struct request *r, const struct controller *c)
{
    if (r->kind->answer == ANSWER_TOOL) {
        return r->thread->registrar == c && controller_has(c, ROLE_OPERATOR);
    }
    return controller_has(c, ROLE_APPROVER) && thread_is_seen_by(r->thread, c);
}

static void send_to_all(struct request *r)
{
    struct subscription *s;
    list_each (s, &r->thread->subscriptions, by_thread) {
        if (may_answer(r, s->controller)) {
            controller_send(s->controller, r->text);
        }
    }
}

static void notify(const struct request *r, enum hub_event_kind kind,
                   const struct controller_info *by, const char *detail)
{
    hub_event(r->thread->hub, &(struct hub_event){
                                  .kind = kind,
                                  .by = by,
                                  .method = r->kind->method,
                                  .thread_id = r->thread->id,
                                  .request_id = r->id,
                                  .item_id = json_get_str(r->params, "itemId"),
                                  .detail = detail,
                              });
}

static struct request *request_create(struct thread *t, const struct request_kind *kind,
                                      struct bytes upstream_id, json_t *params)
{
    struct hub *hub = t->hub;
    uint8_t octets[REQUEST_ID_OCTETS];
    struct request *r = mem_try(1, sizeof(*r));
    if (r == NULL || upstream_id.len >= sizeof(r->upstream_id)) {
        mem_free(r);
        return NULL;
    }
    r->thread = t;
    r->kind = kind;
    memcpy(r->upstream_id, upstream_id.at, upstream_id.len);
    hub_random(hub, octets, sizeof(octets));
    b64url_encode(BYTES_OF(octets), r->id);
    const struct bytes turn = json_get_bytes(params, "turnId");
    if (turn.len > 0 && turn.len <= THREAD_ID_MAX) {
        memcpy(r->turn, turn.at, turn.len);
    }
    if (map_put(&hub->requests, bytes_from_str(r->id), &r->node) != OK) {
        mem_free(r);
        return NULL;
    }
    r->params = json_incref(params);
    list_append(&t->requests, &r->in_thread);
    json_t *shown = decision_shown(kind, params);
    r->text = hub_json_blob(json_pack("{s:s, s:s, s:o}", "id", r->id, "method",
                                      kind->method, "params", shown));
    return r;
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

static void fail_tool(struct hub *hub, struct bytes id)
{
    if (answer_agent(hub, id, decision_tool_gone()) != OK) {
        log_debug("hub.answer_lost", "method=item/tool/call");
    }
}

static void request_new(struct thread *t, const struct request_kind *kind,
                        const struct jsonrpc *rpc, json_t *params)
{
    struct hub *hub = t->hub;
    if (kind->answer == ANSWER_TOOL && t->registrar == NULL) {
        fail_tool(hub, rpc->id); // it would hang the turn for ever
        return;
    }
    struct request *r = hub->requests.count < REQUESTS_MAX
                            ? request_create(t, kind, rpc->id, params)
                            : NULL;
    if (r == NULL) {
        refuse_agent(hub, rpc->id, HUB_ERR_LIMIT, "too many requests wait");
        return;
    }
    notify(r, HUB_EVENT_REQUEST, NULL, NULL);
    send_to_all(r);
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
    } else if (find_upstream(t, rpc->id) == NULL) { // else a resume replays it
        request_new(t, kind, rpc, params);
    }
    json_decref(params);
}

void requests_send(struct thread *t, struct controller *c)
{
    struct request *r;
    list_each (r, &t->requests, in_thread) {
        if (!r->decided && may_answer(r, c)) {
            controller_send(c, r->text);
        }
    }
}

/* ---- telling ---------------------------------------------------------------------------- */

static void remember(struct hub *hub, const struct request *r, const char *by,
                     const char *decision)
{
    struct decided *d = &hub->decided[hub->next_decided];
    hub->next_decided = (hub->next_decided + 1) % HUB_DECIDED_MAX;
    memcpy(d->id, r->id, sizeof(d->id));
    text_sanitize(bytes_from_str(by), d->by, sizeof(d->by));
    text_sanitize(bytes_from_str(decision), d->decision, sizeof(d->decision));
}

/* To everyone who listens: `who` is taken. */
static void tell_resolved(struct request *r, json_t *who, const char *decision)
{
    const char *name = json_get_str(who, "name");
    remember(r->thread->hub, r, name != NULL ? name : "", decision);
    json_t *params = json_object();
    json_set_str(params, "threadId", r->thread->id);
    json_set_str(params, "requestId", r->id);
    json_set(params, "farhand",
             json_pack("{s:o, s:s}", "by", who, "decision", decision));
    thread_deliver_json(r->thread, "serverRequest/resolved", params);
}

static json_t *nobody(const char *kind, const char *name)
{
    return json_pack("{s:s, s:s}", "kind", kind, "name", name);
}

void request_resolved(struct hub *hub, struct thread *t, struct bytes upstream_id)
{
    struct request *r = t != NULL ? find_upstream(t, upstream_id) : NULL;
    if (r == NULL) {
        hub->n_unknown++;
        return;
    }
    if (!r->decided) {
        tell_resolved(r, nobody("outside", "outside Farhand"), "unknown");
        notify(r, HUB_EVENT_OUTSIDE, NULL, "decided outside Farhand");
    }
    request_free(r);
}

static void withdraw(struct request *r, const char *why)
{
    if (!r->decided) {
        tell_resolved(r, nobody("agent", "the agent"), "withdrawn");
        notify(r, HUB_EVENT_WITHDRAWN, NULL, why);
    }
    request_free(r);
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
            fail_tool(hub, bytes_from_str(r->upstream_id));
            request_free(r);
        }
    }
}

/* ---- deciding ------------------------------------------------------------------------------ */

static void tell_late(struct controller *c, struct bytes id, struct bytes plain)
{
    const struct hub *hub = c->hub;
    char text[HUB_NAME_SIZE + 64] = "stale: this request is no longer pending";
    for (size_t i = 0; i < HUB_DECIDED_MAX; i++) {
        const struct decided *d = &hub->decided[i];
        if (d->id[0] != '\0' && bytes_equal_str(plain, d->id) &&
            text_format(text, sizeof(text), "already decided by %s: %s", d->by,
                        d->decision) != OK) {
            text[0] = '\0';
        }
    }
    controller_error(c, id, HUB_ERR_DECIDED, text);
}

static void decide(struct request *r, struct controller *c, const struct jsonrpc *rpc)
{
    struct hub *hub = r->thread->hub;
    struct verdict verdict = {.result = NULL};
    const enum err e = decision_read(r->kind, r->params, rpc->result, &verdict);
    if (e != OK) {
        controller_error(c, rpc->id, HUB_ERR_PARAMS,
                         e == ERR_DENIED ? "that would grant more than was asked"
                                         : "not an answer to this request");
        return;
    }
    if (answer_agent(hub, bytes_from_str(r->upstream_id), verdict.result) != OK) {
        controller_error(c, rpc->id, HUB_ERR_AGENT, "the agent is down");
        return;
    }
    r->decided = true;
    notify(r, HUB_EVENT_DECIDED, &c->info, verdict.name);
    if (r->kind->answer == ANSWER_TOOL) {
        request_free(r); // the agent sends no resolved for these
        return;
    }
    tell_resolved(r, controller_who(&c->info), verdict.name);
}

void request_answered(struct controller *c, const struct jsonrpc *rpc)
{
    struct bytes plain;
    if (json_raw_plain(rpc->id, &plain) != OK) {
        c->hub->n_unknown++; // we never send an integer id
        return;
    }
    struct map_node *node = map_get(&c->hub->requests, plain);
    struct request *r = node != NULL ? CONTAINER_OF(node, struct request, node) : NULL;
    if (r == NULL || r->decided) {
        tell_late(c, rpc->id, plain);
    } else if (!may_answer(r, c)) {
        controller_error(c, rpc->id, HUB_ERR_RIGHTS, "not allowed for your role");
        notify(r, HUB_EVENT_REFUSED, &c->info, "not allowed for the role");
    } else if (rpc->kind == JSONRPC_RESPONSE) {
        decide(r, c, rpc);
    } else if (r->kind->answer == ANSWER_TOOL) {
        fail_tool(c->hub, bytes_from_str(r->upstream_id));
        request_free(r);
    } // a client that cannot show an approval must not decide it for the others
}
