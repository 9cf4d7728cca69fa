#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "host/daemon.h"
#include "host/scope.h"

#define SETTING_ENABLED "remote_control_enabled"
#define LIST_MAX        100 // Codex's own limit of client/list

static const char *const status_names[] = {
    [LINK_DISABLED] = "disabled",
    [LINK_CONNECTING] = "connecting",
    [LINK_CONNECTED] = "connected",
    [LINK_ERRORED] = "errored",
};

bool remote_is_usable(const struct host *h)
{
    return h->remote_enabled && h->link != NULL;
}

const char *remote_status_name(const struct host *h)
{
    if (!h->remote_enabled) {
        return status_names[LINK_DISABLED];
    }
    if (h->link == NULL) {
        return status_names[LINK_ERRORED];
    }
    // the link tells its first move later, from the loop
    return status_names[h->link_state == LINK_DISABLED ? LINK_CONNECTING
                                                       : h->link_state];
}

/* Codex's installation id is a UUID; ours is a name for the same thing: this host. */
static void installation_id(const struct host *h, char out[37])
{
    char hex[HEX_SIZE(16)];
    hex_encode(BYTES_OF(h->keys.host_id), hex);
    const enum err e = text_format(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
                                   hex + 12, hex + 16, hex + 20);
    if (e != OK) {
        out[0] = '\0';
    }
}

json_t *remote_status(const struct host *h)
{
    char installation[37];
    char environment[HEX_SIZE(16)];
    installation_id(h, installation);
    hex_encode(BYTES_OF(h->keys.host_id), environment);
    json_t *out = json_object();
    json_set_str(out, "status", remote_status_name(h));
    json_set_str(out, "serverName", h->name);
    json_set_str(out, "installationId", installation);
    json_set_str(out, "environmentId", h->remote_enabled ? environment : NULL);
    return out;
}

void remote_tell(struct host *h)
{
    hub_remote_status(h->hub, remote_status(h));
    host_changed(h);
}

void remote_status_read(struct host *h, struct call *call)
{
    hub_reply(call, remote_status(h));
}

static void store_enabled(struct host *h, const json_t *params)
{
    if (json_get_bool(params, "ephemeral", false)) {
        return;
    }
    if (store_setting_put(h->store, SETTING_ENABLED, h->remote_enabled ? 1 : 0) != OK) {
        log_warn("remote.not_stored", "enabled=%d", h->remote_enabled);
    }
}

void remote_enable(struct host *h, struct call *call)
{
    struct diag why = {.text = ""};
    if (admin_forbids_remote(h, &why)) {
        hub_reply_error(call, HUB_ERR_POLICY, why.text, NULL);
        return;
    }
    h->remote_enabled = true;
    store_enabled(h, call->params);
    remote_open_link(h);
    hub_reply(call, remote_status(h));
    remote_tell(h);
}

void remote_disable(struct host *h, struct call *call)
{
    h->remote_enabled = false;
    store_enabled(h, call->params);
    pair_cancel_all(h);
    hub_reply(call, remote_status(h));
    if (h->link != NULL) {
        link_host_stop(h->link);
    }
    remote_tell(h);
}

/* ---- clients ------------------------------------------------------------------ */

json_t *remote_client_row(const struct device *device)
{
    char id[HEX_SIZE(16)];
    hex_encode(BYTES_OF(device->row.id), id);
    const bool web = strncmp(device->row.app, "web", 3) == 0;
    json_t *row = json_object();
    json_set_str(row, "clientId", id);
    json_set_str(row, "displayName", device->row.name);
    json_set_str(row, "deviceType", web ? "browser" : "cli");
    json_set_str(row, "platform", NULL);
    json_set_str(row, "osVersion", NULL);
    json_set_str(row, "deviceModel", NULL);
    json_set_str(row, "appVersion", device->row.app);
    json_set_int(row, "lastSeenAt", (int64_t)(device->row.last_seen_ms / 1000));
    json_t *ours = json_object();
    json_set_bool(ours, "connected", device->connected);
    json_set_str(ours, "role", role_name(device->role));
    json_set(ours, "threads", scope_json(device->row.scope));
    people_set_limits(ours, &device->row);
    json_set(row, "farhand", ours);
    return row;
}

static bool is_our_environment(const struct host *h, const char *text)
{
    char environment[HEX_SIZE(16)];
    hex_encode(BYTES_OF(h->keys.host_id), environment);
    return strcmp(environment, text) == 0;
}

/* False after an answer: the environment is missing or another host's. */
static bool check_environment(struct host *h, struct call *call, const char *what)
{
    const char *environment = json_get_str(call->params, "environmentId");
    char sentence[160];
    if (environment == NULL || environment[0] == '\0') {
        const enum err e =
            text_format(sentence, sizeof(sentence), "%s requires environmentId", what);
        hub_reply_error(call, HUB_ERR_REQUEST, e == OK ? sentence : what, NULL);
        return false;
    }
    if (!is_our_environment(h, environment)) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "environmentId names another host: remoteControl/status/read "
                        "tells this one's",
                        NULL);
        return false;
    }
    return true;
}

struct page {
    uint64_t from;
    uint64_t limit;
    bool descending;
};

/* False after an answer. */
static bool read_page(struct call *call, struct page *page)
{
    int64_t limit = LIST_MAX;
    const json_t *given = json_object_get(call->params, "limit");
    if (given != NULL && !json_is_null(given) &&
        (!json_read_int(call->params, "limit", &limit) || limit < 1 ||
         limit > LIST_MAX)) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "remote control client list limit must be between 1 and 100",
                        NULL);
        return false;
    }
    const char *order = json_get_str(call->params, "order");
    const char *cursor = json_get_str(call->params, "cursor");
    uint64_t from = 0;
    if (cursor != NULL && u64_parse(bytes_from_str(cursor), DEVICES_MAX, &from) != OK) {
        hub_reply_error(call, HUB_ERR_REQUEST, "cursor is not one of ours", NULL);
        return false;
    }
    *page = (struct page){.from = from,
                          .limit = (uint64_t)limit,
                          .descending = order != NULL && strcmp(order, "desc") == 0};
    return true;
}

void remote_client_list(struct host *h, struct call *call)
{
    struct page page;
    if (!check_environment(h, call, "remoteControl/client/list") ||
        !read_page(call, &page)) {
        return;
    }
    const size_t count = devices_count(h->devices);
    json_t *data = json_array();
    uint64_t i = page.from;
    for (; i < count && i < page.from + page.limit; i++) {
        const size_t at = page.descending ? count - 1 - (size_t)i : (size_t)i;
        json_push(data, remote_client_row(devices_at(h->devices, at)));
    }
    char next[24];
    json_t *out = json_object();
    json_set(out, "data", data);
    json_set_str(out, "nextCursor",
                 i < count && text_format(next, sizeof(next), "%llu",
                                          (unsigned long long)i) == OK
                     ? next
                     : NULL);
    hub_reply(call, out);
}

/* protocol.md 6, in its order: durable tombstone and live table, then the sessions and
 * the relay's list. The answer goes out in between, so that a device which revokes
 * itself hears of it. */
void remote_client_revoke(struct host *h, struct call *call)
{
    if (!check_environment(h, call, "remoteControl/client/revoke")) {
        return;
    }
    const char *id = json_get_str(call->params, "clientId");
    if (id == NULL || id[0] == '\0') {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "remoteControl/client/revoke requires clientId", NULL);
        return;
    }
    struct device *device = devices_find_text(h->devices, id);
    if (device == NULL) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "no such client: remoteControl/client/list names them", NULL);
        return;
    }
    uint8_t gone[16];
    memcpy(gone, device->row.id, sizeof(gone));
    struct store_device row = device->row;
    secret_wipe(row.pair_root, sizeof(row.pair_root));
    log_info("device.revoked", "name=\"%s\" by=\"%s\"", device->row.name,
             call->info.name);
    if (devices_revoke(h->devices, device, clock_wall_ms()) != OK) {
        hub_reply_error(call, HUB_ERR_INTERNAL,
                        "the revocation could not be stored: is the disk full?", NULL);
        return;
    }
    audit_revoke(h->audit, &row, NULL, &call->info);
    host_announce(h, "revoked", &row, call->info.name);
    hub_reply(call, json_object());
    hub_revoke(h->hub, gone);
    pair_cancel_of(h, gone);
    if (h->link != NULL) {
        link_host_revoke(h->link, gone);
    }
    host_changed(h);
}
