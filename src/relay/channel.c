/*
 * channel: the way between one device and the host, with a queue each way.
 *
 *     LIVE --host's CLOSE--> HOST_LEFT ---queue empty--> GONE
 *       \---device gone----> DEVICE_LEFT --queue empty--> GONE
 *
 * A frame goes straight on while its reader keeps up; behind a reader that does not, it
 * waits here, in its own channel, and is not granted again until it has left: the
 * sender of that channel stops at its window and nobody else notices.
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/state.h"
#include "wire/ws.h"

static const struct machine_state channel_states[] = {
    [CHANNEL_LIVE] = {"live", MOVES_TO(CHANNEL_HOST_LEFT) |
                                  MOVES_TO(CHANNEL_DEVICE_LEFT) |
                                  MOVES_TO(CHANNEL_GONE)},
    [CHANNEL_HOST_LEFT] = {"host-left", MOVES_TO(CHANNEL_GONE)},
    [CHANNEL_DEVICE_LEFT] = {"device-left", MOVES_TO(CHANNEL_GONE)},
    [CHANNEL_GONE] = {"gone", 0},
};

static bool is_live(const struct channel *c)
{
    return c->m.state == CHANNEL_LIVE;
}

/* ---- queues ------------------------------------------------------------------ */

static void flow_drop(struct channel *c, struct flow *f)
{
    while (f->first != NULL) {
        struct packet *p = f->first;
        f->first = p->next;
        mailbox_refund(c->mailbox, sizeof(*p) + p->len);
        mem_free(p);
    }
    f->last = NULL;
    f->queued = 0;
}

/* The mailbox is full: the reader that holds most of it goes, nobody else. */
static struct channel *fattest(struct mailbox *m)
{
    struct channel *worst = NULL;
    size_t most = 0;
    for (struct map_node *n = map_next(&m->channels, NULL); n != NULL;
         n = map_next(&m->channels, n)) {
        struct channel *c = CONTAINER_OF(n, struct channel, node);
        const size_t held = c->to_host.queued + c->to_device.queued;
        if (held > most) {
            most = held;
            worst = c;
        }
    }
    return worst;
}

static enum err make_room(struct channel *c, size_t size)
{
    while (mailbox_charge(c->mailbox, size) != OK) {
        struct channel *worst = fattest(c->mailbox);
        channel_end(worst == NULL ? c : worst, ENVELOPE_STALLED);
        if (c->m.state == CHANNEL_GONE) {
            return ERR_LIMIT;
        }
    }
    return OK;
}

static enum err flow_queue(struct channel *c, struct flow *f, struct bytes body)
{
    if (make_room(c, sizeof(struct packet) + body.len) != OK) {
        return ERR_LIMIT;
    }
    struct packet *p = mem_try(1, sizeof(*p) + body.len);
    if (p == NULL) {
        mailbox_refund(c->mailbox, sizeof(*p) + body.len);
        channel_end(c, ENVELOPE_LIMIT);
        return ERR_NOMEM;
    }
    p->len = body.len;
    memcpy(p->octets, body.at, body.len);
    if (f->first == NULL) {
        f->first = p;
    } else {
        f->last->next = p;
    }
    f->last = p;
    f->queued += body.len;
    return OK;
}

/* `n` octets of the flow have left: its sender may send as many again. */
static void grant(struct flow *f, struct leg *sender, uint32_t chan, size_t n)
{
    f->owed += (uint32_t)n;
    if (f->owed < RELAY_GRANT_STEP || sender == NULL) {
        return;
    }
    uint8_t body[4];
    be32_write(body, f->owed);
    f->allowed += f->owed;
    f->owed = 0;
    leg_send(sender, ENVELOPE_CREDIT, chan, BYTES_OF(body));
}

static void send_to_device(struct channel *c, struct bytes body)
{
    leg_send(c->leg, ENVELOPE_DATA, 0, body);
    if (is_live(c)) {
        grant(&c->to_device, c->mailbox->host, c->chan, body.len);
    }
}

static void send_to_host(struct channel *c, struct bytes body)
{
    leg_send(c->mailbox->host, ENVELOPE_DATA, c->chan, body);
    if (is_live(c)) {
        grant(&c->to_host, c->leg, 0, body.len);
    }
}

static struct packet *flow_pop(struct channel *c, struct flow *f)
{
    struct packet *p = f->first;
    f->first = p->next;
    f->last = f->first == NULL ? NULL : f->last;
    f->queued -= p->len;
    mailbox_refund(c->mailbox, sizeof(*p) + p->len);
    return p;
}

/* ---- frames ------------------------------------------------------------------- */

/* May this sender send this much? A box is a short talk, never a tunnel. */
static bool is_within_limits(struct channel *c, struct flow *f, struct bytes body)
{
    if (c->boxed) {
        c->n_messages++;
        if (c->n_messages > RELAY_BOX_MESSAGES || body.len > RELAY_BOX_MESSAGE) {
            return false;
        }
    }
    if (body.len > f->allowed) {
        return false;
    }
    f->allowed -= (uint32_t)body.len;
    return true;
}

void channel_from_host(struct channel *c, struct bytes body)
{
    if (!is_live(c)) {
        return; // it does not know yet that the device has left
    }
    if (!is_within_limits(c, &c->to_device, body)) {
        channel_end(c, ENVELOPE_LIMIT);
    } else if (c->to_device.first == NULL && leg_takes(c->leg)) {
        send_to_device(c, body);
    } else if (flow_queue(c, &c->to_device, body) == OK) {
        leg_is_behind(c->leg);
    }
}

void channel_from_device(struct channel *c, struct bytes body)
{
    struct mailbox *m = c->mailbox;
    if (!is_live(c)) {
        return;
    }
    if (!is_within_limits(c, &c->to_host, body)) {
        channel_end(c, ENVELOPE_LIMIT);
    } else if (list_is_empty(&m->ready) && leg_takes(m->host)) {
        send_to_host(c, body);
    } else if (flow_queue(c, &c->to_host, body) == OK) {
        if (c->ready.next == NULL) {
            list_append(&m->ready, &c->ready);
        }
        leg_is_behind(m->host);
    }
}

void channel_pump_device(struct channel *c)
{
    while (c->leg != NULL && c->to_device.first != NULL && leg_takes(c->leg)) {
        struct packet *p = flow_pop(c, &c->to_device);
        send_to_device(c, (struct bytes){p->octets, p->len});
        mem_free(p);
    }
    if (c->leg == NULL) {
        return;
    }
    if (c->to_device.first != NULL) {
        leg_is_behind(c->leg);
    } else if (c->m.state == CHANNEL_HOST_LEFT) {
        channel_end(c, c->reason);
    }
}

/* One packet of each channel in turn, so that a busy device does not delay another. */
void channel_pump_host(struct mailbox *m)
{
    while (m->host != NULL && !list_is_empty(&m->ready) && leg_takes(m->host)) {
        struct channel *c = list_first(&m->ready, struct channel, ready);
        struct packet *p = flow_pop(c, &c->to_host);
        list_remove(&c->ready);
        if (c->to_host.first != NULL) {
            list_append(&m->ready, &c->ready);
        }
        send_to_host(c, (struct bytes){p->octets, p->len});
        mem_free(p);
        if (c->to_host.first == NULL && c->m.state == CHANNEL_DEVICE_LEFT) {
            channel_end(c, c->reason);
        }
    }
    if (m->host != NULL && !list_is_empty(&m->ready)) {
        leg_is_behind(m->host);
    }
}

/* ---- beginning and end ----------------------------------------------------------- */

struct channel *channel_find(const struct mailbox *m, uint32_t chan)
{
    uint8_t key[4];
    be32_write(key, chan);
    struct map_node *node = map_get(&m->channels, BYTES_OF(key));
    if (node == NULL) {
        return NULL;
    }
    struct channel *c = CONTAINER_OF(node, struct channel, node);
    return c->m.state == CHANNEL_GONE ? NULL : c;
}

bool channel_is_of(const struct channel *c, bool boxed, const uint8_t id[16])
{
    return c->m.state != CHANNEL_GONE && c->boxed == boxed &&
           memcmp(c->id, id, sizeof(c->id)) == 0;
}

/* How many there are of this device or box, and which is the oldest. */
static unsigned count_of(const struct mailbox *m, bool boxed, const uint8_t id[16],
                         struct channel **oldest)
{
    unsigned n = 0;
    *oldest = NULL;
    for (struct map_node *at = map_next(&m->channels, NULL); at != NULL;
         at = map_next(&m->channels, at)) {
        struct channel *c = CONTAINER_OF(at, struct channel, node);
        if (!channel_is_of(c, boxed, id)) {
            continue;
        }
        n++;
        const bool is_older =
            *oldest == NULL || (int32_t)(c->chan - (*oldest)->chan) < 0;
        *oldest = is_older ? c : *oldest;
    }
    return n;
}

/* Closing by a reader: what it could not deliver, and why. */
static enum err check_count(struct mailbox *m, struct leg *leg, bool boxed,
                            const uint8_t id[16])
{
    struct channel *oldest;
    const unsigned n = count_of(m, boxed, id, &oldest);
    if (boxed && n >= RELAY_BOX_CHANNELS) {
        leg_refuse(leg, ENVELOPE_E_TOO_MANY, "others are using this code right now");
        return ERR_LIMIT;
    }
    if (!boxed && n >= RELAY_CHANNELS_PER_DEVICE) {
        channel_end(oldest, ENVELOPE_REPLACED);
    }
    if (m->channels.count >= RELAY_CHANNELS_MAX) {
        leg_refuse(leg, ENVELOPE_E_TOO_MANY, "this host has too many connections");
        return ERR_LIMIT;
    }
    return OK;
}

static void number(struct mailbox *m, struct channel *c)
{
    do {
        m->last_chan = m->last_chan == UINT32_MAX ? 1 : m->last_chan + 1;
    } while (channel_find(m, m->last_chan) != NULL);
    c->chan = m->last_chan;
    be32_write(c->key, c->chan);
}

static struct channel *make(struct mailbox *m, struct leg *leg, bool boxed,
                            const uint8_t id[16])
{
    struct channel *c = NULL;
    if (mailbox_charge(m, sizeof(*c)) != OK) {
        return NULL;
    }
    c = mem_try(1, sizeof(*c));
    if (c == NULL) {
        goto refund;
    }
    c->m = (struct machine){
        .what = "channel", .table = channel_states, .state = CHANNEL_LIVE};
    c->mailbox = m;
    c->leg = leg;
    c->boxed = boxed;
    c->to_host.allowed = ENVELOPE_WINDOW;
    c->to_device.allowed = ENVELOPE_WINDOW;
    memcpy(c->id, id, sizeof(c->id));
    number(m, c);
    if (map_put(&m->channels, BYTES_OF(c->key), &c->node) == OK) {
        return c;
    }
    mem_free(c);
refund:
    mailbox_refund(m, sizeof(*c));
    return NULL;
}

enum err channel_open(struct mailbox *m, struct leg *leg, enum envelope_kind kind,
                      const uint8_t id[16])
{
    struct relay_core *core = m->core;
    const bool boxed = kind == ENVELOPE_TO_BOX;
    uint8_t body[1 + 16];
    const enum err e = check_count(m, leg, boxed, id);
    if (e != OK) {
        return e;
    }
    struct channel *c = make(m, leg, boxed, id);
    if (c == NULL) {
        leg_refuse(leg, ENVELOPE_E_MEMORY,
                   "the relay has no memory left for this host");
        return ERR_NOMEM;
    }
    core->n_channels++;
    leg->channel = c;
    leg_move(leg, boxed ? LEG_BOXED : LEG_DEVICE);
    if (boxed) {
        c->due_ms = core->now.mono_ms + RELAY_BOX_MS;
        list_append(&core->boxed, &c->expiry);
    }
    body[0] = (uint8_t)kind;
    memcpy(body + 1, id, 16);
    leg_send(m->host, ENVELOPE_OPEN, c->chan, BYTES_OF(body));
    return leg->m.state == LEG_GONE ? ERR_CLOSED : OK;
}

static void bury(struct channel *c)
{
    machine_move(&c->m, CHANNEL_GONE);
    flow_drop(c, &c->to_host);
    flow_drop(c, &c->to_device);
    list_remove(&c->ready);
    list_remove(&c->expiry);
    list_append(&c->mailbox->core->dead_channels, &c->dead);
}

void channel_end(struct channel *c, enum envelope_reason reason)
{
    if (c->m.state == CHANNEL_GONE) {
        return;
    }
    struct leg *device = c->leg;
    const uint8_t body[1] = {(uint8_t)reason};
    const bool host_knows = c->m.state == CHANNEL_HOST_LEFT;
    c->leg = NULL;
    bury(c);
    if (!host_knows && c->mailbox->host != NULL) {
        leg_send(c->mailbox->host, ENVELOPE_CLOSE, c->chan, BYTES_OF(body));
    }
    if (device != NULL) {
        device->channel = NULL;
        leg_bye(device, reason);
        leg_end(device, reason == ENVELOPE_DONE ? WS_CLOSE_NORMAL : WS_CLOSE_POLICY);
    }
}

void channel_host_left(struct channel *c, enum envelope_reason reason)
{
    if (!is_live(c)) {
        channel_end(c, reason); // the device has left already
        return;
    }
    flow_drop(c, &c->to_host);
    list_remove(&c->ready);
    c->reason = (uint8_t)reason;
    machine_move(&c->m, CHANNEL_HOST_LEFT);
    if (c->to_device.first == NULL) {
        channel_end(c, reason);
    }
}

void channel_device_left(struct channel *c, enum envelope_reason reason)
{
    c->leg = NULL;
    if (!is_live(c)) {
        channel_end(c, reason);
        return;
    }
    flow_drop(c, &c->to_device);
    c->reason = (uint8_t)reason;
    machine_move(&c->m, CHANNEL_DEVICE_LEFT);
    if (c->to_host.first == NULL) {
        channel_end(c, reason);
    }
}

void channel_end_all(struct mailbox *m, bool boxed, const uint8_t id[16],
                     enum envelope_reason reason)
{
    for (struct map_node *at = map_next(&m->channels, NULL); at != NULL;
         at = map_next(&m->channels, at)) {
        struct channel *c = CONTAINER_OF(at, struct channel, node);
        if (id == NULL || channel_is_of(c, boxed, id)) {
            channel_end(c, reason);
        }
    }
}

void channel_expire(struct relay_core *core)
{
    while (!list_is_empty(&core->boxed)) {
        struct channel *c = list_first(&core->boxed, struct channel, expiry);
        if (c->due_ms > core->now.mono_ms) {
            return;
        }
        channel_end(c, ENVELOPE_LIMIT);
    }
}

/* From the graveyard only: nothing points to it any more. */
void channel_free(struct channel *c)
{
    struct mailbox *m = c->mailbox;
    list_remove(&c->dead);
    map_remove(&m->channels, &c->node);
    m->core->n_channels--;
    mailbox_refund(m, sizeof(*c));
    mem_free(c);
    mailbox_release(m);
}
