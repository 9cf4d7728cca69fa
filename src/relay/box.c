/*
 * box: where a device that is not paired yet meets its host.
 *
 *     OPEN --ttl--> EXPIRED --RELAY_BOX_GRACE_MS--> free        ttl 0: free at once
 *
 * Source     docs/protocol.md sections 4 and 5.0. Digits are only a way to find the
 *            box; the secret of a phrase never comes here. They are drawn uniformly, so
 *            a code says nothing about the one before it, and grow by a digit when half
 *            of them are in use, so a guess stays unlikely to hit anything.
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/random.h"
#include "relay/state.h"

#define MS_A_SECOND 1000
#define DRAWS_MAX   64 // at most half are taken: 64 misses in a row do not happen

static void answer(struct leg *host, const uint8_t pair_id[16], uint16_t ttl_s,
                   const char *digits)
{
    uint8_t body[16 + 2 + 4 + ENVELOPE_DIGITS_MAX];
    const size_t n = strnlen(digits, ENVELOPE_DIGITS_MAX);
    memcpy(body, pair_id, 16);
    be16_write(body + 16, ttl_s);
    be32_write(body + 18, (uint32_t)n);
    memcpy(body + 22, digits, n);
    leg_send(host, ENVELOPE_NAMEPLATE, 0, (struct bytes){body, 22 + n});
}

static void refuse(struct leg *host, const uint8_t pair_id[16],
                   enum envelope_error code, const char *why)
{
    char hex[HEX_SIZE(16)];
    char text[ENVELOPE_ERR_TEXT_MAX];
    hex_encode((struct bytes){pair_id, 16}, hex);
    if (text_format(text, sizeof(text), "box %s: %s", hex, why) == OK) {
        leg_err(host, code, text);
    }
}

/* ---- digits ---------------------------------------------------------------------- */

static struct box *of_digits(const struct relay_core *core, struct bytes digits)
{
    struct map_node *node = map_get(&core->plates, digits);
    return node == NULL ? NULL : CONTAINER_OF(node, struct box, by_digits);
}

/* How many digits, by how many codes are in use; 0: even five are too few. */
static int width(const struct relay_core *core, uint32_t *out_range)
{
    uint32_t range = 1000;
    for (int n = ENVELOPE_DIGITS_MIN; n <= ENVELOPE_DIGITS_MAX; n++, range *= 10) {
        if (core->plates.count * 100 < (size_t)range * RELAY_BUSY_PERCENT) {
            *out_range = range;
            return n;
        }
    }
    return 0;
}

static enum err draw(struct relay_core *core, struct box *b)
{
    uint32_t range = 0;
    const int n = width(core, &range);
    for (int i = 0; n != 0 && i < DRAWS_MAX; i++) {
        const enum err e =
            text_format(b->digits, sizeof(b->digits), "%0*u", n, random_below(range));
        const struct bytes digits = bytes_from_str(b->digits);
        if (e == OK && of_digits(core, digits) == NULL) {
            return map_put(&core->plates, digits, &b->by_digits);
        }
    }
    return ERR_LIMIT;
}

static enum err give_digits(struct box *b)
{
    struct mailbox *m = b->mailbox;
    const enum err e = m->n_plates >= RELAY_PLATES_MAX ? ERR_LIMIT : draw(m->core, b);
    if (e != OK) {
        b->digits[0] = '\0';
        return e;
    }
    m->n_plates++;
    return OK;
}

/* ---- life ---------------------------------------------------------------------------- */

static struct box *of_pair(const struct relay_core *core, const uint8_t pair_id[16])
{
    struct map_node *node = map_get(&core->boxes, (struct bytes){pair_id, 16});
    return node == NULL ? NULL : CONTAINER_OF(node, struct box, by_pair);
}

void box_free(struct box *b)
{
    struct mailbox *m = b->mailbox;
    if (b->digits[0] != '\0') {
        map_remove(&m->core->plates, &b->by_digits);
        m->n_plates--;
    }
    map_remove(&m->core->boxes, &b->by_pair);
    list_remove(&b->member);
    list_remove(&b->expiry);
    m->n_boxes--;
    mailbox_refund(m, sizeof(*b));
    mem_free(b);
}

/* Sorted; nearly always the newest is the last to expire. */
static void schedule(struct box *b, uint64_t due_ms)
{
    struct list *head = &b->mailbox->core->expiry;
    list_remove(&b->expiry); // first: it may be the last one itself
    struct list *at = head->prev;
    b->due_ms = due_ms;
    while (at != head && CONTAINER_OF(at, struct box, expiry)->due_ms > due_ms) {
        at = at->prev;
    }
    list_prepend(at, &b->expiry);
}

static enum err make(struct mailbox *m, const struct envelope_nameplate *n,
                     struct box **out)
{
    if (m->n_boxes >= RELAY_BOXES_MAX) {
        return ERR_LIMIT;
    }
    enum err e = mailbox_charge(m, sizeof(struct box));
    if (e != OK) {
        return e;
    }
    struct box *b = mem_try(1, sizeof(*b));
    e = b == NULL ? ERR_NOMEM : OK;
    if (e == OK) {
        b->mailbox = m;
        memcpy(b->pair_id, n->pair_id, sizeof(b->pair_id));
        e = map_put(&m->core->boxes, BYTES_OF(b->pair_id), &b->by_pair);
    }
    if (e != OK) {
        mem_free(b);
        mailbox_refund(m, sizeof(*b));
        return e;
    }
    list_append(&m->boxes, &b->member);
    m->n_boxes++;
    *out = b;
    return OK;
}

static enum err open_box(struct mailbox *m, struct box *b,
                         const struct envelope_nameplate *n, struct box **out)
{
    const bool is_new = b == NULL;
    enum err e = is_new ? make(m, n, &b) : OK;
    if (e != OK) {
        return e;
    }
    if (n->offer.len != 0 && b->digits[0] == '\0') {
        e = give_digits(b);
    }
    if (e != OK && is_new) {
        box_free(b);
    }
    if (e != OK) {
        return e;
    }
    memcpy(b->offer, n->offer.at, n->offer.len);
    b->offer_len = n->offer.len;
    b->expired = false;
    *out = b;
    return OK;
}

static void close_box(struct leg *host, struct box *b, const uint8_t pair_id[16])
{
    if (b != NULL) {
        box_free(b);
    }
    answer(host, pair_id, 0, "");
}

void box_nameplate(struct leg *host, struct bytes body)
{
    struct relay_core *core = host->core;
    struct envelope_nameplate n;
    if (envelope_nameplate_parse(body, &n) != OK || n.offer.len > RELAY_OFFER_MAX) {
        leg_refuse(host, ENVELOPE_E_MALFORMED, "not a nameplate");
        return;
    }
    struct box *b = of_pair(core, n.pair_id);
    if (b != NULL && b->mailbox != host->mailbox) {
        refuse(host, n.pair_id, ENVELOPE_E_NOT_ADMITTED, "it belongs to another host");
        return;
    }
    if (n.ttl_s == 0) {
        close_box(host, b, n.pair_id);
        return;
    }
    const enum err e = open_box(host->mailbox, b, &n, &b);
    if (e != OK) {
        const bool full = e == ERR_LIMIT;
        refuse(host, n.pair_id, full ? ENVELOPE_E_TOO_MANY : ENVELOPE_E_MEMORY,
               full ? "too many codes are open" : "the relay has no memory left");
        return;
    }
    const uint16_t ttl_s =
        n.ttl_s > RELAY_BOX_MS / MS_A_SECOND ? RELAY_BOX_MS / MS_A_SECOND : n.ttl_s;
    schedule(b, core->now.mono_ms + (uint64_t)ttl_s * MS_A_SECOND);
    answer(host, n.pair_id, ttl_s, b->digits);
}

void box_expire(struct relay_core *core)
{
    while (!list_is_empty(&core->expiry)) {
        struct box *b = list_first(&core->expiry, struct box, expiry);
        if (b->due_ms > core->now.mono_ms) {
            return;
        }
        struct mailbox *m = b->mailbox;
        if (b->expired) {
            box_free(b);
            mailbox_release(m);
        } else {
            b->expired = true;
            schedule(b, core->now.mono_ms + RELAY_BOX_GRACE_MS);
        }
    }
}

/* ---- claims ----------------------------------------------------------------------------- */

static struct box *claimed_box(struct leg *leg, const struct envelope_claim *claim)
{
    const bool by_digits = claim->digits.len != 0;
    struct box *b = by_digits ? of_digits(leg->core, claim->digits)
                              : of_pair(leg->core, claim->pair_id.at);
    if (b == NULL) {
        leg_refuse(leg, ENVELOPE_E_NO_SUCH_CODE,
                   "no such code: check it, or make a new one");
    } else if (b->expired) {
        leg_refuse(leg, ENVELOPE_E_CODE_EXPIRED,
                   "this code has expired: make a new one");
    } else if (!mailbox_is_live(b->mailbox)) {
        leg_refuse(leg, ENVELOPE_E_HOST_OFFLINE, "the host is offline");
    } else if (b->n_claims >= RELAY_BOX_CLAIMS) {
        leg_refuse(leg, ENVELOPE_E_TOO_MANY,
                   "too many have tried this code: make a new one");
    } else {
        return b;
    }
    return NULL;
}

void box_claim(struct leg *leg, struct bytes body)
{
    struct envelope_claim claim;
    uint8_t reply[4 + RELAY_OFFER_MAX];
    if (envelope_claim_parse(body, &claim) != OK) {
        leg_refuse(leg, ENVELOPE_E_MALFORMED, "not a claim");
        return;
    }
    const bool by_digits = claim.digits.len != 0;
    if (by_digits &&
        visitor_use(leg->visitor, VISITOR_CLAIM, leg->core->now.mono_ms) != OK) {
        leg_refuse(leg, ENVELOPE_E_TOO_MANY, "too many codes tried: wait a minute");
        return;
    }
    struct box *b = claimed_box(leg, &claim);
    if (b == NULL || channel_open(b->mailbox, leg, ENVELOPE_TO_BOX, b->pair_id) != OK) {
        return;
    }
    b->n_claims++;
    const size_t n = by_digits ? b->offer_len : 0;
    be32_write(reply, (uint32_t)n);
    memcpy(reply + 4, b->offer, n);
    log_info("relay.claim", "mailbox=%08x by=%s", be32_read(b->mailbox->id),
             by_digits ? "digits" : "link");
    leg_send(leg, ENVELOPE_CLAIM, 0, (struct bytes){reply, 4 + n});
}
