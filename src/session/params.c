#include "session/params.h"

#include <string.h>

#include "wire/tlv.h"

enum { // both
    TAG_VERSION = 1,
    TAG_FEATURES = 2,
    // host
    TAG_COMMIT = 3,
    TAG_HOST_NAME = 4,
    TAG_TIME = 5,
    // device
    TAG_RANDOM = 3,
    TAG_DEVICE_NAME = 4,
    TAG_RELAY_KEY = 5,
    TAG_ROLE = 6,
    TAG_SERIAL = 7,
    TAG_AUDIT = 8,
    TAG_LANE = 9,
};

enum { TEXT_MAX = 256, AUDIT_SIZE = 8 + 32, LANE_SIZE = 4 + 8 };

static const struct tlv_rule host_rules[] = {
    {TAG_VERSION, 0, TEXT_MAX, 0},
    {TAG_FEATURES, 8, 8, 0},
    {TAG_COMMIT, SAS_COMMIT, SAS_COMMIT, 0},
    {TAG_HOST_NAME, 0, TEXT_MAX, 0},
    {TAG_TIME, 8, 8, 0},
};

static const struct tlv_rule device_rules[] = {
    {TAG_VERSION, 0, TEXT_MAX, 0},
    {TAG_FEATURES, 8, 8, 0},
    {TAG_RANDOM, SAS_DEVICE_RANDOM, SAS_DEVICE_RANDOM, 0},
    {TAG_DEVICE_NAME, 0, TEXT_MAX, 0},
    {TAG_RELAY_KEY, SIGN_PUB, SIGN_PUB, 0},
    {TAG_ROLE, 1, 1, 0},
    {TAG_SERIAL, 8, 8, 0},
    {TAG_AUDIT, AUDIT_SIZE, AUDIT_SIZE, 0},
    {TAG_LANE, LANE_SIZE, LANE_SIZE, 0},
};

static uint64_t get_u64(struct bytes in, uint8_t tag)
{
    struct bytes v = BYTES_NONE;
    return tlv_get(in, tag, &v) ? be64_read(v.at) : 0;
}

static struct bytes get_text(struct bytes in, uint8_t tag)
{
    struct bytes v = BYTES_NONE;
    return tlv_get(in, tag, &v) ? v : BYTES_NONE;
}

static bool get_fixed(struct bytes in, uint8_t tag, uint8_t *out, size_t size)
{
    struct bytes v = BYTES_NONE;
    if (!tlv_get(in, tag, &v)) {
        return false;
    }
    memcpy(out, v.at, size);
    return true;
}

/* ---- host -------------------------------------------------------------------------- */

enum err host_params_write(const struct host_params *p, struct buf *out)
{
    enum err e = tlv_put(out, TAG_VERSION, p->version);
    e = e == OK ? tlv_put_u64(out, TAG_FEATURES, p->features) : e;
    if (e == OK && p->has_commit) {
        e = tlv_put(out, TAG_COMMIT, BYTES_OF(p->commit));
    }
    e = e == OK ? tlv_put(out, TAG_HOST_NAME, p->name) : e;
    if (e == OK && p->time_ms != 0) {
        e = tlv_put_u64(out, TAG_TIME, p->time_ms);
    }
    return e;
}

enum err host_params_read(struct bytes in, struct host_params *out)
{
    const enum err e = tlv_check(in, host_rules, COUNT(host_rules));
    if (e != OK) {
        return e;
    }
    *out = (struct host_params){
        .version = get_text(in, TAG_VERSION),
        .features = get_u64(in, TAG_FEATURES),
        .name = get_text(in, TAG_HOST_NAME),
        .time_ms = get_u64(in, TAG_TIME),
    };
    out->has_commit = get_fixed(in, TAG_COMMIT, out->commit, sizeof(out->commit));
    return OK;
}

/* ---- device ------------------------------------------------------------------------ */

static enum err put_audit(const struct session_audit *a, struct buf *out)
{
    uint8_t raw[AUDIT_SIZE];
    if (!a->known) {
        return OK;
    }
    be64_write(raw, a->idx);
    memcpy(raw + 8, a->head, sizeof(a->head));
    return tlv_put(out, TAG_AUDIT, BYTES_OF(raw));
}

static enum err put_lane(const struct lane_claim *c, struct buf *out)
{
    uint8_t raw[LANE_SIZE];
    if (!c->known) {
        return OK;
    }
    be32_write(raw, c->epoch);
    be64_write(raw + 4, c->last_recv);
    return tlv_put(out, TAG_LANE, BYTES_OF(raw));
}

enum err device_params_write(const struct device_params *p, struct buf *out)
{
    enum err e = tlv_put(out, TAG_VERSION, p->version);
    e = e == OK ? tlv_put_u64(out, TAG_FEATURES, p->features) : e;
    if (e == OK && p->has_random) {
        e = tlv_put(out, TAG_RANDOM, BYTES_OF(p->random));
    }
    e = e == OK ? tlv_put(out, TAG_DEVICE_NAME, p->name) : e;
    if (e == OK && p->has_relay_key) {
        e = tlv_put(out, TAG_RELAY_KEY, BYTES_OF(p->relay_key));
    }
    if (e == OK && p->role_asked != 0) {
        e = tlv_put_u8(out, TAG_ROLE, p->role_asked);
    }
    if (e == OK && p->grant_serial != 0) {
        e = tlv_put_u64(out, TAG_SERIAL, p->grant_serial);
    }
    e = e == OK ? put_audit(&p->audit, out) : e;
    return e == OK ? put_lane(&p->lane, out) : e;
}

enum err device_params_read(struct bytes in, struct device_params *out)
{
    struct bytes v = BYTES_NONE;
    const enum err e = tlv_check(in, device_rules, COUNT(device_rules));
    if (e != OK) {
        return e;
    }
    *out = (struct device_params){
        .version = get_text(in, TAG_VERSION),
        .features = get_u64(in, TAG_FEATURES),
        .name = get_text(in, TAG_DEVICE_NAME),
        .grant_serial = get_u64(in, TAG_SERIAL),
    };
    out->has_random = get_fixed(in, TAG_RANDOM, out->random, sizeof(out->random));
    out->has_relay_key =
        get_fixed(in, TAG_RELAY_KEY, out->relay_key, sizeof(out->relay_key));
    (void)get_fixed(in, TAG_ROLE, &out->role_asked, 1);
    if (tlv_get(in, TAG_AUDIT, &v)) {
        out->audit.known = true;
        out->audit.idx = be64_read(v.at);
        memcpy(out->audit.head, v.at + 8, sizeof(out->audit.head));
    }
    if (tlv_get(in, TAG_LANE, &v)) {
        out->lane = (struct lane_claim){true, be32_read(v.at), be64_read(v.at + 4)};
    }
    return OK;
}
