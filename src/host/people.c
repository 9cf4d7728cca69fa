#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/daemon.h"
#include "host/scope.h"

#define UNTIL_MAX_MS (UINT64_C(366) * 86400 * 1000)
/* A timer sleeps with the machine, and the wall clock may be set: looked at this often
 * while an invitation runs. */
#define LOOK_MS  30000u
#define LEAVE_MS 500u // for the sentence to get there before its session ends

/* ---- what is asked for --------------------------------------------------------- */

/* "ada " and "ada" are one person. */
static void clean_person(const char *text, char out[STORE_NAME_MAX])
{
    char whole[STORE_NAME_MAX];
    text_sanitize(bytes_from_str(text), whole, sizeof(whole));
    const char *from = whole + strspn(whole, " ");
    size_t len = strlen(from);
    while (len > 0 && from[len - 1] == ' ') {
        len--;
    }
    memcpy(out, from, len);
    out[len] = '\0';
}

static bool read_person(struct call *call, const json_t *params,
                        struct people_limits *out)
{
    const json_t *person = json_object_get(params, "person");
    if (person == NULL || json_is_null(person)) {
        return true;
    }
    if (call->info.kind != CONTROLLER_LOCAL) { // an admin could be a quorum by itself
        hub_reply_error(call, HUB_ERR_RIGHTS,
                        "people are named at the host's own terminal only", NULL);
        return false;
    }
    const char *text = json_string_value(person);
    if (text == NULL || strlen(text) != json_string_length(person) ||
        strlen(text) >= STORE_NAME_MAX) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "person is a name of at most 64 octets, or \"\" for nobody",
                        NULL);
        return false;
    }
    clean_person(text, out->person);
    out->has_person = true;
    return true;
}

static bool read_until(struct call *call, const json_t *params,
                       struct people_limits *out)
{
    const json_t *until = json_object_get(params, "until");
    const uint64_t now = clock_wall_ms();
    if (until == NULL) {
        return true;
    }
    out->has_until = true;
    if (json_is_null(until)) {
        return true;
    }
    const json_int_t at = json_integer_value(until);
    if (!json_is_integer(until) || at <= 0 || (uint64_t)at <= now ||
        (uint64_t)at > now + UNTIL_MAX_MS) {
        hub_reply_error(
            call, HUB_ERR_PARAMS,
            "until is a time to come, in milliseconds since 1970 and at most "
            "a year ahead, or null for no end",
            NULL);
        return false;
    }
    out->until_ms = (uint64_t)at;
    return true;
}

bool people_read_limits(struct call *call, const json_t *params,
                        struct people_limits *out)
{
    const json_t *threads = json_object_get(params, "threads");
    *out = (struct people_limits){.has_scope = threads != NULL};
    if (threads != NULL && scope_read(threads, out->scope) != OK) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "threads is a list of thread ids, or null for all of them",
                        NULL);
        return false;
    }
    return read_person(call, params, out) && read_until(call, params, out);
}

void people_set_limits(json_t *row, const struct store_device *device)
{
    if (device->person[0] != '\0') {
        json_set_str(row, "person", device->person);
    }
    if (device->until_ms != 0) {
        json_set_int(row, "until", (int64_t)device->until_ms);
        json_set_bool(row, "over", clock_wall_ms() >= device->until_ms);
    }
}

/* ---- invitations that end --------------------------------------------------------- */

static void write_time(uint64_t ms, char *out, size_t size)
{
    const time_t at = (time_t)(ms / 1000);
    struct tm tm = {0};
    if (localtime_r(&at, &tm) == NULL ||
        strftime(out, size, "%Y-%m-%d %H:%M %Z", &tm) == 0) {
        out[0] = '\0';
    }
}

void people_say_over(const struct store_device *device, char *out, size_t size)
{
    char at[64];
    write_time(device->until_ms, at, sizeof(at));
    if (text_format(out, size,
                    "Your invitation ended at %s. Ask the host's owner for more time.",
                    at) != OK) {
        out[0] = '\0';
    }
}

/* From here on its calls are refused, nothing of it waits, and it hears nothing more. */
static void end(struct host *h, struct device *device)
{
    char why[160];
    people_say_over(&device->row, why, sizeof(why));
    log_info("device.over", "name=\"%s\"", device->row.name);
    audit_over(h->audit, &device->row);
    pair_cancel_of(h, device->row.id);
    hub_end(h->hub, device->row.id, why);
    device->leaving = true;
    host_announce(h, "ended", &device->row, "");
}

static void on_time(struct timer *t)
{
    struct host *h = CONTAINER_OF(t, struct host, people_timer);
    const uint64_t now = clock_wall_ms();
    for (size_t i = 0; i < devices_count(h->devices); i++) {
        struct device *device = devices_at(h->devices, i);
        if (device->leaving) {
            device->leaving = false;
            if (device_is_over(device, now) && h->link != NULL) {
                link_host_drop(h->link, device->row.id);
            }
        }
        if (device->ending && device_is_over(device, now)) {
            device->ending = false;
            end(h, device);
        }
    }
    people_arm(h);
}

/* How long until there is something to do about it; UINT64_MAX: nothing. */
static uint64_t wait_of(struct device *device, uint64_t now)
{
    const uint64_t at = device->row.until_ms;
    device->ending = at != 0 && (device->ending || at > now);
    if (device->ending) {
        return at > now ? at - now : 0;
    }
    return device->leaving ? LEAVE_MS : UINT64_MAX;
}

void people_arm(struct host *h)
{
    const uint64_t now = clock_wall_ms();
    uint64_t wait = UINT64_MAX;
    for (size_t i = 0; i < devices_count(h->devices) && h->closed == NULL; i++) {
        const uint64_t its = wait_of(devices_at(h->devices, i), now);
        wait = its < wait ? its : wait;
    }
    if (wait == UINT64_MAX) {
        timer_stop(&h->people_timer);
    } else {
        timer_start(h->loop, &h->people_timer, wait < LOOK_MS ? wait : LOOK_MS,
                    on_time);
    }
}

/* ---- farhand/device/update -------------------------------------------------------- */

/* An owner is made at the host's own terminal only (protocol.md 6), and is for every
 * thread and without an end: whoever is less than that is no owner. False: answered. */
static bool check_role(struct call *call, const struct device *device, enum role role,
                       const struct people_limits *limits)
{
    const char *scope = limits->has_scope ? limits->scope : device->row.scope;
    const uint64_t until = limits->has_until ? limits->until_ms : device->row.until_ms;
    const enum role after = role != ROLE_NONE ? role : (enum role)device->row.role;
    if (role == ROLE_OWNER && call->info.kind != CONTROLLER_LOCAL) {
        hub_reply_error(call, HUB_ERR_RIGHTS,
                        "an owner can be made at the host's own terminal only", NULL);
        return false;
    }
    if (after == ROLE_OWNER && (role != ROLE_NONE || limits->has_until) &&
        (until != 0 || (role != ROLE_NONE && scope[0] != '\0'))) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "an owner is not limited: give another role, or no limit",
                        NULL);
        return false;
    }
    return true;
}

static bool read_role(struct call *call, enum role *out)
{
    const char *asked = json_get_str(call->params, "role");
    *out = ROLE_NONE;
    if (asked != NULL && role_parse(bytes_from_str(asked), out) != OK) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "role is one of viewer, approver, operator, owner", NULL);
        return false;
    }
    return true;
}

static bool role_is_forbidden(const struct host *h, struct call *call)
{
    enum role role = ROLE_NONE;
    struct diag why = {.text = ""};
    const char *asked = json_get_str(call->params, "role");
    if (asked == NULL || role_parse(bytes_from_str(asked), &role) != OK ||
        requirements_role(&h->requirements, role, &why) == OK) {
        return false;
    }
    hub_reply_error(call, HUB_ERR_POLICY, why.text, NULL);
    return true;
}

static enum err record(struct host *h, const struct device *device, struct call *call,
                       const struct people_limits *l)
{
    char until[64] = "none";
    if (l->until_ms != 0) {
        write_time(l->until_ms, until, sizeof(until));
    }
    const struct audit_changes news = {
        .name = json_get_str(call->params, "displayName"),
        .role = json_get_str(call->params, "role"),
        .threads = !l->has_scope            ? NULL
                   : scope_is_all(l->scope) ? "all"
                                            : l->scope,
        .person = !l->has_person         ? NULL
                  : l->person[0] == '\0' ? "nobody"
                                         : l->person,
        .until = l->has_until ? until : NULL,
    };
    return audit_change(h->audit, &device->row, &news, &call->info);
}

/* The live table is the authority: it counts from here on. */
static void apply(struct host *h, struct device *device)
{
    hub_rights_changed(h->hub, device->row.id, device->role, device->caps,
                       device->row.name);
    hub_person_changed(h->hub, device->row.id, device->row.person,
                       device->row.until_ms);
    hub_scope_changed(h->hub, device->row.id, device->row.scope);
    if ((device->caps & CAP_ADMIN) == 0) {
        pair_cancel_of(h, device->row.id);
    }
    people_arm(h);
}

void people_update(struct host *h, struct call *call)
{
    const char *id = json_get_str(call->params, "clientId");
    struct device *device = id == NULL ? NULL : devices_find_text(h->devices, id);
    struct people_limits limits;
    enum role role;
    if (device == NULL) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "no such client: remoteControl/client/list names them", NULL);
        return;
    }
    if (role_is_forbidden(h, call) || !read_role(call, &role) ||
        !people_read_limits(call, call->params, &limits) ||
        !check_role(call, device, role, &limits)) {
        return;
    }
    if (record(h, device, call, &limits) != OK) {
        hub_reply_error(call, HUB_ERR_POLICY, audit_trouble(h->audit), NULL);
        return;
    }
    const struct device_change change = {
        .name = json_get_str(call->params, "displayName"),
        .person = limits.has_person ? limits.person : NULL,
        .role = role,
        .scope = limits.has_scope ? limits.scope : NULL,
        .until = limits.has_until ? &limits.until_ms : NULL,
    };
    if (devices_update(h->devices, device, &change) != OK) {
        hub_reply_error(call, HUB_ERR_INTERNAL, "the change could not be stored", NULL);
        return;
    }
    log_info("device.updated", "name=\"%s\" role=%s by=\"%s\"", device->row.name,
             role_name(device->role), call->info.name);
    apply(h, device);
    host_announce(h, "changed", &device->row, call->info.name);
    hub_reply(call, remote_client_row(device));
    host_changed(h);
}
