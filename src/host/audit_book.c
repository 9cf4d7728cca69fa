#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/daemon.h"

/* The log of the running host: opened, signed from time to time, closed. */

#define POINT_MS    60000 // a checkpoint follows a record within this time
#define DECISION_MS 50    // … and a decision at once, after the others of its batch

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
    e = e != OK ? e : audit_open(path, h->keys.host_id, clock_wall_ms(), &h->audit, d);
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

static void note_request(struct audit *a, const struct hub_event *e)
{
    const struct audit_request r = {
        .request_id = e->request_id, .method = e->method, .thread_id = e->thread_id};
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

void book_event(struct host *h, const struct hub_event *e)
{
    switch (e->kind) {
    case HUB_EVENT_REQUEST:
        note_request(h->audit, e);
        return;
    case HUB_EVENT_DECIDED:
        note_decision(h->audit, e);
        return;
    case HUB_EVENT_OUTSIDE:
        audit_outside(h->audit, e->request_id, e->thread_id);
        return;
    case HUB_EVENT_WITHDRAWN:
        audit_withdrawn(h->audit, e->request_id, e->thread_id, e->detail);
        return;
    case HUB_EVENT_REFUSED:
        audit_refusal(h->audit, e->method, e->thread_id, e->detail, e->by);
        return;
    case HUB_EVENT_CLAMPED:
        audit_clamp(h->audit, e->method, e->thread_id, e->detail, e->by);
        return;
    }
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
