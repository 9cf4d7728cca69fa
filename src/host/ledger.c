#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/ballot.h"
#include "host/daemon.h"
#include "host/scope.h"
#include "session/approval.h"
#include "store/approval.h"

/* Approvals on disk and in the log, and the proof of who decided (protocol.md 7). The
 * order of a decision: its line and a sync, then one transaction, then it acts. */

#define PRESENCE_MS (UINT64_C(24) * 3600 * 1000)

#define SETTING_QUORUM  "approval_quorum"
#define SETTING_EXPIRES "approval_expires_ms"
#define EXPIRES_MIN_MS  10000 // less is a mistake: nobody could read what is asked
#define EXPIRES_MAX_MS  (INT64_C(30) * 86400 * 1000)

/* ---- writing -------------------------------------------------------------------------- */

static void id_text(const uint8_t id[16], char out[B64URL_SIZE(16)])
{
    b64url_encode((struct bytes){id, 16}, out);
}

static void copy_name(struct bytes in, char *out, size_t size)
{
    memset(out, 0, size);
    if (in.len > 0 && in.len < size) {
        memcpy(out, in.at, in.len);
    }
}

static enum err on_created(void *user, const struct store_approval *row)
{
    struct host *h = user;
    struct approval_request r;
    char id[B64URL_SIZE(16)];
    char turn[APPROVAL_NAME_MAX + 1];
    char item[APPROVAL_NAME_MAX + 1];
    enum err e = approval_request_read(row->request, &r);
    if (e != OK) {
        return e;
    }
    id_text(row->id, id);
    copy_name(r.turn, turn, sizeof(turn));
    copy_name(r.item, item, sizeof(item));
    const struct audit_request line = {
        .request_id = id,
        .method = row->method,
        .thread_id = row->thread,
        .turn_id = turn[0] == '\0' ? NULL : turn,
        .item_id = item[0] == '\0' ? NULL : item,
        .request = row->request,
    };
    e = audit_request(h->audit, &line);
    return e == OK ? store_approval_put(h->store, row) : e;
}

static enum err put_vote(struct host *h, const struct hub_vote *v, uint64_t idx)
{
    struct store_vote vote = {
        .local = v->vote->local,
        .person = v->vote->person,
        .name = v->vote->name,
        .decision = (unsigned)v->vote->decision,
        .at_ms = v->vote->at_ms,
        .a = v->a,
        .sig = v->sig,
        .audit_idx = idx,
    };
    memcpy(vote.request, v->after->id, sizeof(vote.request));
    memcpy(vote.device, v->vote->device, sizeof(vote.device));
    const bool joins = store_in_transaction(h->store); // last_recv and its command
    const enum err e =
        store_approval_vote(h->store, v->by == NULL ? NULL : &vote, v->after, idx);
    if (e == OK && joins) {
        commands_committed(h);
    }
    return e;
}

static enum err on_voted(void *user, const struct hub_vote *v)
{
    struct host *h = user;
    uint64_t idx = 0;
    char id[B64URL_SIZE(16)];
    id_text(v->after->id, id);
    const struct audit_decision line = {
        .request_id = id,
        .thread_id = v->after->thread,
        .decision = approval_decision_name(v->vote->decision),
        .by = v->by,
        .via = v->via,
        .reason = v->reason,
        .a = v->a,
        .sig = v->sig,
        .result = v->vote->decision == APPROVAL_ANSWER ? v->after->result : BYTES_NONE,
        .final = v->after->state != BALLOT_PENDING,
    };
    enum err e = audit_decision(h->audit, &line, &idx);
    if (e != OK) {
        return e;
    }
    e = put_vote(h, v, idx);
    if (e == OK && store_in_transaction(h->store)) {
        e = commands_commit(h); // with the command that brought it: one fsync
    }
    if (e == OK) {
        return OK;
    }
    // the line says what did not happen: that must be on disk too, or it counts later
    return audit_take_back(h->audit, &line, idx) == OK ? e : ERR_AGAIN;
}

static void on_changed(void *user, const struct store_approval *row)
{
    struct host *h = user;
    enum err e = store_approval_state(h->store, row->id, row->state, row->outcome,
                                      row->by, row->changed_ms);
    if (e == OK && (row->state == BALLOT_RESOLVED || row->state == BALLOT_WITHDRAWN)) {
        e = store_approval_over(h->store, row->id);
    }
    if (e != OK) { // what the agent no longer asks is found out at the next start
        log_warn("approval.state_not_stored", "state=%s",
                 ballot_state_name(row->state));
    }
}

static enum err on_forgot(void *user, const struct store_approval *row,
                          const uint8_t device_id[HUB_DEVICE_ID_SIZE])
{
    const struct host *h = user;
    return store_approval_forget(h->store, row->id, device_id,
                                 row->state == BALLOT_PENDING);
}

/* ---- the proof ------------------------------------------------------------------------- */

static enum err vouch(struct host *h, const struct device *device,
                      const struct approval *a, const char **why)
{
    bool present = false;
    if (!bytes_equal(BYTES_OF(a->host_id), BYTES_OF(h->keys.host_id))) {
        *why = "this was decided for another host";
    } else if (a->grant_serial == 0 || a->grant_serial > device->row.serial) {
        *why = "this device never held the grant that it names";
    } else if (!audit_holds(h->audit, a->seen_idx, a->seen_head)) {
        *why = "the log that this device saw is not this host's";
    } else if (store_presence_find(h->store, device->row.id, a->th4,
                                   clock_wall_ms() - PRESENCE_MS, &present) != OK ||
               !present) {
        *why = "the session in which this was decided is not one of the last day";
    } else {
        return OK;
    }
    return ERR_AUTH;
}

static enum err on_vouch(void *user, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                         struct bytes a, struct bytes sig, struct approval *out,
                         const char **why)
{
    struct host *h = user;
    const struct device *device = devices_find(h->devices, device_id);
    struct approval read;
    if (device == NULL || device_is_expired(device, clock_wall_ms())) {
        *why = "this device is not paired";
        return ERR_AUTH;
    }
    if (approval_verify(device->row.d, a, sig) != OK || approval_read(a, &read) != OK) {
        *why = "the signature does not fit";
        return ERR_AUTH;
    }
    const enum err e = vouch(h, device, &read, why);
    if (e == OK) {
        *out = read;
    }
    return e;
}

static void on_head(void *user, uint64_t *idx, uint8_t head[32])
{
    const struct host *h = user;
    struct audit_head at;
    audit_head(h->audit, &at);
    *idx = at.idx;
    memcpy(head, at.h, sizeof(at.h));
}

const struct hub_approval_ops *ledger_ops(void)
{
    static const struct hub_approval_ops ops = {
        .created = on_created,
        .voted = on_voted,
        .changed = on_changed,
        .forgot = on_forgot,
        .vouch = on_vouch,
        .head = on_head,
    };
    return &ops;
}

void ledger_present(struct host *h, const uint8_t device_id[16], const uint8_t th4[32])
{
    if (store_presence_put(h->store, device_id, th4, clock_wall_ms()) != OK) {
        log_error("device.presence_not_stored", "reason=\"its decisions are refused\"");
    }
}

/* ---- after a restart ---------------------------------------------------------------------- */

struct recalling {
    struct host *h;
    struct ballot_vote votes[BALLOT_VOTES_MAX];
    size_t n;
};

static void recall_vote(void *user, const struct store_vote *v)
{
    struct recalling *r = user;
    if (r->n == COUNT(r->votes)) {
        return;
    }
    struct ballot_vote *out = &r->votes[r->n++];
    *out = (struct ballot_vote){.local = v->local,
                                .decision = (enum approval_decision)v->decision,
                                .at_ms = v->at_ms};
    memcpy(out->device, v->device, sizeof(out->device));
    copy_name(bytes_from_str(v->person), out->person, sizeof(out->person));
    copy_name(bytes_from_str(v->name), out->name, sizeof(out->name));
}

static void recall_one(void *user, const struct store_approval *row)
{
    struct recalling *r = user;
    r->n = 0;
    if (store_vote_each(r->h->store, row->id, recall_vote, r) != OK) {
        log_error("approval.votes_lost", "state=%s", ballot_state_name(row->state));
    }
    hub_recall(r->h->hub, row, r->votes, r->n);
}

bool ledger_may_decide(const struct device *device, const char *thread)
{
    return !device_is_expired(device, clock_wall_ms()) &&
           device->role >= ROLE_APPROVER &&
           scope_has(device->row.scope, bytes_from_str(thread));
}

static uint64_t setting(struct host *h, const char *name, uint64_t fallback)
{
    uint64_t value = fallback;
    return store_setting_get(h->store, name, &value) == OK ? value : fallback;
}

void ledger_recall(struct host *h)
{
    struct recalling r = {.h = h};
    hub_approval_policy(h->hub, (unsigned)setting(h, SETTING_QUORUM, 1),
                        setting(h, SETTING_EXPIRES, 0));
    if (store_approval_each(h->store, recall_one, &r) != OK) {
        log_error("approval.not_recalled", "reason=\"the state cannot be read\"");
    }
}

/* ---- farhand/approval/policy ------------------------------------------------------------------ */

static enum err set_policy(struct host *h, struct call *call, int64_t quorum,
                           int64_t expires_ms)
{
    char value[96];
    enum err e = text_format(value, sizeof(value), "quorum=%lld expiresAfterMs=%lld",
                             (long long)quorum, (long long)expires_ms);
    e = e == OK ? audit_policy(h->audit, "approvals", value, &call->info) : e;
    e = e == OK ? store_setting_put(h->store, SETTING_QUORUM, (uint64_t)quorum) : e;
    e = e == OK ? store_setting_put(h->store, SETTING_EXPIRES, (uint64_t)expires_ms)
                : e;
    if (e == OK) {
        hub_approval_policy(h->hub, (unsigned)quorum, (uint64_t)expires_ms);
    }
    return e;
}

void ledger_policy(struct host *h, struct call *call)
{
    const int64_t quorum =
        json_get_int(call->params, "quorum", (int64_t)setting(h, SETTING_QUORUM, 1));
    const int64_t expires = json_get_int(call->params, "expiresAfterMs",
                                         (int64_t)setting(h, SETTING_EXPIRES, 0));
    if (quorum < 1 || quorum > BALLOT_VOTES_MAX) {
        hub_reply_error(call, HUB_ERR_PARAMS, "quorum is from 1 to 16", NULL);
    } else if (expires != 0 && (expires < EXPIRES_MIN_MS || expires > EXPIRES_MAX_MS)) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "expiresAfterMs is 0 (never), or from 10 seconds to 30 days",
                        NULL);
    } else if (json_object_size(call->params) > 0 &&
               set_policy(h, call, quorum, expires) != OK) {
        hub_reply_error(call, HUB_ERR_INTERNAL, "the change could not be stored", NULL);
    } else {
        hub_reply(call, json_pack("{s:I, s:I}", "quorum", (json_int_t)quorum,
                                  "expiresAfterMs", (json_int_t)expires));
    }
}
