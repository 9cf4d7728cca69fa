#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "link/host_state.h"

#define FRAME_MAX     (ENVELOPE_HEAD + 16 + 2 + 4 + ENVELOPE_OFFER_MAX)
#define ACL_FRAME_MAX (ENVELOPE_HEAD + 3 + LINK_PEERS_MAX * 32)

/* ---- the access list ----------------------------------------------------------- */

bool host_acl_send(struct link_host *h, enum envelope_acl_op op, struct bytes hashes)
{
    if (!h->leg_ready) {
        return false;
    }
    const struct envelope_acl acl = {
        .op = op,
        .n = (uint16_t)(hashes.len / 32),
        .hashes = hashes,
    };
    struct buf frame;
    buf_init(&frame, ACL_FRAME_MAX);
    enum err e = envelope_put_acl(&frame, &acl);
    if (e == OK) {
        e = uplink_send(h->leg, buf_bytes(&frame));
    }
    buf_fini(&frame);
    if (e == OK) {
        h->n_acl_sent++;
        uplink_expect(h->leg);
    }
    return e == OK;
}

bool host_acl_send_all(struct link_host *h)
{
    uint8_t hashes[LINK_PEERS_MAX * 32];
    size_t n = 0;
    const struct host_device *d;
    list_each (d, &h->devices, node) {
        if (!d->removed && n < LINK_PEERS_MAX) {
            memcpy(hashes + n * 32, d->relay_tag, 32);
            n++;
        }
    }
    return host_acl_send(h, ENVELOPE_REPLACE, (struct bytes){hashes, n * 32});
}

/* ---- boxes ------------------------------------------------------------------------ */

struct host_box *host_box_find(struct link_host *h, const uint8_t pair_id[16])
{
    struct host_box *b;
    list_each (b, &h->boxes, node) {
        if (memcmp(b->pair_id, pair_id, sizeof(b->pair_id)) == 0) {
            return b;
        }
    }
    return NULL;
}

static void one_free(struct host_box *b)
{
    struct link_session *s;
    list_each (s, &b->host->sessions, node) {
        if (s->box == b) {
            s->box = NULL;
        }
    }
    list_remove(&b->node);
    loop_task_cancel(&b->tell);
    pairing_unref(b->pairing);
    mem_free(b);
}

static void on_tell(struct loop_task *t)
{
    struct host_box *b = CONTAINER_OF(t, struct host_box, tell);
    link_box_fn *done = b->done;
    void *user = b->done_user;
    const enum err e = b->result;
    char digits[sizeof(b->digits)];
    memcpy(digits, b->digits, sizeof(digits));
    char error[sizeof(b->host->error)];
    text_sanitize(bytes_from_str(e == OK ? "" : b->host->error), error, sizeof(error));
    b->done = NULL;
    if (e != OK) {
        one_free(b);
    }
    if (done != NULL) {
        done(user, e, digits, error);
    }
}

/* The request is answered, once; a failed box is gone with its answer. */
static void one_answer(struct host_box *b, enum err e)
{
    b->asked = false;
    if (b->done != NULL) {
        b->result = e;
        loop_defer(b->host->loop, &b->tell, on_tell);
    } else if (e != OK) {
        struct link_host *h = b->host;
        uint8_t pair_id[16];
        memcpy(pair_id, b->pair_id, sizeof(pair_id));
        one_free(b);
        h->ops->box_lost(h->user, pair_id);
    }
}

static enum err plate_send(struct link_host *h, const struct envelope_nameplate *plate)
{
    struct buf frame;
    buf_init(&frame, FRAME_MAX);
    enum err e = envelope_put_nameplate(&frame, plate);
    if (e == OK) {
        e = uplink_send(h->leg, buf_bytes(&frame));
        uplink_expect(h->leg);
    }
    buf_fini(&frame);
    return e;
}

static void one_ask(struct host_box *b)
{
    struct link_host *h = b->host;
    const uint64_t now_ms = loop_now_ms(h->loop);
    const uint64_t left_s =
        b->expires_ms > now_ms ? (b->expires_ms - now_ms) / 1000 : 0;
    if (left_s == 0) {
        one_answer(b, ERR_EXPIRED);
        return;
    }
    struct envelope_nameplate plate = {.ttl_s = (uint16_t)left_s};
    memcpy(plate.pair_id, b->pair_id, sizeof(plate.pair_id));
    if (b->with_digits) {
        plate.offer = pairing_offer(b->pairing);
    }
    b->asked = true;
    if (plate_send(h, &plate) != OK) {
        uplink_close(h->leg); // host_boxes_on_lost() answers
    }
}

void host_boxes_on_ready(struct link_host *h)
{
    struct host_box *b;
    struct host_box *tmp;
    list_each_safe (b, tmp, &h->boxes, node) {
        one_ask(b);
    }
}

/* A box that nobody has been told about fails; one that is open waits for the next
 * connection, which opens it again. */
void host_boxes_on_lost(struct link_host *h, const char *sentence)
{
    text_sanitize(bytes_from_str(sentence), h->error, sizeof(h->error));
    struct host_box *b;
    list_each (b, &h->boxes, node) {
        b->asked = false;
        if (b->done != NULL) {
            one_answer(b, ERR_CLOSED);
        }
    }
}

void host_boxes_on_answer(struct link_host *h, struct bytes body)
{
    struct envelope_plate plate;
    if (envelope_plate_parse(body, &plate) != OK ||
        plate.digits.len > ENVELOPE_DIGITS_MAX) {
        uplink_close(h->leg);
        return;
    }
    struct host_box *b = host_box_find(h, plate.pair_id);
    if (b == NULL || !b->asked) {
        return; // the answer to a box that was closed meanwhile
    }
    char digits[sizeof(b->digits)] = "";
    memcpy(digits, plate.digits.at, plate.digits.len);
    const bool same = strcmp(digits, b->digits) == 0;
    const bool first = b->done != NULL;
    memcpy(b->digits, digits, sizeof(b->digits));
    one_answer(b, OK);
    if (!first && !same) {
        h->ops->box_lost(h->user, plate.pair_id);
    }
}

/* The relay answers requests in order, and names no box when it refuses. */
void host_boxes_on_refused(struct link_host *h, const char *sentence)
{
    struct host_box *b;
    list_each (b, &h->boxes, node) {
        if (b->asked) {
            text_sanitize(bytes_from_str(sentence), h->error, sizeof(h->error));
            one_answer(b, ERR_LIMIT);
            return;
        }
    }
}

void host_boxes_drop_all(struct link_host *h)
{
    struct host_box *b;
    struct host_box *tmp;
    list_each_safe (b, tmp, &h->boxes, node) {
        if (b->done != NULL) {
            one_answer(b, ERR_CLOSED);
        } else {
            one_free(b);
        }
    }
}

void link_host_box(struct link_host *h, struct pairing *p, uint16_t ttl_s,
                   bool with_digits, link_box_fn *done, void *user)
{
    struct host_box *b = mem_new(sizeof(*b));
    b->host = h;
    b->pairing = pairing_ref(p);
    memcpy(b->pair_id, pairing_id(p), sizeof(b->pair_id));
    b->with_digits = with_digits;
    b->expires_ms = loop_now_ms(h->loop) + UINT64_C(1000) * ttl_s;
    b->done = done;
    b->done_user = user;
    list_append(&h->boxes, &b->node);
    if (h->leg_ready) {
        one_ask(b);
    } else if (h->running && h->has_door && !with_digits) {
        one_answer(b, OK); // the door knows it; the relay, when it comes back
    } else if (h->leg == NULL && !timer_is_armed(&h->retry)) {
        if (h->running) {
            text_sanitize(BYTES_LIT("a phrase needs a relay: pair by link here"),
                          h->error, sizeof(h->error));
        }
        one_answer(b, ERR_CLOSED); // not started, or a door alone
    } else if (h->state == LINK_ERRORED) {
        one_answer(b, ERR_CLOSED); // the last try failed: say why at once
    }
}

void link_host_box_close(struct link_host *h, const uint8_t pair_id[16])
{
    struct host_box *b = host_box_find(h, pair_id);
    if (b == NULL) {
        return;
    }
    if (h->leg_ready) {
        struct envelope_nameplate plate = {.ttl_s = 0};
        memcpy(plate.pair_id, pair_id, sizeof(plate.pair_id));
        if (plate_send(h, &plate) != OK) {
            uplink_close(h->leg);
        }
    }
    if (b->done != NULL) {
        one_answer(b, ERR_CANCELED); // whoever asked for it is still waiting
    } else {
        one_free(b);
    }
}
