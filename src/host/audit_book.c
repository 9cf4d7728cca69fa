#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/daemon.h"

/* The log of the running host: opened, signed from time to time, closed. */

#define POINT_MS        60000 // a checkpoint follows a record within this time
#define REFUSALS_EACH_S 20u
#define DECISION_MS     50 // … and a decision at once, after the others of its batch

static void sign_point(void *user, struct bytes message, uint8_t sig[64])
{
    const struct host *h = user;
    sign_make(h->keys.host, message, sig);
}

static void put_point(struct host *h)
{
    timer_stop(&h->audit_timer);
    if (audit_checkpoint(h->audit, sign_point, h, clock_wall_ms()) != OK) {
        log_error("audit.no_checkpoint", "reason=\"%s\"", audit_trouble(h->audit));
    }
}

static void on_point(struct timer *t)
{
    put_point(CONTAINER_OF(t, struct host, audit_timer));
}

static void on_appended(void *user, const char *type)
{
    struct host *h = user;
    if (strcmp(type, "checkpoint") == 0 || h->closed != NULL) {
        return;
    }
    if (strcmp(type, "decision") == 0) {
        timer_start(h->loop, &h->audit_timer, DECISION_MS, on_point);
    } else if (!timer_is_armed(&h->audit_timer)) {
        timer_start(h->loop, &h->audit_timer, POINT_MS, on_point);
    }
}

enum err book_open(struct host *h, struct diag *d)
{
    char path[PATH_MAX];
    enum err e = text_format(path, sizeof(path), "%s/audit.jsonl", h->home);
    e = e != OK ? e
                : audit_open(path, h->keys.host_id, sign_key_pub(h->keys.host),
                             clock_wall_ms(), &h->audit, d);
    if (e != OK) {
        return e;
    }
    audit_on_append(h->audit, on_appended, h);
    e = audit_start(h->audit, &h->keys, FARHAND_VERSION);
    if (e != OK) {
        diag_set(d, "%s (%s)", audit_trouble(h->audit), path);
    }
    return e;
}

void book_close(struct host *h)
{
    if (h->audit == NULL) {
        return;
    }
    put_point(h);
    audit_close(h->audit);
    h->audit = NULL;
}

/* ---- what the hub tells --------------------------------------------------------- */

static void copy(char *out, size_t size, struct bytes text)
{
    text_sanitize(text, out, size);
}

/* Which request asked for an item: its effect says so. */
static void remember_asked(struct host *h, const struct hub_event *e)
{
    if (e->item_id == NULL) {
        return;
    }
    struct asked_item *at = &h->asked[h->next_asked++ % COUNT(h->asked)];
    copy(at->item, sizeof(at->item), bytes_from_str(e->item_id));
    copy(at->request, sizeof(at->request), bytes_from_str(e->request_id));
}

static const char *who_asked(const struct host *h, const char *item)
{
    for (size_t i = 0; i < COUNT(h->asked); i++) {
        if (item[0] != '\0' && strcmp(h->asked[i].item, item) == 0) {
            return h->asked[i].request;
        }
    }
    return NULL;
}

static void note_turn(struct audit *a, const struct hub_event *e, const char *state,
                      bool ended)
{
    char turn[AUDIT_WORD];
    char status[AUDIT_WORD];
    copy(turn, sizeof(turn), e->turn);
    copy(status, sizeof(status), e->status);
    audit_turn(a, &(struct audit_turn){.state = state,
                                       .thread_id = e->thread_id,
                                       .turn_id = turn,
                                       .status = status,
                                       .by = e->by,
                                       .ended = ended});
}

static void note_call(struct audit *a, const struct hub_event *e)
{
    static const struct {
        const char *method;
        const char *state;
    } turns[] = {{"turn/start", "started"},
                 {"review/start", "started"},
                 {"turn/steer", "steered"},
                 {"turn/interrupt", "interrupted"}};
    for (size_t i = 0; i < COUNT(turns); i++) {
        if (strcmp(e->method, turns[i].method) == 0) {
            note_turn(a, e, turns[i].state, false);
            return;
        }
    }
    char status[AUDIT_WORD];
    copy(status, sizeof(status), e->status);
    audit_effect(a, &(struct audit_effect){.kind = e->method,
                                           .thread_id = e->thread_id,
                                           .status = status,
                                           .subject = e->detail,
                                           .result = e->result,
                                           .by = e->by});
}

void book_ruled(struct host *h, const char *item_id)
{
    remember_asked(h, &(struct hub_event){.item_id = item_id, .request_id = ""});
}

/* ---- what ran unasked -------------------------------------------------------------- */

static const char *agent_home(const struct host *h, char out[PATH_MAX])
{
    const char *set = getenv("CODEX_HOME");
    const char *home = getenv("HOME");
    enum err e = ERR_NOT_FOUND;
    if (h->engine_status.practice || h->engine_options.practice) {
        e = text_format(out, PATH_MAX, "%s/practice", h->home);
    } else if (h->codex_home[0] != '\0') {
        e = text_format(out, PATH_MAX, "%s", h->codex_home);
    } else if (set != NULL && set[0] != '\0') {
        e = text_format(out, PATH_MAX, "%s", set);
    } else if (home != NULL) {
        e = text_format(out, PATH_MAX, "%s/.codex", home);
    }
    return e == OK ? out : NULL;
}

void book_look_at_rules(struct host *h)
{
    char home[PATH_MAX];
    char dir[PATH_MAX];
    unasked_init(&h->unasked, clock_wall_ms());
    if (agent_home(h, home) != NULL &&
        text_format(dir, sizeof(dir), "%s/rules", home) == OK) {
        h->unasked_rules += unasked_rules(dir);
    }
    if (text_format(dir, sizeof(dir), "%s/.codex/rules", h->cwd) == OK) {
        h->unasked_rules += unasked_rules(dir);
    }
    if (h->unasked_rules != 0) {
        log_warn("policy.codex_rules",
                 "n=%zu next=\"read %s/rules: they count before any question\"",
                 h->unasked_rules, home);
    }
}

json_t *book_policy(const struct host *h)
{
    const struct profile *p = &h->rulebook.profile;
    json_t *out = json_object();
    json_set_str(out, "profile", p->name);
    json_set_str(out, "approvalPolicy", approval_policy_name(p->policy));
    json_set_int(out, "codexRules", (int64_t)h->unasked_rules);
    json_set_int(out, "ranUnasked", (int64_t)h->n_unasked);
    return out;
}

struct ghosts {
    struct host *h;
    const char *thread_id;
};

/* It has no item: neither a request nor an end was told of it. */
static void on_ghost(void *user, const char *call_id, const char *command)
{
    const struct ghosts *g = user;
    if (who_asked(g->h, call_id) != NULL) {
        return;
    }
    g->h->n_unasked++;
    audit_effect(g->h->audit,
                 &(struct audit_effect){.kind = "commandExecution",
                                        .thread_id = g->thread_id,
                                        .item_id = call_id,
                                        .status = "seen in the rollout only",
                                        .subject = command});
}

static void look_for_ghosts(struct host *h, const char *thread_id)
{
    char home[PATH_MAX];
    struct ghosts g = {h, thread_id};
    if (thread_id != NULL && agent_home(h, home) != NULL) {
        unasked_look(&h->unasked, home, thread_id, on_ghost, &g);
    }
}

static void note_effect(struct host *h, const struct hub_event *e)
{
    char turn[AUDIT_WORD];
    char item[AUDIT_WORD];
    char type[AUDIT_WORD];
    char status[AUDIT_WORD];
    copy(turn, sizeof(turn), e->turn);
    copy(item, sizeof(item), e->item);
    copy(type, sizeof(type), e->type);
    copy(status, sizeof(status), e->status);
    if (who_asked(h, item) == NULL && strcmp(type, "commandExecution") == 0) {
        h->n_unasked++;
        log_warn("policy.ran_unasked", "thread=%s", e->thread_id);
    }
    audit_effect(h->audit, &(struct audit_effect){.kind = type,
                                                  .thread_id = e->thread_id,
                                                  .turn_id = turn,
                                                  .item_id = item,
                                                  .request_id = who_asked(h, item),
                                                  .status = status,
                                                  .command = e->command,
                                                  .result = e->result});
    if (who_asked(h, item) == NULL) { // told once, not again from the rollout
        book_ruled(h, item);
    }
}

static void note_request(struct audit *a, const struct hub_event *e)
{
    const struct audit_request r = {.request_id = e->request_id,
                                    .method = e->method,
                                    .thread_id = e->thread_id,
                                    .item_id = e->item_id};
    if (audit_request(a, &r) != OK) {
        log_debug("audit.lost", "type=request");
    }
}

static void note_decision(struct audit *a, const struct hub_event *e)
{
    const struct audit_decision d = {.request_id = e->request_id,
                                     .thread_id = e->thread_id,
                                     .decision = e->detail,
                                     .by = e->by,
                                     .final = true};
    if (audit_decision(a, &d, NULL) != OK) {
        log_debug("audit.lost", "type=decision");
    }
}

/* Refusals cost a peer nothing: a flood of them must not fill the disk. What is left
 * out is counted, and the count is recorded with the next one. */
static bool has_room(struct host *h)
{
    const uint64_t second = loop_now_ms(h->loop) / 1000;
    struct refusals *r = &h->refusals;
    if (r->second != second) {
        if (r->n > REFUSALS_EACH_S) {
            char text[96];
            if (text_format(text, sizeof(text), "%u more within a second",
                            r->n - REFUSALS_EACH_S) == OK) {
                audit_refusal(h->audit, "not recorded", NULL, text, NULL);
            }
        }
        *r = (struct refusals){.second = second};
    }
    return ++r->n <= REFUSALS_EACH_S;
}

void book_event(struct host *h, const struct hub_event *e)
{
    switch (e->kind) {
    case HUB_EVENT_REQUEST:
        remember_asked(h, e);
        if (e->recorded) {
            return;
        }
        note_request(h->audit, e);
        return;
    case HUB_EVENT_DECIDED:
        if (e->recorded) {
            return;
        }
        note_decision(h->audit, e);
        return;
    case HUB_EVENT_OUTSIDE:
        audit_outside(h->audit, e->request_id, e->thread_id);
        return;
    case HUB_EVENT_WITHDRAWN:
        audit_withdrawn(h->audit, e->request_id, e->thread_id, e->detail);
        return;
    case HUB_EVENT_REFUSED:
        if (!has_room(h)) {
            return;
        }
        audit_refusal(h->audit, e->method, e->thread_id, e->detail, e->by);
        return;
    case HUB_EVENT_CLAMPED:
        if (!has_room(h)) {
            return;
        }
        audit_clamp(h->audit, e->method, e->thread_id, e->detail, e->by);
        return;
    case HUB_EVENT_CALLED:
        note_call(h->audit, e);
        return;
    case HUB_EVENT_TURN:
        note_turn(h->audit, e, "started", false);
        return;
    case HUB_EVENT_TURNED:
        note_turn(h->audit, e, "completed", true);
        look_for_ghosts(h, e->thread_id);
        return;
    case HUB_EVENT_EFFECT:
        note_effect(h, e);
        return;
    }
}

const char *book_trouble(void *user)
{
    struct host *h = user;
    return audit_may_act(h->audit) ? NULL : audit_trouble(h->audit);
}

json_t *book_status(const struct host *h)
{
    struct audit_head head;
    char hex[HEX_SIZE(AUDIT_HASH)];
    const struct audit_found *f = audit_found(h->audit);
    json_t *out = json_object();
    audit_head(h->audit, &head);
    hex_encode(BYTES_OF(head.h), hex);
    json_set_int(out, "idx", (int64_t)head.idx);
    json_set_str(out, "head", hex);
    if (audit_trouble(h->audit)[0] != '\0') {
        json_set_str(out, "lastError", audit_trouble(h->audit));
    } else if (f->broken != 0) {
        char text[160];
        if (text_format(text, sizeof(text), "record %llu: %s",
                        (unsigned long long)f->broken,
                        audit_fault_text(f->fault)) == OK) {
            json_set_str(out, "lastError", text);
        }
    }
    return out;
}

/* ---- what devices check --------------------------------------------------------- */

#define HEADERS_MAX 1000 // some 200 KiB: a device's answer is bounded

static bool add_header(void *user, const struct audit_line *line)
{
    json_t *data = user;
    uint8_t payload[AUDIT_HASH];
    char hex[HEX_SIZE(AUDIT_HASH)];
    json_t *row = json_object();
    audit_payload_hash(line->payload, payload);
    json_set_int(row, "idx", (int64_t)line->idx);
    json_set_int(row, "time", (int64_t)line->time_ms);
    json_set_bytes(row, "type", line->type);
    hex_encode(BYTES_OF(payload), hex);
    json_set_str(row, "payloadHash", hex);
    hex_encode(BYTES_OF(line->h), hex);
    json_set_str(row, "h", hex);
    json_push(data, row);
    return true;
}

void book_headers(struct host *h, struct call *call)
{
    uint64_t from = 1;
    uint64_t limit = HEADERS_MAX;
    (void)json_read_u64(call->params, "fromIdx", &from);
    (void)json_read_u64(call->params, "limit", &limit);
    json_t *data = json_array();
    if (audit_each(h->audit, from, limit < HEADERS_MAX ? limit : HEADERS_MAX,
                   add_header, data) != OK) {
        json_decref(data);
        hub_reply_error(call, HUB_ERR_INTERNAL, "the audit log cannot be read", NULL);
        return;
    }
    json_t *out = book_status(h);
    json_set(out, "headers", data);
    hub_reply(call, out);
}
