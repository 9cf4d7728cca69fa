#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/request_core.h"
#include "host/scope.h"
#include "session/approval_asked.h"

/* Who decides. The order is the law (protocol.md 7): the proof, the live right, the
 * ballot; then the disk; then the right once more, because that is the moment of
 * effect; then the agent. Nothing of it waits, so nothing comes between. */

struct deciding {
    struct request *r;
    struct controller *c;
    struct bytes id; // of the call, raw; a bare answer is told of failures only
    bool is_call;
    enum approval_decision word;
    enum approval_scope scope; // of an accept
    struct decision verdict;   // result is owned
    struct approval a;
    struct bytes a_octets; // empty: unsigned
    struct bytes sig;
    const char *via;
    const char *reason;
};

/* ---- telling ------------------------------------------------------------------------- */

static void tell_late(struct controller *c, struct bytes id, struct bytes plain)
{
    const struct hub *hub = c->hub;
    char text[HUB_WHO_SIZE + 64] = "stale: this request is no longer pending";
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

static void refuse(const struct deciding *d, int code, const char *why)
{
    controller_error(d->c, d->id, code, why);
    request_notify(d->r, HUB_EVENT_REFUSED, &d->c->info, why);
}

static void refuse_vote(const struct deciding *d, enum err e)
{
    if (e == ERR_CLOSED || e == ERR_EXPIRED) {
        tell_late(d->c, d->id, bytes_from_str(d->r->id));
    } else if (e == ERR_EXISTS) {
        refuse(d, HUB_ERR_DECIDED, "you have accepted this: others must too");
    } else if (e == ERR_DENIED) {
        refuse(d, HUB_ERR_RIGHTS, "several people must accept this, each on a device");
    } else {
        refuse(d, HUB_ERR_LIMIT, err_text(e));
    }
}

/* ---- after the decision ------------------------------------------------------------------ */

void request_store(const struct request *r)
{
    struct hub *hub = r->thread->hub;
    const struct store_approval row = request_row(r);
    if (hub->ops.approvals != NULL) {
        hub->ops.approvals->changed(hub->user, &row);
    }
    request_tell_changed(r);
}

void request_deliver(struct request *r)
{
    struct hub *hub = r->thread->hub;
    if (!r->asked || !ballot_is_owed(&r->ballot)) {
        return; // when the agent repeats what it asked before our restart
    }
    if (request_answer_agent(hub, bytes_from_str(r->upstream_id),
                             blob_bytes(r->result)) != OK) {
        log_warn("approval.not_delivered", "method=%s", r->kind->method);
        return; // its end withdraws it; or it is back, and repeats it
    }
    ballot_delivered(&r->ballot);
    request_store(r);
}

/* ---- one vote ----------------------------------------------------------------------------- */

static struct ballot_vote vote_of(const struct deciding *d)
{
    struct hub *hub = d->c->hub;
    const struct controller_info *who = &d->c->info;
    struct ballot_vote v = {
        .local = who->kind != CONTROLLER_DEVICE,
        .decision = d->word,
        .at_ms = hub_wall_ms(hub),
    };
    memcpy(v.name, who->name, sizeof(v.name));
    if (!v.local) {
        memcpy(v.device, who->device_id, sizeof(v.device));
        memcpy(v.person, who->person, sizeof(v.person));
    }
    return v;
}

static enum err store_vote(struct deciding *d, const struct ballot_vote *v,
                           struct blob *result, bool decides)
{
    struct hub *hub = d->c->hub;
    struct request *r = d->r;
    struct store_approval after = request_row(r);
    char by[HUB_WHO_SIZE];
    controller_who_text(v->person, v->name, by);
    if (decides) {
        after.state = BALLOT_DECIDED;
        after.outcome = (unsigned)v->decision;
        after.result = blob_bytes(result);
        after.by = by;
    }
    if (hub->ops.approvals == NULL) {
        return OK;
    }
    return hub->ops.approvals->voted(
        hub->user, &(struct hub_vote){
                       .by = &d->c->info,
                       .vote = v,
                       .after = &after,
                       .approval = d->a_octets.len != 0 ? &d->a : NULL,
                       .rd = r->rd,
                       .a = d->a_octets,
                       .sig = d->sig,
                       .via = d->via,
                       .reason = d->reason,
                   });
}

static void take_effect(struct deciding *d, const struct ballot_vote *v,
                        struct blob *result /* take */)
{
    struct request *r = d->r;
    ballot_vote(&r->ballot, v);
    const bool decided = !ballot_is_open(&r->ballot);
    if (d->is_call) {
        controller_result(d->c, d->id,
                          json_pack("{s:s}", "state", decided ? "decided" : "pending"));
    }
    if (!decided) {
        blob_unref(result);
        request_tell_changed(r);
        return;
    }
    blob_unref(r->result);
    r->result = result;
    request_notify(r, HUB_EVENT_DECIDED, &d->c->info, d->verdict.name);
    request_tell_resolved(r, controller_who(&d->c->info), d->verdict.name);
    if (v->decision == APPROVAL_ACCEPT) {
        request_give(r, d->scope, &d->c->info);
    }
    request_deliver(r);
    if (ballot_is_owed(&r->ballot)) {
        request_tell_changed(r);
    }
}

/* Everything is checked but the ballot. */
static void cast(struct deciding *d)
{
    struct request *r = d->r;
    struct hub *hub = d->c->hub;
    const struct ballot_vote v = vote_of(d);
    enum err e = ballot_check(&r->ballot, &v, v.at_ms);
    if (e != OK) {
        refuse_vote(d, e);
        return;
    }
    struct blob *result = hub_json_blob(json_incref(d->verdict.result));
    e = result == NULL ? ERR_NOMEM
                       : store_vote(d, &v, result, ballot_decides(&r->ballot, &v));
    if (e == ERR_AGAIN) {
        blob_unref(result);
        refuse(
            d, HUB_ERR_UNKNOWN,
            "the decision is in the log and could not be stored: it counts when this "
            "host has started again");
        return;
    }
    if (e != OK) {
        blob_unref(result);
        refuse(d, HUB_ERR_INTERNAL,
               "the decision could not be stored: nothing was done");
        return;
    }
    if (!request_may_answer(r, d->c)) { // revoked since it was verified
        blob_unref(result);
        const struct store_approval row = request_row(r);
        if (hub->ops.approvals != NULL &&
            hub->ops.approvals->forgot(hub->user, &row, d->c->info.device_id) != OK) {
            log_error("approval.not_forgotten", "thread=%s", r->thread->id);
        }
        refuse(d, HUB_ERR_RIGHTS, "not allowed for your role");
        return;
    }
    take_effect(d, &v, result);
}

/* ---- a bare answer ---------------------------------------------------------------------------- */

/* Tool calls: the registrar's answer goes on as it is, and the agent says no more. */
static void answer_tool(struct request *r, struct controller *c,
                        const struct jsonrpc *rpc, struct decision *verdict)
{
    struct blob *result = hub_json_blob(json_incref(verdict->result));
    if (result == NULL || request_answer_agent(c->hub, bytes_from_str(r->upstream_id),
                                               blob_bytes(result)) != OK) {
        controller_error(c, rpc->id, HUB_ERR_AGENT, "the agent is down");
    } else {
        request_notify(r, HUB_EVENT_DECIDED, &c->info, verdict->name);
        request_free(r);
    }
    blob_unref(result);
}

static void answer(struct request *r, struct controller *c, const struct jsonrpc *rpc)
{
    struct deciding d = {.r = r, .c = c, .id = rpc->id};
    const enum err e = decision_read(r->kind, r->params, rpc->result, &d.verdict);
    if (e != OK) {
        controller_error(c, rpc->id, HUB_ERR_PARAMS,
                         e == ERR_DENIED ? "that would grant more than was asked"
                                         : "not an answer to this request");
        return;
    }
    if (!r->approval) {
        answer_tool(r, c, rpc, &d.verdict);
    } else {
        d.word = decision_word(r->kind, &d.verdict);
        d.scope = decision_scope(r->kind, r->params, rpc->result);
        cast(&d);
    }
    json_decref(d.verdict.result);
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
    if (r == NULL || (r->approval && !ballot_is_open(&r->ballot))) {
        tell_late(c, rpc->id, plain);
    } else if (!request_may_answer(r, c)) {
        controller_error(c, rpc->id, HUB_ERR_RIGHTS, "not allowed for your role");
        request_notify(r, HUB_EVENT_REFUSED, &c->info, "not allowed for the role");
    } else if (rpc->kind == JSONRPC_RESPONSE && r->approval &&
               c->info.kind == CONTROLLER_DEVICE && c->hub->ops.approvals != NULL) {
        controller_error(c, rpc->id, HUB_ERR_PROOF,
                         "a device decides with farhand/approval/decide, signed");
        request_notify(r, HUB_EVENT_REFUSED, &c->info, "unsigned");
    } else if (rpc->kind == JSONRPC_RESPONSE) {
        answer(r, c, rpc);
    } else if (r->kind->answer == ANSWER_TOOL) {
        request_fail_tool(c->hub, bytes_from_str(r->upstream_id));
        request_free(r);
    } // a client that cannot show an approval must not decide it for the others
}

/* ---- farhand/approval/decide ---------------------------------------------------------------------- */

static struct bytes text_of(const json_t *params, const char *key)
{
    const struct bytes text = json_get_bytes(params, key);
    return text.at == NULL ? BYTES_NONE : text;
}

/* What a device signed. False: it was told. */
static bool read_signed(struct deciding *d, const json_t *params, uint8_t *a,
                        uint8_t *sig)
{
    const struct hub *hub = d->c->hub;
    const char *why = "a and sig are needed";
    size_t a_len = 0;
    size_t sig_len = 0;
    if (b64url_decode(text_of(params, "a"), a, APPROVAL_A_SIZE_MAX, &a_len) != OK ||
        b64url_decode(text_of(params, "sig"), sig, SIGN_SIG, &sig_len) != OK ||
        sig_len != SIGN_SIG || a_len == 0) {
        refuse(d, HUB_ERR_PARAMS, why);
        return false;
    }
    d->a_octets = (struct bytes){a, a_len};
    d->sig = (struct bytes){sig, sig_len};
    d->via = json_get_str(params, "via");
    if (hub->ops.approvals == NULL ||
        hub->ops.approvals->vouch(hub->user, d->c->info.device_id, d->a_octets, d->sig,
                                  &d->a, &why) != OK) {
        refuse(d, HUB_ERR_PROOF, why);
        return false;
    }
    if (memcmp(d->a.request_id, d->r->raw_id, sizeof(d->a.request_id)) != 0 ||
        memcmp(d->a.rd, d->r->rd, sizeof(d->a.rd)) != 0) {
        refuse(d, HUB_ERR_PROOF, "what was signed is not what waits for a decision");
        return false;
    }
    if (d->a.scope != APPROVAL_ONCE && d->a.decision != APPROVAL_ACCEPT_SESSION) {
        refuse(d, HUB_ERR_PARAMS, "only an accept is meant for longer than once");
        return false;
    }
    d->word = d->a.decision;
    d->scope = d->a.scope;
    return true;
}

/* What a program of this machine says: a word, and the digest of what it showed. */
static bool read_local(struct deciding *d, const json_t *params)
{
    uint8_t rd[APPROVAL_RD];
    size_t len = 0;
    const struct bytes said = text_of(params, "decision");
    if (hex_decode(text_of(params, "rd"), rd, sizeof(rd), &len) != OK ||
        len != sizeof(rd) || memcmp(rd, d->r->rd, sizeof(rd)) != 0) {
        refuse(d, HUB_ERR_PROOF, "rd is not the digest of what waits for a decision");
        return false;
    }
    for (unsigned word = APPROVAL_ACCEPT; word <= APPROVAL_ANSWER; word++) {
        if (bytes_equal_str(said,
                            approval_decision_name((enum approval_decision)word))) {
            d->word = (enum approval_decision)word;
            d->scope = word == APPROVAL_ACCEPT_SESSION
                           ? (enum approval_scope)json_get_int(params, "scope",
                                                               APPROVAL_THREAD)
                           : APPROVAL_ONCE;
            d->scope = (unsigned)d->scope <= APPROVAL_KEPT ? d->scope : APPROVAL_ONCE;
            return true;
        }
    }
    refuse(d, HUB_ERR_PARAMS, "decision is accept, decline, cancel or answer");
    return false;
}

static bool read_result(struct deciding *d, const json_t *params)
{
    const struct bytes result = text_of(params, "result");
    uint8_t hash[HASH_SHA256];
    hash_sha256(result, hash);
    if (d->a.has_extra && memcmp(hash, d->a.extra, sizeof(hash)) != 0) {
        refuse(d, HUB_ERR_PROOF, "the answer is not the one that was signed");
        return false;
    }
    const enum err e =
        decision_of(d->r->kind, d->r->params, d->word, result, &d->verdict);
    if (e != OK) {
        refuse(d, HUB_ERR_PARAMS,
               e == ERR_USAGE ? "this kind of request is not decided in that way"
                              : "not an answer to this request");
        return false;
    }
    // the agent hears of nothing longer than once: the host keeps the rule
    d->word = d->word == APPROVAL_ACCEPT_SESSION ? APPROVAL_ACCEPT : d->word;
    return true;
}

void request_decide(struct controller *c, struct bytes id, json_t *params)
{
    const struct bytes name = text_of(params, "requestId");
    struct map_node *node = map_get(&c->hub->requests, name);
    struct request *r = node != NULL ? CONTAINER_OF(node, struct request, node) : NULL;
    if (r == NULL || !r->approval || !ballot_is_open(&r->ballot)) {
        tell_late(c, id, name);
        return;
    }
    struct deciding d = {.r = r,
                         .c = c,
                         .id = id,
                         .is_call = true,
                         .reason = json_get_str(params, "reason")};
    uint8_t a[APPROVAL_A_SIZE_MAX];
    uint8_t sig[SIGN_SIG];
    const bool is_device = c->info.kind == CONTROLLER_DEVICE;
    if (!request_may_answer(r, c)) {
        refuse(&d, HUB_ERR_RIGHTS, "not allowed for your role");
    } else if ((is_device ? read_signed(&d, params, a, sig) : read_local(&d, params)) &&
               read_result(&d, params)) {
        cast(&d);
    }
    json_decref(d.verdict.result);
}

/* ---- time -------------------------------------------------------------------------------------------- */

static void expire(struct request *r)
{
    struct hub *hub = r->thread->hub;
    struct ballot_vote v = {.local = true,
                            .name = "nobody in time",
                            .decision = APPROVAL_DECLINE,
                            .at_ms = hub_wall_ms(hub)};
    struct ballot after = r->ballot;
    struct blob *result = hub_json_blob(decision_decline(r->kind));
    if (result == NULL || !ballot_expire(&after, v.at_ms)) {
        blob_unref(result);
        return;
    }
    struct store_approval row = request_row(r);
    row.state = after.m.state;
    row.outcome = (unsigned)after.outcome;
    row.result = blob_bytes(result);
    row.by = v.name;
    if (hub->ops.approvals != NULL &&
        hub->ops.approvals->voted(
            hub->user, &(struct hub_vote){.vote = &v, .after = &row, .rd = r->rd}) !=
            OK) {
        log_error("approval.not_stored", "thread=%s", r->thread->id);
    } // it is declined all the same: that is the safe end
    r->ballot = after;
    blob_unref(r->result);
    r->result = result;
    request_notify(r, HUB_EVENT_DECIDED, NULL, "expired");
    request_tell_resolved(r, request_nobody("expired", v.name), "decline");
    request_deliver(r);
    if (ballot_is_owed(&r->ballot)) {
        request_tell_changed(r);
    }
}

void requests_expire(struct hub *hub)
{
    const uint64_t wall = hub_wall_ms(hub);
    uint64_t next = 0;
    struct map_node *node = NULL;
    while ((node = map_next(&hub->requests, node)) != NULL) {
        struct request *r = CONTAINER_OF(node, struct request, node);
        const uint64_t at = r->ballot.expires_ms;
        if (!r->approval || at == 0 || !ballot_is_open(&r->ballot)) {
            continue;
        }
        if (at <= wall) {
            expire(r); // it stays in the map: the agent's resolved takes it out
        } else if (next == 0 || at < next) {
            next = at;
        }
    }
    hub->next_expiry_ms = next == 0 ? 0 : hub->now_ms + (next - wall);
}

uint64_t requests_deadline(const struct hub *hub)
{
    return hub->next_expiry_ms;
}

/* ---- a right that is gone ----------------------------------------------------------------------------- */

static void forget(struct request *r, const uint8_t *device_id)
{
    struct hub *hub = r->thread->hub;
    const bool was_open = ballot_is_open(&r->ballot);
    if (!r->approval || !ballot_forget(&r->ballot, device_id)) {
        return;
    }
    const struct store_approval row = request_row(r);
    if (hub->ops.approvals != NULL &&
        hub->ops.approvals->forgot(hub->user, &row, device_id) != OK) {
        log_error("approval.not_forgotten", "thread=%s", r->thread->id);
    }
    if (!ballot_is_open(&r->ballot)) { // a decline needs nobody else's vote
        request_tell_changed(r);
        return;
    }
    blob_unref(r->result);
    r->result = NULL;
    r->by[0] = '\0';
    if (!was_open) {
        request_ask_again(r);
    } else {
        request_tell_changed(r);
    }
}

void requests_void(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                   const char *scope)
{
    struct map_node *node = NULL;
    while ((node = map_next(&hub->requests, node)) != NULL) {
        struct request *r = CONTAINER_OF(node, struct request, node);
        if (scope == NULL || !scope_has(scope, bytes_from_str(r->thread->id))) {
            forget(r, device_id);
        }
    }
}
