#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/ballot.h"
#include "host/daemon.h"
#include "host/decision.h"
#include "session/approval.h"
#include "store/approval.h"

/* What a start mends before the hub is told what waits (protocol.md 7, Order).
 *
 * A decision's line is on disk before its row. A host that died between the two left a
 * decision in the log alone: it counts, from here, exactly once. And a host that died
 * between taking a right from a device and forgetting what that device had decided left
 * votes that are void. */

#define LINES_MAX \
    256u // of decisions without a row: a host dies between them once a run

struct line { // of a decision that the state does not know
    uint64_t idx;
    uint64_t time_ms;
    json_t *payload; // owned
};

struct reading {
    struct line lines[LINES_MAX];
    size_t n;
    uint64_t from; // the last line that the state knows
    struct audit_head head;
    bool broken; // the log is not what was written: nothing of it counts
};

/* ---- reading the log ----------------------------------------------------------------- */

/* A refusal that names a decision: its host could not store it, and told so. */
static void take_back(struct reading *r, json_t *payload)
{
    uint64_t idx = 0;
    if (!json_read_u64(payload, "decision", &idx)) {
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->lines[i].idx == idx) {
            json_decref(r->lines[i].payload);
            r->lines[i] = r->lines[--r->n];
        }
    }
}

static void keep(struct reading *r, const struct audit_line *line, json_t *payload)
{
    if (r->n == LINES_MAX) {
        log_error("approval.too_many_lines", "idx=%llu", (unsigned long long)line->idx);
        return;
    }
    r->lines[r->n++] = (struct line){
        .idx = line->idx, .time_ms = line->time_ms, .payload = json_incref(payload)};
}

static bool read_line(void *user, const struct audit_line *line)
{
    struct reading *r = user;
    json_t *payload = NULL;
    if (r->head.idx == 0) { // where the chain is taken up
        memcpy(r->head.h, line->prev, sizeof(r->head.h));
        r->head.idx = line->idx - 1;
    }
    if (audit_head_check(&r->head, line) != AUDIT_FINE) {
        r->broken = true;
        return false;
    }
    const bool decides = bytes_equal_str(line->type, "decision");
    if (line->idx <= r->from || (!decides && !bytes_equal_str(line->type, "refusal")) ||
        json_parse(line->payload, &payload) != OK) {
        return true;
    }
    if (decides) {
        keep(r, line, payload);
    } else {
        take_back(r, payload);
    }
    json_decref(payload);
    return true;
}

/* ---- one decision ---------------------------------------------------------------------- */

struct replaying {
    struct host *h;
    const struct line *line;
    struct store_vote vote;
    char person[HUB_NAME_SIZE];
    char name[HUB_NAME_SIZE];
    uint8_t a[APPROVAL_A_SIZE_MAX];
    uint8_t sig[SIGN_SIG];
    struct ballot ballot;
    bool expires; // nobody's: it was not decided in time
    bool found;   // the request waits for a decision
    unsigned state;
    unsigned outcome;
    struct buf result; // for the agent, once decided
    const char *why;   // not: why it does not count
};

static bool read_word(const json_t *payload, unsigned *out)
{
    const struct bytes said = json_get_bytes(payload, "decision");
    for (unsigned word = APPROVAL_ACCEPT; word <= APPROVAL_ANSWER; word++) {
        if (bytes_equal_str(said,
                            approval_decision_name((enum approval_decision)word))) {
            *out = word;
            return true;
        }
    }
    return false;
}

/* A text of the payload in base64url; "" when it is not there. */
static struct bytes octets_of(const json_t *payload, const char *key, uint8_t *out,
                              size_t size)
{
    const struct bytes text = json_get_bytes(payload, key);
    size_t len = 0;
    return text.at != NULL && b64url_decode(text, out, size, &len) == OK
               ? (struct bytes){out, len}
               : BYTES_NONE;
}

static bool read_device(struct replaying *p, const json_t *by)
{
    size_t len = 0;
    const json_t *payload = p->line->payload;
    p->vote.a = octets_of(payload, "a", p->a, sizeof(p->a));
    p->vote.sig = octets_of(payload, "sig", p->sig, sizeof(p->sig));
    if (hex_decode(json_get_bytes(by, "clientId"), p->vote.device,
                   sizeof(p->vote.device), &len) != OK ||
        len != sizeof(p->vote.device)) {
        return false;
    }
    const struct device *device = devices_find(p->h->devices, p->vote.device);
    if (device != NULL) {
        memcpy(p->person, device->row.person, sizeof(p->person));
    }
    return p->vote.sig.len == SIGN_SIG;
}

/* Who it was, and what was said. */
static bool read_vote(struct replaying *p)
{
    const json_t *payload = p->line->payload;
    const json_t *by = json_get_obj(payload, "by");
    const struct bytes kind = json_get_bytes(by, "kind");
    const char *name = json_get_str(by, "name");
    const struct bytes id =
        octets_of(payload, "requestId", p->vote.request, sizeof(p->vote.request));
    p->expires = bytes_equal_str(kind, "host");
    p->vote.local = !bytes_equal_str(kind, "device");
    p->vote.at_ms = p->line->time_ms;
    p->vote.audit_idx = p->line->idx;
    p->vote.person = p->person;
    p->vote.name = p->name;
    text_sanitize(bytes_from_str(name == NULL ? "nobody in time" : name), p->name,
                  sizeof(p->name));
    return id.len == sizeof(p->vote.request) && read_word(payload, &p->vote.decision) &&
           (p->vote.local || read_device(p, by));
}

static void recall_vote(void *user, const struct store_vote *v)
{
    struct replaying *p = user;
    struct ballot_vote out = {.local = v->local,
                              .decision = (enum approval_decision)v->decision,
                              .at_ms = v->at_ms};
    memcpy(out.device, v->device, sizeof(out.device));
    text_sanitize(bytes_from_str(v->person), out.person, sizeof(out.person));
    text_sanitize(bytes_from_str(v->name), out.name, sizeof(out.name));
    if (ballot_recall(&p->ballot, &out) != OK) {
        p->why = "the votes before it cannot be read";
    }
}

/* The log is this user's file: what a device is said to have decided must be signed by
 * it, over this very request, and it must be allowed to still. */
static const char *check_device(const struct replaying *p,
                                const struct store_approval *row)
{
    const struct device *device = devices_find(p->h->devices, p->vote.device);
    struct approval a;
    uint8_t rd[APPROVAL_RD];
    approval_digest(row->request, rd);
    if (device == NULL || !ledger_may_decide(device, row->thread)) {
        return "its device may not decide it any more";
    }
    if (approval_verify(device->row.d, p->vote.a, p->vote.sig) != OK ||
        approval_read(p->vote.a, &a) != OK ||
        memcmp(a.request_id, row->id, sizeof(a.request_id)) != 0 ||
        memcmp(a.rd, rd, sizeof(rd)) != 0) {
        return "the signature does not fit";
    }
    const unsigned word =
        a.decision == APPROVAL_ACCEPT_SESSION ? APPROVAL_ACCEPT : (unsigned)a.decision;
    return word == p->vote.decision ? NULL : "the signature is over another word";
}

/* What the agent will be told. */
static const char *make_result(struct replaying *p, const struct store_approval *row)
{
    const struct request_kind *kind = decision_kind(bytes_from_str(row->method));
    struct decision verdict = {NULL, NULL};
    json_t *params = NULL;
    json_t *result = NULL;
    if (kind != NULL && json_parse(row->params, &params) == OK) {
        if (p->expires) {
            result = decision_decline(kind);
        } else if (decision_of(kind, params, (enum approval_decision)p->outcome,
                               BYTES_NONE, &verdict) == OK) {
            result = verdict.result;
        }
    }
    const bool made = result != NULL && json_print(result, &p->result) == OK;
    json_decref(result);
    json_decref(params);
    return made ? NULL : "the log has the digest of the answer alone";
}

static const char *count(struct replaying *p, const struct store_approval *row)
{
    struct ballot_vote v = {.local = p->vote.local,
                            .decision = (enum approval_decision)p->vote.decision,
                            .at_ms = p->vote.at_ms};
    memcpy(v.device, p->vote.device, sizeof(v.device));
    memcpy(v.person, p->person, sizeof(v.person));
    if (p->expires) {
        if (!ballot_expire(&p->ballot, p->vote.at_ms)) {
            return "its time was not over";
        }
    } else if (ballot_check(&p->ballot, &v, v.at_ms) == OK) {
        ballot_vote(&p->ballot, &v);
    } else {
        return "it does not count";
    }
    p->state = p->ballot.m.state;
    p->outcome = (unsigned)p->ballot.outcome;
    return ballot_is_open(&p->ballot) ? NULL : make_result(p, row);
}

static void replay_on(void *user, const struct store_approval *row)
{
    struct replaying *p = user;
    struct approval_request asked;
    if (row->state != BALLOT_PENDING || row->params.len == 0) {
        return; // decided since, or over
    }
    p->found = true;
    if (approval_request_read(row->request, &asked) != OK) {
        p->why = "the request cannot be read";
        return;
    }
    ballot_init(&p->ballot, asked.quorum, asked.expires_ms);
    if (store_vote_each(p->h->store, row->id, recall_vote, p) != OK) {
        p->why = "the votes before it cannot be read";
    }
    p->why = p->why != NULL || p->vote.local ? p->why : check_device(p, row);
    p->why = p->why != NULL ? p->why : count(p, row);
}

static enum err put(struct replaying *p)
{
    struct store_approval after = {
        .state = p->state,
        .outcome = p->outcome,
        .result = buf_bytes(&p->result),
        .by = p->state == BALLOT_PENDING ? "" : p->name,
        .changed_ms = p->line->time_ms,
    };
    memcpy(after.id, p->vote.request, sizeof(after.id));
    return store_approval_vote(p->h->store, p->expires ? NULL : &p->vote, &after,
                               p->line->idx);
}

/* Anything but OK: the state cannot be written, and nothing may be decided before it. */
static enum err replay(struct host *h, const struct line *line)
{
    struct replaying *p = mem_new(sizeof(*p));
    enum err e = OK;
    p->h = h;
    p->line = line;
    buf_init(&p->result, AUDIT_PAYLOAD_MAX);
    if (read_vote(p)) {
        e = store_approval_get(h->store, p->vote.request, replay_on, p);
        e = e == ERR_NOT_FOUND ? OK : e;
    }
    if (e == OK && p->found) {
        e = p->why == NULL ? put(p) : OK;
        log_warn("approval.from_the_log", "idx=%llu counts=%d reason=\"%s\"",
                 (unsigned long long)line->idx, e == OK && p->why == NULL,
                 p->why == NULL ? err_text(e) : p->why);
        audit_replayed(h->audit, json_get_str(line->payload, "requestId"), line->idx,
                       p->why);
    }
    buf_fini(&p->result);
    mem_free(p);
    return e;
}

static enum err replay_all(struct host *h, uint64_t from)
{
    struct reading *r = mem_new(sizeof(*r));
    r->from = from;
    enum err e = audit_each(h->audit, from == 0 ? 1 : from, UINT64_MAX, read_line, r);
    if (r->broken) {
        log_error("approval.log_not_used", "idx=%llu", (unsigned long long)r->head.idx);
    }
    for (size_t i = 0; i < r->n; i++) {
        e = e == OK && !r->broken ? replay(h, &r->lines[i]) : e;
        json_decref(r->lines[i].payload);
    }
    mem_free(r);
    return e;
}

/* ---- votes that are void ----------------------------------------------------------------- */

struct stale_vote {
    uint8_t request[16];
    uint8_t device[16];
    bool reopens; // what it decided waits again
};

struct stale {
    struct host *h;
    struct store_approval row; // of the votes being visited; its texts are borrowed
    struct stale_vote *at;     // owned
    size_t n;
    bool last_is_stale; // of the votes of this row so far
    bool waits;         // something is pending
};

static void look_at_vote(void *user, const struct store_vote *v)
{
    struct stale *s = user;
    const struct device *device =
        v->local ? NULL : devices_find(s->h->devices, v->device);
    s->last_is_stale =
        !v->local && (device == NULL || !ledger_may_decide(device, s->row.thread));
    if (!s->last_is_stale) {
        return;
    }
    struct stale_vote *grown = mem_try_resize(s->at, (s->n + 1) * sizeof(*s->at));
    if (grown == NULL) {
        return; // it is looked at again, and refused, when it would take effect
    }
    memcpy(grown[s->n].request, s->row.id, sizeof(grown->request));
    memcpy(grown[s->n].device, v->device, sizeof(grown->device));
    s->at = grown;
    s->n++;
}

static void look_at_row(void *user, const struct store_approval *row)
{
    struct stale *s = user;
    const size_t before = s->n;
    s->row = *row;
    s->last_is_stale = false;
    s->waits = s->waits || (row->state == BALLOT_PENDING && row->params.len != 0);
    if ((row->state == BALLOT_PENDING || row->state == BALLOT_DECIDED) &&
        store_vote_each(s->h->store, row->id, look_at_vote, s) != OK) {
        log_error("approval.votes_lost", "state=%s", ballot_state_name(row->state));
    }
    // a decline is its author's alone, and whoever voted last decided
    const bool declined =
        row->outcome == APPROVAL_DECLINE || row->outcome == APPROVAL_CANCEL;
    for (size_t i = before; i < s->n; i++) {
        s->at[i].reopens = !declined || s->last_is_stale;
    }
}

static enum err forget_stale(struct host *h, bool *waits)
{
    struct stale s = {.h = h};
    enum err e = store_approval_each(h->store, look_at_row, &s);
    for (size_t i = 0; i < s.n && e == OK; i++) {
        log_warn("approval.vote_void", "reason=\"its device lost the right\"");
        e = store_approval_forget(h->store, s.at[i].request, s.at[i].device,
                                  s.at[i].reopens);
    }
    mem_free(s.at);
    *waits = s.waits || s.n != 0;
    return e;
}

enum err ledger_mend(struct host *h)
{
    struct audit_head head;
    uint64_t from = 0;
    bool waits = false;
    enum err e = store_setting_get(h->store, STORE_APPROVAL_IDX, &from);
    e = e == ERR_NOT_FOUND ? OK : e;
    e = e == OK ? forget_stale(h, &waits) : e;
    if (e == OK && waits) { // a line is about what waits, or about nothing
        e = replay_all(h, from);
    }
    audit_head(h->audit, &head);
    return e == OK ? store_setting_put(h->store, STORE_APPROVAL_IDX, head.idx) : e;
}
