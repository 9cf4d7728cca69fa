#include "host/audit.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "wire/json.h"

/* ---- payloads --------------------------------------------------------------------- */

static void set_text(json_t *out, const char *key, const char *text)
{
    char shown[AUDIT_TEXT_MAX];
    if (text != NULL && text[0] != '\0') {
        text_sanitize(bytes_from_str(text), shown, sizeof(shown));
        json_set_str(out, key, shown);
    }
}

/* What most of a record is: texts by name; NULL and "" are left out. */
struct field {
    const char *key;
    const char *text;
};

static json_t *texts(const struct field *fields, size_t n)
{
    json_t *out = json_object();
    for (size_t i = 0; i < n; i++) {
        set_text(out, fields[i].key, fields[i].text);
    }
    return out;
}

#define TEXTS(...)                             \
    texts((const struct field[]){__VA_ARGS__}, \
          sizeof((const struct field[]){__VA_ARGS__}) / sizeof(struct field))

static void set_hex(json_t *out, const char *key, struct bytes octets)
{
    char hex[HEX_SIZE(64)];
    if (octets.len <= 64) {
        hex_encode(octets, hex);
        json_set_str(out, key, hex);
    }
}

static void set_digest(json_t *out, const char *key, struct bytes octets)
{
    uint8_t digest[HASH_SHA256];
    if (octets.len != 0) {
        hash_sha256(octets, digest);
        set_hex(out, key, BYTES_OF(digest));
    }
}

static void set_octets(json_t *out, const char *key, struct bytes octets)
{
    if (octets.len == 0) {
        return;
    }
    struct buf text;
    uint8_t *to = NULL;
    buf_init(&text, AUDIT_PAYLOAD_MAX + 1);
    if (buf_reserve(&text, B64URL_SIZE(octets.len), &to) == OK) {
        b64url_encode(octets, (char *)to);
        json_set_str(out, key, (const char *)to);
    }
    buf_fini(&text);
}

static void set_by(json_t *out, const struct controller_info *by)
{
    static const char *const kinds[] = {[CONTROLLER_LOCAL] = "local",
                                        [CONTROLLER_TCP] = "tcp",
                                        [CONTROLLER_DEVICE] = "device"};
    json_t *who = json_object();
    json_set_str(who, "kind", by == NULL ? "host" : kinds[by->kind]);
    if (by != NULL) {
        set_text(who, "name", by->name);
        set_text(who, "person", by->person);
        json_set_str(who, "role", role_name(by->role));
    }
    if (by != NULL && by->kind == CONTROLLER_DEVICE) {
        set_hex(who, "clientId", BYTES_OF(by->device_id));
    }
    if (by != NULL && by->kind == CONTROLLER_LOCAL && by->pid != 0) {
        json_set_int(who, "pid", by->pid);
        set_text(who, "exe", by->exe);
    }
    json_set(out, "by", who);
}

static void set_device(json_t *out, const struct store_device *row)
{
    set_hex(out, "clientId", BYTES_OF(row->id));
    set_text(out, "name", row->name);
    set_text(out, "person", row->person);
    json_set_str(out, "role", role_name((enum role)row->role));
    set_text(out, "threads", row->scope);
    if (row->until_ms != 0) {
        json_set_int(out, "until", (int64_t)row->until_ms);
    }
}

/* `payload` is taken. */
static enum err put(struct audit *a, const char *type, json_t *payload, bool sync,
                    uint64_t *idx)
{
    struct buf text;
    buf_init(&text, AUDIT_PAYLOAD_MAX);
    enum err e = json_print(payload, &text);
    if (e == OK) {
        e = audit_append(a, type, buf_bytes(&text), clock_wall_ms(), sync, idx);
    }
    if (e != OK) {
        log_error("audit.refused", "type=\"%s\" reason=\"%s\"", type, err_text(e));
    }
    buf_fini(&text);
    json_decref(payload);
    return e;
}

/* What has happened already: audit_trouble() says that it could not be written. */
static void note(struct audit *a, const char *type, json_t *payload)
{
    const enum err e = put(a, type, payload, false, NULL);
    if (e != OK) {
        log_debug("audit.lost", "type=\"%s\"", type);
    }
}

/* ---- the host itself ----------------------------------------------------------------- */

static enum err recovered(struct audit *a)
{
    const struct audit_found *f = audit_found(a);
    if (f->torn == 0 && f->broken == 0) {
        return OK;
    }
    json_t *out = json_object();
    if (f->torn != 0) {
        json_set_int(out, "dropped", (int64_t)f->torn);
        set_hex(out, "digest", BYTES_OF(f->torn_hash));
    }
    if (f->broken != 0) {
        json_set_int(out, "broken", (int64_t)f->broken);
        set_text(out, "fault", audit_fault_text(f->fault));
    }
    log_error("audit.recovered", "dropped=%llu broken=%llu",
              (unsigned long long)f->torn, (unsigned long long)f->broken);
    return put(a, "recovered", out, true, NULL);
}

enum err audit_start(struct audit *a, const struct keys *keys, const char *version)
{
    json_t *out = json_object();
    set_hex(out, "hostKey", (struct bytes){sign_key_pub(keys->host), SIGN_PUB});
    json_set_int(out, "created", (int64_t)audit_created(a));
    json_set_str(out, "version", version);
    const enum err e = put(a, "start", out, true, NULL);
    return e != OK ? e : recovered(a);
}

bool audit_may_act(struct audit *a)
{
    if (audit_trouble(a)[0] == '\0') {
        return true;
    }
    json_t *out = json_object();
    set_text(out, "after", audit_trouble(a));
    return put(a, "recovered", out, true, NULL) == OK;
}

/* ---- devices ---------------------------------------------------------------------------- */

enum err audit_pair(struct audit *a, const struct store_device *row, const char *how,
                    const struct controller_info *by)
{
    json_t *out = TEXTS({"app", row->app}, {"how", how});
    set_device(out, row);
    set_hex(out, "key", BYTES_OF(row->d));
    set_by(out, by);
    return put(a, "pair", out, true, NULL);
}

enum err audit_grant(struct audit *a, const struct device *device, struct bytes grant)
{
    json_t *out = json_object();
    set_device(out, &device->row);
    json_set_int(out, "serial", (int64_t)device->row.serial);
    set_octets(out, "grant", grant);
    return put(a, "grant", out, false, NULL);
}

enum err audit_change(struct audit *a, const struct store_device *before,
                      const struct audit_changes *news,
                      const struct controller_info *by)
{
    json_t *out = TEXTS({"newName", news->name}, {"newRole", news->role},
                        {"newThreads", news->threads}, {"newPerson", news->person},
                        {"newUntil", news->until});
    set_device(out, before);
    set_by(out, by);
    return put(a, "policy", out, true, NULL);
}

void audit_over(struct audit *a, const struct store_device *row)
{
    json_t *out = TEXTS({"what", "invitation"}, {"value", "ended"});
    set_device(out, row);
    set_by(out, NULL);
    note(a, "policy", out);
}

void audit_revoke(struct audit *a, const struct store_device *row, const char *why,
                  const struct controller_info *by)
{
    json_t *out = TEXTS({"reason", why});
    set_device(out, row);
    json_set_int(out, "serial", (int64_t)row->serial);
    set_by(out, by);
    note(a, "revoke", out);
}

enum err audit_policy(struct audit *a, const char *what, const char *value,
                      const struct controller_info *by)
{
    json_t *out = TEXTS({"what", what}, {"value", value});
    set_by(out, by);
    return put(a, "policy", out, true, NULL);
}

/* ---- requests and decisions ---------------------------------------------------------------- */

enum err audit_request(struct audit *a, const struct audit_request *r)
{
    json_t *out = TEXTS({"requestId", r->request_id}, {"method", r->method},
                        {"threadId", r->thread_id}, {"turnId", r->turn_id},
                        {"itemId", r->item_id});
    set_octets(out, "request", r->request);
    return put(a, "request", out, false, NULL);
}

enum err audit_decision(struct audit *a, const struct audit_decision *d, uint64_t *idx)
{
    json_t *out =
        TEXTS({"requestId", d->request_id}, {"threadId", d->thread_id},
              {"decision", d->decision}, {"via", d->via}, {"reason", d->reason});
    json_set_bool(out, "final", d->final);
    set_by(out, d->by);
    set_octets(out, "a", d->a);
    set_octets(out, "sig", d->sig);
    set_digest(out, "result", d->result);
    return put(a, "decision", out, true, idx);
}

enum err audit_take_back(struct audit *a, const struct audit_decision *d, uint64_t idx)
{
    json_t *out = TEXTS({"method", "farhand/approval/decide"},
                        {"threadId", d->thread_id}, {"requestId", d->request_id},
                        {"reason", "the decision could not be stored"});
    json_set_int(out, "decision", (int64_t)idx);
    set_by(out, d->by);
    return put(a, "refusal", out, true, NULL);
}

void audit_replayed(struct audit *a, const char *request_id, uint64_t idx,
                    const char *why)
{
    json_t *out = TEXTS({"requestId", request_id}, {"reason", why});
    json_set_int(out, "decision", (int64_t)idx);
    note(a, "recovered", out);
}

enum err audit_ruling(struct audit *a, const struct audit_ruling *r)
{
    return put(a, "policy decision",
               TEXTS({"method", r->method}, {"threadId", r->thread_id},
                     {"itemId", r->item_id}, {"decision", r->decision},
                     {"via", "policy"}, {"rule", r->rule}, {"profile", r->profile},
                     {"because", r->because}, {"command", r->command}),
               true, NULL);
}

void audit_outside(struct audit *a, const char *request_id, const char *thread_id)
{
    note(a, "outside decision",
         TEXTS({"requestId", request_id}, {"threadId", thread_id}));
}

void audit_withdrawn(struct audit *a, const char *request_id, const char *thread_id,
                     const char *why)
{
    note(a, "withdrawn",
         TEXTS({"requestId", request_id}, {"threadId", thread_id}, {"reason", why}));
}

/* ---- work ------------------------------------------------------------------------------------ */

void audit_turn(struct audit *a, const struct audit_turn *t)
{
    json_t *out = TEXTS({"state", t->state}, {"threadId", t->thread_id},
                        {"turnId", t->turn_id}, {"status", t->status});
    if (t->by != NULL) {
        set_by(out, t->by);
    } else if (!t->ended) {
        json_set(out, "by", json_pack("{s:s}", "kind", "outside"));
    }
    note(a, "turn", out);
}

/* The text of a JSON string as it came, cut. */
static void set_command(json_t *out, struct bytes raw)
{
    struct buf text;
    const char *plain = NULL;
    buf_init(&text, AUDIT_PAYLOAD_MAX);
    if (raw.len != 0 && json_raw_text(raw, &text) == OK &&
        buf_cstr(&text, &plain) == OK) {
        set_text(out, "command", plain);
    }
    buf_fini(&text);
}

void audit_effect(struct audit *a, const struct audit_effect *e)
{
    json_t *out =
        TEXTS({"kind", e->kind}, {"threadId", e->thread_id}, {"turnId", e->turn_id},
              {"itemId", e->item_id}, {"status", e->status});
    set_command(out, e->command);
    set_text(out, "command", e->subject);
    set_digest(out, "digest", e->result);
    if (e->by != NULL) {
        set_by(out, e->by);
    } else {
        json_set_bool(out, "asked", e->request_id != NULL);
        set_text(out, "requestId", e->request_id);
    }
    note(a, "effect", out);
}

void audit_refusal(struct audit *a, const char *method, const char *thread_id,
                   const char *reason, const struct controller_info *by)
{
    json_t *out =
        TEXTS({"method", method}, {"threadId", thread_id}, {"reason", reason});
    set_by(out, by);
    note(a, "refusal", out);
}

void audit_clamp(struct audit *a, const char *method, const char *thread_id,
                 const char *fields, const struct controller_info *by)
{
    json_t *out =
        TEXTS({"method", method}, {"threadId", thread_id}, {"fields", fields});
    set_by(out, by);
    note(a, "clamp", out);
}
