#include "host/device.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/id.h"
#include "session/grant.h"

#define PREFIX_MIN 4 // a shorter prefix of an id is a typing mistake

struct devices {
    struct store *store;     // keep
    const struct keys *keys; // keep
    struct device at[DEVICES_MAX];
    size_t count;
    enum role most;
};

static void settle(const struct devices *t, struct device *device)
{
    const enum role given = (enum role)device->row.role;
    device->role = given < t->most ? given : t->most;
    device->caps = device->role == given ? device->row.caps : role_caps(device->role);
}

static void load_one(void *user, const struct store_device *row)
{
    struct devices *t = user;
    if (t->count == DEVICES_MAX || !sign_pub_is_valid(row->d)) {
        log_error("device.ignored", "count=%zu", t->count);
        return;
    }
    struct device *device = &t->at[t->count++];
    *device = (struct device){.row = *row};
    settle(t, device);
}

enum err devices_open(struct store *store, const struct keys *keys,
                      struct devices **out)
{
    struct devices *t = secret_page_new(sizeof(*t));
    t->store = store;
    t->keys = keys;
    t->most = ROLE_MAX;
    const enum err e = store_device_each(store, load_one, t);
    if (e != OK) {
        devices_close(t);
        return e;
    }
    *out = t;
    return OK;
}

void devices_close(struct devices *t)
{
    secret_page_free(t, sizeof(*t));
}

size_t devices_count(const struct devices *t)
{
    return t->count;
}

struct device *devices_at(struct devices *t, size_t i)
{
    return &t->at[i];
}

struct device *devices_find(struct devices *t, const uint8_t id[16])
{
    for (size_t i = 0; i < t->count; i++) {
        if (memcmp(t->at[i].row.id, id, sizeof(t->at[i].row.id)) == 0) {
            return &t->at[i];
        }
    }
    return NULL;
}

static bool matches(const struct device *device, const char *text)
{
    char hex[HEX_SIZE(sizeof(device->row.id))];
    hex_encode(BYTES_OF(device->row.id), hex);
    const size_t len = strlen(text);
    return strcmp(device->row.name, text) == 0 ||
           (len >= PREFIX_MIN && strncmp(hex, text, len) == 0);
}

struct device *devices_find_text(struct devices *t, const char *text)
{
    struct device *found = NULL;
    uint8_t id[ID_SIZE];
    size_t len = 0;
    // a whole id is that device, whatever name another one gave itself
    if (hex_decode(bytes_from_str(text), id, sizeof(id), &len) == OK &&
        len == sizeof(id)) {
        return devices_find(t, id);
    }
    for (size_t i = 0; i < t->count; i++) {
        if (!matches(&t->at[i], text)) {
            continue;
        }
        if (found != NULL) {
            return NULL; // two match: better none than the wrong one
        }
        found = &t->at[i];
    }
    return found;
}

enum err devices_add(struct devices *t, const struct store_device *row, uint64_t now_ms)
{
    if (t->count == DEVICES_MAX) {
        return ERR_LIMIT;
    }
    if (devices_find(t, row->id) != NULL || !sign_pub_is_valid(row->d)) {
        return ERR_EXISTS;
    }
    struct device device = {.row = *row};
    device.row.paired_ms = now_ms;
    device.row.last_seen_ms = now_ms;
    device.row.issued_s = now_ms / 1000;
    device.row.not_after_s = now_ms / 1000 + GRANT_LIFE_S;
    const enum err e = store_device_put(t->store, &device.row);
    if (e == OK) {
        settle(t, &device);
        t->at[t->count++] = device;
    }
    secret_wipe(&device, sizeof(device));
    return e;
}

enum err devices_update(struct devices *t, struct device *device,
                        const struct device_change *change)
{
    struct store_device row = device->row;
    if (change->name != NULL) {
        text_sanitize(bytes_from_str(change->name), row.name, sizeof(row.name));
    }
    if (change->person != NULL) {
        text_sanitize(bytes_from_str(change->person), row.person, sizeof(row.person));
    }
    if (change->role != ROLE_NONE) {
        row.role = (uint8_t)change->role;
        row.caps = role_caps(change->role);
    }
    if (change->scope != NULL) {
        text_sanitize(bytes_from_str(change->scope), row.scope, sizeof(row.scope));
    }
    if (change->until != NULL) {
        row.until_ms = *change->until;
    }
    const enum err e = store_device_put(t->store, &row);
    if (e == OK) {
        device->row = row;
        settle(t, device);
    }
    secret_wipe(&row, sizeof(row));
    return e;
}

void devices_cap(struct devices *t, enum role most)
{
    t->most = most;
    for (size_t i = 0; i < t->count; i++) {
        settle(t, &t->at[i]);
    }
}

enum err devices_revoke(struct devices *t, struct device *device, uint64_t now_ms)
{
    const enum err e =
        store_device_revoke(t->store, device->row.id, device->row.serial, now_ms);
    if (e != OK) {
        return e;
    }
    const size_t i = (size_t)(device - t->at);
    memmove(device, device + 1, (t->count - i - 1) * sizeof(*device));
    t->count--;
    secret_wipe(&t->at[t->count], sizeof(t->at[0]));
    return OK;
}

void devices_seen(struct devices *t, struct device *device, bool connected,
                  uint64_t now_ms)
{
    device->connected = connected;
    if (now_ms < device->row.last_seen_ms + DEVICE_SEEN_STEP_MS) {
        return;
    }
    device->row.last_seen_ms = now_ms;
    if (store_device_seen(t->store, device->row.id, now_ms) != OK) {
        log_warn("device.seen_not_stored", "name=\"%s\"", device->row.name);
    }
}

bool device_is_expired(const struct device *device, uint64_t now_ms)
{
    return device->row.not_after_s != 0 && now_ms / 1000 > device->row.not_after_s;
}

bool device_is_over(const struct device *device, uint64_t now_ms)
{
    return device->row.until_ms != 0 && now_ms >= device->row.until_ms;
}

/* It lives as long as a grant does, and no longer than the invitation. */
static uint64_t grant_end_ms(const struct store_device *row)
{
    const uint64_t at = row->not_after_s * 1000;
    return row->until_ms != 0 && row->until_ms < at ? row->until_ms : at;
}

enum err devices_grant(struct devices *t, struct device *device, uint64_t now_ms,
                       struct buf *out)
{
    struct store_device row = device->row;
    row.serial++;
    row.issued_s = now_ms / 1000;
    row.not_after_s = now_ms / 1000 + GRANT_LIFE_S;
    enum err e = store_device_put(t->store, &row);
    if (e == OK) {
        device->row = row;
        struct grant g = {.role = (enum grant_role)device->role,
                          .caps = device->caps,
                          .serial = row.serial,
                          .issued_ms = row.issued_s * 1000,
                          .not_after_ms = grant_end_ms(&row),
                          .proto_min = 1,
                          .person = bytes_from_str(row.person),
                          .name = bytes_from_str(row.name),
                          .scope = bytes_from_str(row.scope)};
        memcpy(g.host_id, t->keys->host_id, sizeof(g.host_id));
        memcpy(g.device_key, row.d, sizeof(g.device_key));
        e = grant_make(&g, t->keys->host, out);
    }
    secret_wipe(&row, sizeof(row));
    return e;
}
