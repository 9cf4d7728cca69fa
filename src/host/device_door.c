#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/id.h"
#include "host/daemon.h"
#include "session/session.h"

#define SETTING_AUTH "relay_auth_counter"

/* One stream of a device = one controller of the hub (protocol.md 5.2). */
struct visitor {
    struct host *h; // keep
    struct link_stream *stream;
    struct controller *controller;
};

/* ---- hub -> device -------------------------------------------------------------- */

static void visitor_send(void *user, struct blob *text)
{
    struct visitor *v = user;
    link_stream_send(v->stream, text);
}

static void visitor_send_delta(void *user, struct blob *text, const struct delta *at)
{
    struct visitor *v = user;
    link_stream_send_delta(v->stream, text, at);
}

static void visitor_close(void *user, uint16_t ws_code, const char *reason)
{
    struct visitor *v = user;
    log_info("device.stream_closed", "code=%u reason=\"%s\"", (unsigned)ws_code,
             reason);
    link_stream_close(v->stream); // on_stream_closed() follows and detaches
}

static const struct controller_ops visitor_ops = {
    .send = visitor_send, .send_delta = visitor_send_delta, .close = visitor_close};

/* ---- device -> hub -------------------------------------------------------------- */

static void on_stream_open(void *user, struct link_stream *st, const uint8_t id[16])
{
    struct host *h = user;
    const struct device *device = devices_find(h->devices, id);
    if (device == NULL || device_is_over(device, clock_wall_ms())) {
        link_stream_close(st);
        return;
    }
    struct visitor *v = mem_new(sizeof(*v));
    struct controller_info info = {.kind = CONTROLLER_DEVICE,
                                   .role = device->role,
                                   .caps = device->caps,
                                   .until_ms = device->row.until_ms};
    memcpy(info.device_id, id, sizeof(info.device_id));
    memcpy(info.name, device->row.name, sizeof(info.name));
    memcpy(info.scope, device->row.scope, sizeof(info.scope));
    memcpy(info.person, device->row.person, sizeof(info.person));
    *v = (struct visitor){.h = h, .stream = st};
    link_stream_set_user(st, v);
    v->controller = hub_attach(h->hub, &info, &visitor_ops, v);
}

static void on_stream_text(void *user, struct link_stream *st, struct bytes text)
{
    struct host *h = user;
    const struct visitor *v = link_stream_user(st);
    if (v != NULL) {
        commands_input(h, v->controller, st, text);
    }
}

static void on_stream_closed(void *user, struct link_stream *st)
{
    (void)user;
    struct visitor *v = link_stream_user(st);
    if (v != NULL) {
        hub_detach(v->controller);
        mem_free(v);
    }
}

/* ---- sessions --------------------------------------------------------------------- */

static size_t on_peers(void *user, struct link_peer *out, size_t max)
{
    struct host *h = user;
    size_t n = 0;
    for (size_t i = 0; i < devices_count(h->devices) && n < max; i++) {
        const struct device *device = devices_at(h->devices, i);
        if (device_is_expired(device, clock_wall_ms())) {
            continue;
        }
        memcpy(out[n].device_id, device->row.id, sizeof(out[n].device_id));
        memcpy(out[n].key, device->row.d, sizeof(out[n].key));
        memcpy(out[n].pair_root, device->row.pair_root, sizeof(out[n].pair_root));
        id_relay_device(device->row.dr, out[n].relay_tag);
        n++;
    }
    return n;
}

static void on_opened(void *user, struct link_session *s,
                      const struct link_claim *claim)
{
    struct host *h = user;
    struct device *device = devices_find(h->devices, claim->device_id);
    if (device != NULL && device_is_expired(device, clock_wall_ms())) {
        link_session_deny(s, DENIED_EXPIRED,
                          "This device was away too long: pair it again.");
        return;
    }
    if (device != NULL && device_is_over(device, clock_wall_ms())) {
        char why[160];
        people_say_over(&device->row, why, sizeof(why));
        link_session_deny(s, DENIED_EXPIRED, why);
        return;
    }
    admin_look(h);
    struct diag forbidden = {.text = ""};
    if (requirements_remote(&h->requirements, &forbidden) != OK) {
        link_session_deny(s, DENIED_FORBIDDEN, forbidden.text);
        return;
    }
    if (device == NULL || !h->remote_enabled) {
        link_session_deny(s, device == NULL ? DENIED_REVOKED : DENIED_FORBIDDEN,
                          device == NULL ? "This device was revoked."
                                         : "Remote control is disabled on this host.");
        return;
    }
    struct buf grant;
    buf_init(&grant, GRANT_MAX);
    if (devices_grant(h->devices, device, clock_wall_ms(), &grant) != OK ||
        audit_grant(h->audit, device, buf_bytes(&grant)) != OK) {
        log_error("device.no_grant", "name=\"%s\"", device->row.name);
        buf_clear(&grant); // it goes on with the one that it holds
    }
    devices_seen(h->devices, device, true, clock_wall_ms());
    ledger_present(h, claim->device_id, claim->th4);
    log_info("device.connected", "name=\"%s\"", device->row.name);
    link_session_ready(s, buf_bytes(&grant));
    buf_fini(&grant);
    host_changed(h);
}

static void on_closed(void *user, struct link_session *s)
{
    struct host *h = user;
    pair_session_closed(h, s);
    bool changed = false;
    for (size_t i = 0; i < devices_count(h->devices); i++) {
        struct device *device = devices_at(h->devices, i);
        const bool live =
            h->link != NULL && link_host_connected(h->link, device->row.id);
        if (device->connected && !live) {
            log_info("device.disconnected", "name=\"%s\"", device->row.name);
            devices_seen(h->devices, device, false, clock_wall_ms());
            changed = true;
        }
    }
    if (changed) {
        host_changed(h);
    }
}

static bool on_may_enrol(void *user, const uint8_t device_key[32])
{
    struct host *h = user;
    uint8_t id[ID_SIZE];
    bool revoked = true;
    id_device(device_key, id);
    return store_is_revoked(h->store, id, &revoked) == OK && !revoked;
}

static void on_box_lost(void *user, const uint8_t pair_id[16])
{
    struct host *h = user;
    struct invite *v = invites_find(&h->invites, pair_id);
    if (v != NULL && v->m.state == INVITE_OPEN) {
        link_host_box_close(h->link, pair_id);
        invite_end(v, INVITE_CANCELED);
        pair_tell(h, v);
    }
}

static void on_state(void *user, enum link_state state, const char *error)
{
    struct host *h = user;
    h->link_state = state;
    if (text_format(h->link_error, sizeof(h->link_error), "%s", error) != OK) {
        h->link_error[sizeof(h->link_error) - 1] = '\0';
    }
    log_info("relay.state", "state=%d error=\"%s\"", (int)state, h->link_error);
    remote_tell(h);
}

/* Counters that rise for ever: stored before they are used (protocol.md 5.3, 8). */
uint64_t host_next_counter(struct host *h, const char *name)
{
    uint64_t value = 0;
    if (store_setting_get(h->store, name, &value) == ERR_IO) {
        log_error("store.counter", "name=%s", name);
        return clock_wall_ms() / 1000; // above any count so far; what is stored stays
    }
    value++;
    if (store_setting_put(h->store, name, value) != OK) {
        log_error("store.counter", "name=%s", name);
    }
    return value;
}

static uint64_t on_next_auth_counter(void *user)
{
    return host_next_counter(user, SETTING_AUTH);
}

static void on_audit_head(void *user, uint64_t *idx, uint8_t out[32])
{
    const struct host *h = user;
    struct audit_head head;
    if (audit_sync(h->audit) !=
        OK) { // what a device remembers must outlive a power cut
        log_error("audit.not_synced", "reason=\"%s\"", audit_trouble(h->audit));
    }
    audit_head(h->audit, &head);
    *idx = head.idx;
    memcpy(out, head.h, sizeof(head.h));
}

const struct link_host_ops *device_door_ops(void)
{
    static const struct link_host_ops ops = {
        .peers = on_peers,
        .may_enrol = on_may_enrol,
        .pairing_failed = pair_failed,
        .box_lost = on_box_lost,
        .claimed = pair_claimed,
        .enrolled = pair_enrolled,
        .opened = on_opened,
        .closed = on_closed,
        .stream_open = on_stream_open,
        .stream_text = on_stream_text,
        .stream_closed = on_stream_closed,
        .state = on_state,
        .lane_load = commands_lane_load,
        .lane_commit = commands_lane_commit,
        .next_auth_counter = on_next_auth_counter,
        .audit_head = on_audit_head,
    };
    return &ops;
}
