/*
 * login: AUTH, by key or by ticket.
 *
 * Source     docs/protocol.md section 8. The address that was signed is compared with
 *            our own list, never with what the connection claims (Host header): a
 *            challenge forwarded from another relay fits none of ours.
 * Order      clock, signature, then what the answer would give away (is that host
 *            online, is this device listed): a stranger without a key learns nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "relay/state.h"
#include "wire/ws.h"

#define SIGNED_MAX 2048 // the longest address, key, invite and their lengths

static const char LOG_IN_AGAIN[] = "this ticket is not known here: log in with the key";

void login_send_ok(struct leg *leg, const uint8_t ticket[TICKET_SIZE],
                   uint64_t expires_ms)
{
    uint8_t body[4 + TICKET_SIZE + 8];
    be32_write(body, TICKET_SIZE);
    memcpy(body + 4, ticket, TICKET_SIZE);
    be64_write(body + 4 + TICKET_SIZE, expires_ms);
    leg_send(leg, ENVELOPE_AUTH_OK, 0, BYTES_OF(body));
}

static bool is_on_time(const struct leg *leg, uint64_t ts_ms)
{
    const uint64_t now = leg->core->now.wall_ms;
    return ts_ms > now ? ts_ms - now <= RELAY_CLOCK_MS : now - ts_ms <= RELAY_CLOCK_MS;
}

/* Does the signature fit this leg's nonce and one of our addresses? */
static bool is_signed(const struct leg *leg, const struct envelope_auth *a,
                      const uint8_t pub[32])
{
    uint8_t hash[HASH_SHA256];
    struct buf text;
    bool good = false;
    buf_init(&text, SIGNED_MAX);
    hash_sha256(a->ticket, hash);
    for (size_t i = 0; i < leg->core->n_urls && !good; i++) {
        buf_clear(&text);
        good = envelope_put_auth_signed(&text, leg->core->urls[i], leg->nonce, a,
                                        hash) == OK &&
               sign_verify(pub, buf_bytes(&text), BYTES_OF(a->sig)) == OK;
    }
    buf_fini(&text);
    return good;
}

static void refuse_signature(struct leg *leg)
{
    char text[ENVELOPE_ERR_TEXT_MAX];
    const int n = (int)strnlen(leg->core->urls[0], ENVELOPE_ERR_TEXT_MAX / 2);
    (void)snprintf(text, sizeof(text),
                   "the signature does not fit; this relay is known as %.*s", n,
                   leg->core->urls[0]);
    leg_refuse(leg, ENVELOPE_E_WRONG_URL, text);
}

/* ---- host --------------------------------------------------------------------------- */

static void make_ticket(struct mailbox *m)
{
    struct ticket t = {.audience = TICKET_HOST};
    uint8_t hash[HASH_SHA256];
    hash_sha256(BYTES_OF(m->hr), hash);
    memcpy(t.mailbox, m->id, sizeof(t.mailbox));
    memcpy(t.holder, hash, sizeof(t.holder));
    ticket_make(m->core->keys, &t, m->core->now.wall_ms, m->ticket);
    m->ticket_expires_ms = t.expires_ms;
}

/* The newest verified login owns the mailbox: a host that lost its network and came
 * back must not wait for its own ghost. */
static void enter_host(struct leg *leg, const uint8_t id[16], const uint8_t hr[32])
{
    struct mailbox *m = mailbox_find(leg->core, id);
    if (m == NULL && mailbox_open(leg->core, id, hr, &m) != OK) {
        leg_refuse(leg, ENVELOPE_E_MEMORY, "the relay is full: try again later");
        return;
    }
    if (m->host != NULL) {
        log_info("relay.replaced", "mailbox=%08x", be32_read(id));
        struct leg *old = m->host;
        leg_bye(old, ENVELOPE_REPLACED);
        leg_end(old, WS_CLOSE_POLICY);
    }
    m->host = leg;
    leg->mailbox = m;
    leg_move(leg, LEG_HOST_NEW);
    leg_wait(leg, RELAY_FIRST_ACL_MS);
    make_ticket(m);
    login_send_ok(leg, m->ticket, m->ticket_expires_ms);
}

static void host_by_key(struct leg *leg, const struct envelope_auth *a)
{
    uint8_t id[16];
    admission_mailbox_of(a->pub, id);
    if (memcmp(id, a->mailbox, sizeof(id)) != 0) {
        leg_refuse(leg, ENVELOPE_E_NOT_ADMITTED, "this mailbox belongs to another key");
    } else if (!admission_allows(leg->core->admission, id, a->invite)) {
        leg_refuse(leg, ENVELOPE_E_NOT_ADMITTED,
                   a->invite.len == 0 ? "this relay admits invited hosts only"
                                      : "this invite is not good here");
    } else {
        enter_host(leg, id, a->pub);
    }
}

/* ---- device ---------------------------------------------------------------------------- */

static void enter_device(struct leg *leg, struct mailbox *m, struct acl_entry *device)
{
    struct ticket t = {.audience = TICKET_DEVICE};
    uint8_t ticket[TICKET_SIZE];
    memcpy(t.mailbox, m->id, sizeof(t.mailbox));
    memcpy(t.holder, device->hash, sizeof(t.holder));
    ticket_make(leg->core->keys, &t, leg->core->now.wall_ms, ticket);
    if (channel_open(m, leg, ENVELOPE_TO_MAILBOX, device->hash) == OK) {
        log_info("relay.device", "mailbox=%08x device=%08x", be32_read(m->id),
                 be32_read(device->hash));
        login_send_ok(leg, ticket, t.expires_ms);
    }
}

/* An empty list after a restart says nothing about anybody: "offline", not "revoked". */
static struct mailbox *live_mailbox(struct leg *leg, const uint8_t id[16])
{
    struct mailbox *m = mailbox_find(leg->core, id);
    if (m == NULL || !mailbox_is_live(m)) {
        leg_refuse(leg, ENVELOPE_E_HOST_OFFLINE, "the host is offline");
        return NULL;
    }
    return m;
}

static void device_by_key(struct leg *leg, const struct envelope_auth *a)
{
    uint8_t hash[HASH_SHA256];
    struct mailbox *m = live_mailbox(leg, a->mailbox);
    if (m == NULL) {
        return;
    }
    hash_sha256(BYTES_OF(a->pub), hash);
    struct acl_entry *device = mailbox_device(m, BYTES_OF(hash));
    if (device == NULL) {
        leg_refuse(leg, ENVELOPE_E_NOT_ADMITTED,
                   "this device is not admitted by the host");
        return;
    }
    memcpy(device->pub, a->pub, sizeof(device->pub));
    device->has_pub = true;
    enter_device(leg, m, device);
}

/* ---- tickets ------------------------------------------------------------------------------ */

static void host_by_ticket(struct leg *leg, const struct envelope_auth *a,
                           const struct ticket *t)
{
    uint8_t hash[HASH_SHA256];
    struct mailbox *m = mailbox_find(leg->core, t->mailbox);
    if (m == NULL) {
        leg_refuse(leg, ENVELOPE_E_NOT_ADMITTED, LOG_IN_AGAIN);
        return;
    }
    hash_sha256(BYTES_OF(m->hr), hash);
    if (memcmp(hash, t->holder, sizeof(t->holder)) != 0) {
        leg_refuse(leg, ENVELOPE_E_NOT_ADMITTED, LOG_IN_AGAIN);
    } else if (!is_signed(leg, a, m->hr)) {
        refuse_signature(leg);
    } else {
        enter_host(leg, m->id, m->hr);
    }
}

static void device_by_ticket(struct leg *leg, const struct envelope_auth *a,
                             const struct ticket *t)
{
    struct mailbox *m = live_mailbox(leg, t->mailbox);
    if (m == NULL) {
        return;
    }
    struct acl_entry *device = mailbox_device(m, BYTES_OF(t->holder));
    if (device == NULL || !device->has_pub) {
        leg_refuse(leg, ENVELOPE_E_NOT_ADMITTED, LOG_IN_AGAIN);
    } else if (!is_signed(leg, a, device->pub)) {
        refuse_signature(leg);
    } else {
        enter_device(leg, m, device);
    }
}

static void by_ticket(struct leg *leg, const struct envelope_auth *a)
{
    struct ticket t;
    const enum err e =
        ticket_check(leg->core->keys, a->ticket, leg->core->now.wall_ms, &t);
    if (e != OK) {
        leg_refuse(leg, ENVELOPE_E_NOT_ADMITTED,
                   e == ERR_EXPIRED ? "this ticket has expired: log in with the key"
                                    : LOG_IN_AGAIN);
    } else if (t.audience == TICKET_HOST) {
        host_by_ticket(leg, a, &t);
    } else {
        device_by_ticket(leg, a, &t);
    }
}

void login_auth(struct leg *leg, struct bytes body)
{
    struct envelope_auth a;
    if (envelope_auth_parse(body, &a) != OK) {
        leg_refuse(leg, ENVELOPE_E_MALFORMED, "not an AUTH frame");
    } else if (!is_on_time(leg, a.ts_ms)) {
        leg_refuse(leg, ENVELOPE_E_CLOCK, "the clocks differ by more than two minutes");
    } else if (a.variant == 2) {
        by_ticket(leg, &a);
    } else if (!is_signed(leg, &a, a.pub)) {
        refuse_signature(leg);
    } else if (a.role == ENVELOPE_HOST) {
        host_by_key(leg, &a);
    } else {
        device_by_key(leg, &a);
    }
}
