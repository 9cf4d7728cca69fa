#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/id.h"
#include "host/daemon.h"
#include "host/scope.h"

static const char *const engine_names[] = {
    [ENGINE_STARTING] = "starting",
    [ENGINE_READY] = "ready",
    [ENGINE_LOGIN_REQUIRED] = "loginRequired",
    [ENGINE_DOWN] = "down",
};

static void set_error(json_t *out, const char *error)
{
    if (error[0] != '\0') {
        json_set_str(out, "lastError", error);
    }
}

/* What a person can do about it. */
static void set_next(json_t *out, const char *next)
{
    if (next != NULL) {
        json_set_str(out, "next", next);
    }
}

static json_t *host_part(struct host *h)
{
    char id[HEX_SIZE(16)];
    uint8_t mailbox[ID_SIZE];
    hex_encode(BYTES_OF(h->keys.host_id), id);
    json_t *out = json_object();
    json_set_str(out, "name", h->name);
    json_set_str(out, "state", "running"); // who reads it has the proof in hand
    json_set_int(out, "ageMs", 0);
    json_set_str(out, "version", FARHAND_VERSION);
    json_set_str(out, "hostId", id);
    json_set_str(out, "environmentId", h->remote_enabled ? id : NULL);
    json_set_str(out, "cwd", h->cwd);
    json_set(out, "trust", trust_status(h));
    id_mailbox(sign_key_pub(h->keys.relay), mailbox);
    hex_encode(BYTES_OF(mailbox), id);
    json_set_str(out, "page", h->reach.app[0] == '\0' ? NULL : h->reach.app);
    json_set_str(out, "mailboxId", id); // what a relay's allow-list names
    return out;
}

static json_t *agent_part(const struct host *h)
{
    const struct engine_status *s = &h->engine_status;
    json_t *out = json_object();
    json_set_str(out, "state", engine_names[s->state]);
    json_set_str(out, "version", s->version);
    json_set_str(out, "kind", s->joined ? "joined" : "own");
    json_set_bool(out, "practice", s->practice);
    json_set_bool(out, "shared", s->shared);
    json_set_bool(out, "private", h->engine_options.private_agent);
    json_set_bool(out, "managed", s->managed);
    json_set_bool(out, "selfApproval",
                  s->state == ENGINE_READY && h->door != NULL &&
                      !local_door_knows_agent(h->door));
    json_set(out, "ageMs",
             h->engine_heard_ms == 0 ? json_null()
                                     : json_integer((json_int_t)(loop_now_ms(h->loop) -
                                                                 h->engine_heard_ms)));
    json_set(out, "pid", s->pid == 0 ? json_null() : json_integer((json_int_t)s->pid));
    json_set_bool(out, "silent", h->engine_silent);
    set_error(out, h->engine_silent ? "the agent does not answer: it hangs, or its "
                                      "process is stopped"
                                    : s->error);
    set_next(out, h->engine_silent                    ? "farhand doctor"
                  : s->state == ENGINE_LOGIN_REQUIRED ? "run 'codex login' at the host"
                  : s->state == ENGINE_DOWN           ? "farhand doctor"
                                                      : NULL);
    return out;
}

static void set_age(json_t *out, uint64_t age_ms)
{
    json_set(out, "ageMs",
             age_ms == UINT64_MAX ? json_null() : json_integer((json_int_t)age_ms));
}

/* What a person does next about the relay; NULL: nothing. */
static const char *relay_next(const struct host *h, bool refused)
{
    if (!h->remote_enabled) {
        return "farhand remote-control start";
    }
    if (!h->reach.set) {
        return "give the host a relay: --relay URL";
    }
    if (refused) {
        return "ask its keeper for an invite: --invite-file FILE";
    }
    if (h->link_state == LINK_CONNECTED) {
        return NULL;
    }
    return h->link_state == LINK_CONNECTING ? "wait: it tries by itself"
                                            : "farhand doctor";
}

static json_t *relay_part(const struct host *h)
{
    json_t *out = json_object();
    json_set_str(out, "state", remote_status_name(h));
    json_set_str(out, "url",
                 h->reach.set && h->reach.relay[0] != '\0' ? h->reach.relay : NULL);
    json_set_str(out, "door", h->door_url[0] != '\0' ? h->door_url : NULL);
    struct link_host_status status = {.age_ms = UINT64_MAX};
    if (h->link != NULL) {
        link_host_status(h->link, &status);
    }
    struct diag forbidden = {.text = ""};
    const bool may = requirements_remote(&h->requirements, &forbidden) == OK;
    json_set_bool(out, "forbidden", !may); // by the administrator
    json_set_bool(out, "refused", status.refused);
    set_error(out, may ? h->link_error : forbidden.text);
    set_next(out,
             may ? relay_next(h, status.refused) : "check with your administrator");
    set_age(out, status.age_ms);
    return out;
}

/* The age of the last record that came from it, end to end, and why it is away. */
static void set_proof(const struct host *h, const struct device *device, json_t *row)
{
    struct link_device_status s = {.age_ms = UINT64_MAX, .error = ""};
    if (h->link != NULL) {
        link_host_device_status(h->link, device->row.id, &s);
    }
    set_age(row, s.age_ms);
    set_error(row, device->connected ? "" : s.error);
    set_next(row, device->connected ? NULL : "open the app on it");
}

/* A viewer, and a device for certain threads, learn of no device but themselves. */
static bool may_know(const struct controller_info *you, const struct device *device)
{
    if (you->kind != CONTROLLER_DEVICE ||
        (you->role >= ROLE_APPROVER && scope_is_all(you->scope))) {
        return true;
    }
    return bytes_equal(BYTES_OF(you->device_id), BYTES_OF(device->row.id));
}

struct device_news {
    const char *change;
    const struct store_device *row;
    const char *by;
};

/* Whoever may know of the other devices hears of each that comes, goes or changes. */
static json_t *news_for(void *user, const struct controller_info *who)
{
    const struct device_news *n = user;
    const struct device device = {.row = {.id = {0}}};
    char id[HEX_SIZE(16)];
    if (!may_know(who, &device)) {
        return NULL;
    }
    hex_encode(BYTES_OF(n->row->id), id);
    json_t *out = json_object();
    json_set_str(out, "change", n->change);
    json_set_str(out, "clientId", id);
    json_set_str(out, "displayName", n->row->name);
    json_set_str(out, "role", role_name((enum role)n->row->role));
    json_set_str(out, "person", n->row->person[0] == '\0' ? NULL : n->row->person);
    json_set_str(out, "by", n->by[0] == '\0' ? NULL : n->by);
    return out;
}

void host_announce(struct host *h, const char *change, const struct store_device *row,
                   const char *by)
{
    struct device_news news = {.change = change, .row = row, .by = by};
    hub_tell_each(h->hub, "farhand/device/changed", news_for, &news);
}

static json_t *counts_part(const struct host *h)
{
    int64_t connected = 0;
    for (size_t i = 0; i < devices_count(h->devices); i++) {
        connected += devices_at(h->devices, i)->connected ? 1 : 0;
    }
    json_t *out = json_object();
    json_set_int(out, "paired", (int64_t)devices_count(h->devices));
    json_set_int(out, "connected", connected);
    return out;
}

static json_t *devices_part(const struct host *h, const struct controller_info *you)
{
    json_t *out = json_array();
    for (size_t i = 0; i < devices_count(h->devices); i++) {
        const struct device *device = devices_at(h->devices, i);
        if (!may_know(you, device)) {
            continue;
        }
        char id[HEX_SIZE(16)];
        hex_encode(BYTES_OF(device->row.id), id);
        json_t *row = json_object();
        json_set_str(row, "clientId", id);
        json_set_str(row, "displayName", device->row.name);
        json_set_str(row, "role", role_name(device->role));
        json_set(row, "threads", scope_json(device->row.scope));
        people_set_limits(row, &device->row);
        json_set_bool(row, "connected", device->connected);
        set_proof(h, device, row);
        json_set_int(row, "lastSeenAt", (int64_t)(device->row.last_seen_ms / 1000));
        json_push(out, row);
    }
    return out;
}

static json_t *you_part(const struct controller_info *you)
{
    json_t *out = json_object();
    json_t *caps = json_array();
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t cap = UINT64_C(1) << bit;
        if ((you->caps & cap) != 0 && cap_name(cap) != NULL) {
            json_push(caps, json_string(cap_name(cap)));
        }
    }
    json_set_str(out, "role", role_name(you->role));
    json_set(out, "capabilities", caps);
    json_set_str(out, "displayName", you->name);
    if (you->person[0] != '\0') {
        json_set_str(out, "person", you->person);
    }
    json_set(out, "threads", scope_json(you->scope));
    if (you->until_ms != 0) {
        json_set_int(out, "until", (int64_t)you->until_ms);
    }
    if (you->kind == CONTROLLER_DEVICE) {
        char id[HEX_SIZE(HUB_DEVICE_ID_SIZE)];
        hex_encode(BYTES_OF(you->device_id), id);
        json_set_str(out, "clientId", id);
    }
    return out;
}

/* Nothing wakes a device whose app is closed: said, so that nobody waits for it. */
static json_t *push_part(void)
{
    json_t *out = json_object();
    json_set_str(out, "state", "notSetUp");
    json_set(out, "ageMs", json_null());
    return out;
}

json_t *status_json(struct host *h, const struct controller_info *you)
{
    json_t *out = json_object();
    json_set(out, "host", host_part(h));
    json_set(out, "agent", agent_part(h));
    json_set(out, "relay", relay_part(h));
    json_set(out, "devices", devices_part(h, you));
    json_set(out, "deviceCounts", counts_part(h));
    json_set(out, "push", push_part());
    json_set(out, "audit", book_status(h));
    json_set(out, "policy", book_policy(h));
    json_set_int(out, "controllers", hub_count(h->hub));
    json_set(out, "you", you_part(you));
    return out;
}

void status_read(struct host *h, struct call *call)
{
    admin_look(h); // what it changes shows in the answer
    hub_reply(call, status_json(h, call->by != NULL ? controller_info(call->by)
                                                    : &call->info));
}

void status_stop(struct host *h, struct call *call)
{
    const bool agent_too = json_get_bool(call->params, "agent", true);
    h->stop_agent = agent_too;
    hub_reply(call, json_object());
    h->ops.stop(h->user, agent_too);
}
