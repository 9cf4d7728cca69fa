#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/id.h"
#include "host/daemon.h"
#include "session/session.h"

/* ---- expiry ---------------------------------------------------------------------- */

static void end_at_relay(struct host *h, const struct invite *v)
{
    if (h->link != NULL) {
        link_host_box_close(h->link, v->id);
    }
}

static void on_expiry(struct timer *t)
{
    struct host *h = CONTAINER_OF(t, struct host, invite_timer);
    struct invite *v;
    while ((v = invites_expire(&h->invites, clock_wall_ms() / 1000)) != NULL) {
        end_at_relay(h, v);
        if (v->session != NULL) {
            link_session_deny(v->session, DENIED_EXPIRED,
                              "The code has expired. Make a new one at the host.");
        }
        pair_tell(h, v);
    }
    pair_arm(h);
}

void pair_arm(struct host *h)
{
    const uint64_t at_s = invites_deadline(&h->invites);
    if (at_s == 0 || h->closed != NULL) {
        timer_stop(&h->invite_timer);
        return;
    }
    const uint64_t now_ms = clock_wall_ms();
    const uint64_t at_ms = at_s * 1000;
    timer_start(h->loop, &h->invite_timer, at_ms > now_ms ? at_ms - now_ms : 0,
                on_expiry);
}

/* ---- decisions --------------------------------------------------------------------- */

/* Its record is on disk before the device is one of ours. */
static enum err enrol(struct host *h, const struct invite *v,
                      const struct controller_info *by)
{
    const struct link_claim *claim = &v->claim;
    struct store_device row = {
        .role = (uint8_t)v->role, .caps = role_caps(v->role), .until_ms = v->until_ms};
    memcpy(row.person, v->person, sizeof(row.person));
    memcpy(row.scope, v->scope, sizeof(row.scope));
    memcpy(row.id, claim->device_id, sizeof(row.id));
    memcpy(row.d, claim->key, sizeof(row.d));
    memcpy(row.dr, claim->relay_key, sizeof(row.dr));
    memcpy(row.pair_root, claim->pair_root, sizeof(row.pair_root));
    text_sanitize(bytes_from_str(claim->name), row.name, sizeof(row.name));
    text_sanitize(bytes_from_str(claim->version), row.app, sizeof(row.app));
    enum err e =
        audit_pair(h->audit, &row, claim->mode == LINK_MODE_QR ? "qr" : "phrase", by);
    e = e != OK ? e : devices_add(h->devices, &row, clock_wall_ms());
    secret_wipe(&row, sizeof(row));
    return e;
}

static void refuse(struct host *h, struct invite *v, enum denied_code code,
                   const char *sentence)
{
    log_info("pair.refused", "code=%d", (int)code);
    if (v->session != NULL) {
        link_session_deny(v->session, (uint8_t)code, sentence);
    }
    end_at_relay(h, v);
    invite_end(v, INVITE_DECLINED);
    pair_tell(h, v);
}

static void admit(struct host *h, struct invite *v)
{
    struct device *device = devices_find(h->devices, v->claim.device_id);
    struct buf grant;
    buf_init(&grant, GRANT_MAX);
    if (device == NULL ||
        devices_grant(h->devices, device, clock_wall_ms(), &grant) != OK ||
        audit_grant(h->audit, device, buf_bytes(&grant)) != OK) {
        refuse(h, v, DENIED_DECLINED, "The host could not store this device.");
    } else {
        invite_accept(v);
        log_info("pair.accepted", "name=\"%s\" role=%s", device->row.name,
                 role_name(v->role));
        link_session_ready(v->session, buf_bytes(&grant));
        pair_tell(h, v);
    }
    buf_fini(&grant);
}

void pair_decide(struct host *h, struct invite *v, bool accept,
                 const struct controller_info *by)
{
    if (!accept || v->session == NULL) {
        audit_refusal(h->audit, "farhand/pairing/confirm", NULL, v->claim.name, by);
        refuse(h, v, DENIED_DECLINED, "The host declined.");
        return;
    }
    text_sanitize(bytes_from_str(by == NULL ? "" : by->name), v->by, sizeof(v->by));
    const enum err e = enrol(h, v, by);
    if (e == OK) {
        admit(h, v);
    } else if (e == ERR_LIMIT) {
        refuse(h, v, DENIED_TOO_MANY,
               "This host has as many devices as it can hold. Revoke one first.");
    } else if (e == ERR_EXISTS) {
        refuse(h, v, DENIED_REVOKED,
               "This device was revoked. Pair again from a fresh start of the app.");
    } else {
        refuse(h, v, DENIED_DECLINED, "The host could not store this device.");
    }
}

/* ---- what the link tells ------------------------------------------------------------- */

void pair_claimed(void *user, struct link_session *s, const struct link_claim *claim)
{
    struct host *h = user;
    struct invite *v = invites_find(&h->invites, claim->pair_id);
    if (v == NULL || invite_claim(v, s, claim) != OK) {
        link_session_deny(s, DENIED_EXPIRED, "The code has been used or has expired.");
        return;
    }
    if (claim->mode == LINK_MODE_PHRASE && pair_phrases_are_locked(h)) {
        refuse(h, v, DENIED_FORBIDDEN,
               "Too many wrong phrases today: pair by QR, or unlock at the host.");
        return;
    }
    struct diag forbidden = {.text = ""};
    if (admin_forbids_remote(h, &forbidden)) {
        refuse(h, v, DENIED_FORBIDDEN, forbidden.text);
        return;
    }
    log_info("pair.claimed", "name=\"%s\" role=%s", claim->name, role_name(v->role));
    if (!invite_needs_person(v)) {
        pair_decide(h, v, true, NULL);
        return;
    }
    link_session_pending(s, (uint8_t)v->role, v->expires_s);
    pair_tell(h, v);
}

void pair_enrolled(void *user, struct link_session *s, const uint8_t device_id[16])
{
    struct host *h = user;
    (void)s;
    for (size_t i = 0; i < COUNT(h->invites.at); i++) {
        struct invite *v = &h->invites.at[i];
        if (v->m.state == INVITE_ACCEPTED &&
            memcmp(v->claim.device_id, device_id, sizeof(v->claim.device_id)) == 0) {
            invite_end(v, INVITE_DONE);
            end_at_relay(h, v);
            pair_tell(h, v);
            const struct device *device = devices_find(h->devices, device_id);
            if (device != NULL) {
                people_arm(h);
                host_announce(h, "paired", &device->row, v->by);
            }
            host_changed(h);
        }
    }
    pair_arm(h);
}

void pair_failed(void *user, const uint8_t pair_id[16], enum link_mode mode,
                 bool tag_wrong)
{
    struct host *h = user;
    struct invite *v = invites_find(&h->invites, pair_id);
    if (tag_wrong && mode == LINK_MODE_PHRASE) {
        log_warn("pair.wrong_guess", "mode=phrase");
        if (store_guess_add(h->store, clock_wall_ms()) != OK) {
            log_error("pair.guess_not_stored", "mode=phrase");
        }
    }
    if (v == NULL || v->m.state != INVITE_OPEN) {
        return;
    }
    if (pairing_code_is_locked(v->pairing) || pairing_qr_is_locked(v->pairing)) {
        invite_end(v, INVITE_LOCKED);
        end_at_relay(h, v);
    }
    pair_tell(h, v); // every failure raises a notice (protocol.md 4)
}

/* READY never left: the device does not know that it is paired. */
static void withdraw(struct host *h, struct invite *v)
{
    struct device *device = devices_find(h->devices, v->claim.device_id);
    if (device == NULL) {
        return;
    }
    audit_revoke(h->audit, &device->row, "it was never told that it is paired", NULL);
    if (devices_revoke(h->devices, device, clock_wall_ms()) != OK) {
        log_error("pair.not_withdrawn", "state=%s", invite_state_name(v));
    }
}

void pair_session_closed(struct host *h, struct link_session *s)
{
    for (size_t i = 0; i < COUNT(h->invites.at); i++) {
        struct invite *v = &h->invites.at[i];
        if (v->session != s) {
            continue;
        }
        v->session = NULL;
        if (!invite_is_open(v)) {
            continue;
        }
        if (v->m.state == INVITE_ACCEPTED) {
            withdraw(h, v);
        }
        invite_end(v, INVITE_CANCELED);
        end_at_relay(h, v);
        pair_tell(h, v);
    }
}
