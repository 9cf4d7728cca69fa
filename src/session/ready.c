#include "session/ready.h"

#include <string.h>

#include "wire/tlv.h"

enum {
    READY_GRANT = 1,
    READY_MAILBOX = 2,
    READY_EPOCH = 3,
    READY_LAST_RECV = 4,
    READY_AUDIT = 5,
    READY_URL = 6,
    READY_NAME = 7,
    READY_PADDING = 8,
    PENDING_RANDOM = 1,
    PENDING_ROLE = 2,
    PENDING_NAME = 3,
    PENDING_EXPIRES = 4,
};

enum { TEXT_MAX = 256, URL_MAX_OCTETS = 255, AUDIT_SIZE = 8 + 32 };

static const struct tlv_rule ready_rules[] = {
    {READY_GRANT, 1, GRANT_MAX, 0},
    {READY_MAILBOX, ID_SIZE, ID_SIZE, 0},
    {READY_EPOCH, 4, 4, 0},
    {READY_LAST_RECV, 8, 8, 0},
    {READY_AUDIT, AUDIT_SIZE, AUDIT_SIZE, 0},
    {READY_URL, 1, URL_MAX_OCTETS, TLV_REPEATED},
    {READY_NAME, 0, TEXT_MAX, 0},
    {READY_PADDING, 1, 1, 0},
};

static const struct tlv_rule pending_rules[] = {
    {PENDING_RANDOM, SAS_HOST_RANDOM, SAS_HOST_RANDOM, TLV_REQUIRED},
    {PENDING_ROLE, 1, 1, 0},
    {PENDING_NAME, 0, TEXT_MAX, 0},
    {PENDING_EXPIRES, 8, 8, 0},
};

/* ---- READY ------------------------------------------------------------------------- */

static enum err put_lane(const struct lane_offer *lane, struct buf *out)
{
    if (lane == NULL) {
        return OK;
    }
    const enum err e = tlv_put_u32(out, READY_EPOCH, lane->epoch);
    if (e != OK || !lane->recv_known) {
        return e; // absent: the host has lost count
    }
    return tlv_put_u64(out, READY_LAST_RECV, lane->last_recv);
}

static enum err put_audit(const struct session_audit *a, struct buf *out)
{
    uint8_t raw[AUDIT_SIZE];
    if (!a->known) {
        return OK;
    }
    be64_write(raw, a->idx);
    memcpy(raw + 8, a->head, sizeof(a->head));
    return tlv_put(out, READY_AUDIT, BYTES_OF(raw));
}

enum err ready_write(const struct session_welcome *w, const struct lane_offer *lane,
                     struct buf *out)
{
    const struct bytes mailbox = BYTES_OF(w->mailbox_id);
    enum err e = w->grant.len != 0 ? tlv_put(out, READY_GRANT, w->grant) : OK;
    e = e == OK ? tlv_put(out, READY_MAILBOX, mailbox) : e;
    e = e == OK ? put_lane(lane, out) : e;
    e = e == OK ? put_audit(&w->audit, out) : e;
    for (size_t i = 0; e == OK && i < w->n_urls; i++) {
        e = tlv_put(out, READY_URL, w->urls[i]);
    }
    e = e == OK ? tlv_put(out, READY_NAME, w->host_name) : e;
    return e == OK ? tlv_put_u8(out, READY_PADDING, (uint8_t)w->padding) : e;
}

static void read_urls(struct bytes in, struct session_welcome *w)
{
    struct cursor c = {in};
    while (w->n_urls < SESSION_URLS_MAX &&
           tlv_next(&c, READY_URL, &w->urls[w->n_urls])) {
        w->n_urls++;
    }
}

static enum err read_padding(struct bytes in, struct session_welcome *w)
{
    struct bytes v = BYTES_NONE;
    w->padding = PADDING_PADME;
    if (!tlv_get(in, READY_PADDING, &v)) {
        return OK;
    }
    if (v.at[0] > PADDING_B1K) {
        return ERR_PROTO;
    }
    w->padding = (enum session_padding)v.at[0];
    return OK;
}

enum err ready_read(struct bytes in, struct session_welcome *w, struct lane_offer *lane)
{
    struct bytes v = BYTES_NONE;
    enum err e = tlv_check(in, ready_rules, COUNT(ready_rules));
    if (e != OK) {
        return e;
    }
    *w = (struct session_welcome){.n_urls = 0};
    *lane = (struct lane_offer){.epoch = 0};
    (void)tlv_get(in, READY_GRANT, &w->grant);
    (void)tlv_get(in, READY_NAME, &w->host_name);
    if (tlv_get(in, READY_MAILBOX, &v)) {
        memcpy(w->mailbox_id, v.at, ID_SIZE);
    }
    if (tlv_get(in, READY_EPOCH, &v)) {
        lane->epoch = be32_read(v.at);
    }
    if (tlv_get(in, READY_LAST_RECV, &v)) {
        lane->recv_known = true;
        lane->last_recv = be64_read(v.at);
    }
    if (tlv_get(in, READY_AUDIT, &v)) {
        w->audit.known = true;
        w->audit.idx = be64_read(v.at);
        memcpy(w->audit.head, v.at + 8, sizeof(w->audit.head));
    }
    read_urls(in, w);
    return read_padding(in, w);
}

/* ---- PENDING ----------------------------------------------------------------------- */

enum err pending_write(const struct pending_body *p, struct buf *out)
{
    enum err e = tlv_put(out, PENDING_RANDOM, BYTES_OF(p->random));
    e = e == OK ? tlv_put_u8(out, PENDING_ROLE, p->role_asked) : e;
    e = e == OK ? tlv_put(out, PENDING_NAME, p->host_name) : e;
    return e == OK ? tlv_put_u64(out, PENDING_EXPIRES, p->expires_ms) : e;
}

enum err pending_read(struct bytes in, struct pending_body *out)
{
    struct bytes v = BYTES_NONE;
    const enum err e = tlv_check(in, pending_rules, COUNT(pending_rules));
    if (e != OK) {
        return e;
    }
    *out = (struct pending_body){.role_asked = 0};
    if (tlv_get(in, PENDING_RANDOM, &v)) {
        memcpy(out->random, v.at, sizeof(out->random));
    }
    if (tlv_get(in, PENDING_ROLE, &v)) {
        out->role_asked = v.at[0];
    }
    (void)tlv_get(in, PENDING_NAME, &out->host_name);
    if (tlv_get(in, PENDING_EXPIRES, &v)) {
        out->expires_ms = be64_read(v.at);
    }
    return OK;
}
