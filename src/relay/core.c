#include "relay/core.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "crypto/random.h"
#include "relay/state.h"
#include "wire/ws.h"

/* One deadline for both stages, so that core->waiting is in order by itself. */
static_assert(RELAY_HANDSHAKE_MS == RELAY_FIRST_ACL_MS, "core->waiting is a queue");
static_assert(RELAY_REFUSALS == ENVELOPE_E_CLOCK + 1, "one counter a code");

/* ---- frames: who may send what, and when ------------------------------------------ */

static void on_data(struct leg *leg, const struct envelope *f)
{
    if (f->body.len == 0 || (f->chan == 0) != (leg->m.state != LEG_HOST)) {
        leg_refuse(leg, ENVELOPE_E_MALFORMED, "not a data frame");
        return;
    }
    if (leg->m.state != LEG_HOST) {
        channel_from_device(leg->channel, f->body);
        return;
    }
    struct channel *c = channel_find(leg->mailbox, f->chan);
    if (c != NULL) { // else it is gone and the host does not know yet
        channel_from_host(c, f->body);
    }
}

static void on_close(struct leg *leg, const struct envelope *f)
{
    uint8_t reason;
    const bool is_host = leg->m.state == LEG_HOST;
    if (envelope_close_parse(f->body, &reason) != OK || (f->chan != 0 && !is_host)) {
        leg_refuse(leg, ENVELOPE_E_MALFORMED, "not a close frame");
        return;
    }
    if (f->chan == 0) {
        struct channel *c = leg->channel;
        leg->channel = NULL;
        if (c != NULL) {
            channel_device_left(c, reason);
        }
        leg_end(leg, WS_CLOSE_NORMAL);
        return;
    }
    struct channel *c = channel_find(leg->mailbox, f->chan);
    if (c != NULL) {
        channel_host_left(c, reason);
    }
}

/* The relay never begins a PING, so an echo cannot be taken for a question. */
static void on_ping(struct leg *leg, const struct envelope *f)
{
    uint8_t octets[8];
    if (envelope_ping_parse(f->body, octets) != OK) {
        leg_refuse(leg, ENVELOPE_E_MALFORMED, "not a ping");
        return;
    }
    leg_send(leg, ENVELOPE_PING, f->chan, BYTES_OF(octets));
}

static void on_auth(struct leg *leg, const struct envelope *f)
{
    login_auth(leg, f->body);
}

static void on_acl(struct leg *leg, const struct envelope *f)
{
    mailbox_acl(leg, f->body);
}

static void on_nameplate(struct leg *leg, const struct envelope *f)
{
    box_nameplate(leg, f->body);
}

static void on_claim(struct leg *leg, const struct envelope *f)
{
    box_claim(leg, f->body);
}

#define IN(state) MOVES_TO(state)

static const struct {
    void (*handle)(struct leg *leg, const struct envelope *f);
    uint32_t states;   // in which a leg may send it
    bool on_chan_zero; // it is about the leg itself
} frames[] = {
    [ENVELOPE_AUTH] = {on_auth, IN(LEG_CHALLENGED), true},
    [ENVELOPE_CLAIM] = {on_claim, IN(LEG_CHALLENGED), true},
    [ENVELOPE_ACL] = {on_acl, IN(LEG_HOST_NEW) | IN(LEG_HOST), true},
    [ENVELOPE_NAMEPLATE] = {on_nameplate, IN(LEG_HOST), true},
    [ENVELOPE_DATA] = {on_data, IN(LEG_HOST) | IN(LEG_DEVICE) | IN(LEG_BOXED), false},
    [ENVELOPE_CLOSE] = {on_close,
                        IN(LEG_CHALLENGED) | IN(LEG_HOST_NEW) | IN(LEG_HOST) |
                            IN(LEG_DEVICE) | IN(LEG_BOXED),
                        false},
    [ENVELOPE_PING] = {on_ping,
                       IN(LEG_CHALLENGED) | IN(LEG_HOST_NEW) | IN(LEG_HOST) |
                           IN(LEG_DEVICE) | IN(LEG_BOXED),
                       false},
    // CHALLENGE, AUTH_OK, OPEN, ERR and CREDIT are the relay's own: nobody sends them.
    [ENVELOPE_CREDIT] = {NULL, 0, false},
};

static bool is_allowed(const struct leg *leg, const struct envelope *f)
{
    return (size_t)f->type < COUNT(frames) &&
           (frames[f->type].states & IN(leg->m.state)) != 0 &&
           (!frames[f->type].on_chan_zero || f->chan == 0);
}

/* What a stranger may cost us before it has said who it is. */
static bool is_patient(struct leg *leg, struct bytes frame)
{
    if (leg->m.state != LEG_CHALLENGED) {
        return true;
    }
    leg->n_frames++;
    return leg->n_frames <= RELAY_PREAUTH_FRAMES &&
           frame.len <= RELAY_PREAUTH_FRAME_MAX;
}

/* ---- the graveyard --------------------------------------------------------------------- */

static void leg_free(struct leg *leg)
{
    list_remove(&leg->all);
    mem_free(leg);
}

static void reap(struct relay_core *core)
{
    while (!list_is_empty(&core->dead_channels)) {
        channel_free(list_first(&core->dead_channels, struct channel, dead));
    }
    while (!list_is_empty(&core->dead_legs)) {
        leg_free(list_first(&core->dead_legs, struct leg, all));
    }
    while (!list_is_empty(&core->idle)) {
        struct mailbox *m = list_first(&core->idle, struct mailbox, idle);
        list_remove(&m->idle);
        mailbox_release(m);
    }
}

/* ---- the outside ------------------------------------------------------------------------- */

struct relay_core *relay_core_create(const struct relay_core_options *o,
                                     const struct relay_ops *ops)
{
    struct relay_core *core = mem_new(sizeof(*core));
    core->ops = ops;
    core->keys = o->keys;
    core->admission = o->admission;
    core->n_urls = o->n_urls < RELAY_URLS_MAX ? o->n_urls : RELAY_URLS_MAX;
    for (size_t i = 0; i < core->n_urls; i++) {
        core->urls[i] = mem_strdup(o->urls[i]);
    }
    core->memory_max = o->memory_max != 0 ? o->memory_max : RELAY_MEMORY_MAX;
    core->mailbox_memory_max =
        o->mailbox_memory_max != 0 ? o->mailbox_memory_max : RELAY_MAILBOX_MEMORY_MAX;
    core->legs_max = o->legs_max != 0 ? o->legs_max : RELAY_LEGS_MAX;
    map_init(&core->mailboxes);
    map_init(&core->boxes);
    map_init(&core->plates);
    visitors_init(&core->visitors);
    list_init(&core->legs);
    list_init(&core->waiting);
    list_init(&core->behind);
    list_init(&core->boxed);
    list_init(&core->expiry);
    list_init(&core->dead_legs);
    list_init(&core->dead_channels);
    list_init(&core->idle);
    return core;
}

void relay_core_destroy(struct relay_core *core)
{
    if (core == NULL) {
        return;
    }
    while (!list_is_empty(&core->legs)) {
        leg_unhook(list_first(&core->legs, struct leg, all));
    }
    reap(core);
    while (!list_is_empty(&core->expiry)) {
        struct box *b = list_first(&core->expiry, struct box, expiry);
        struct mailbox *m = b->mailbox;
        box_free(b);
        mailbox_release(m);
    }
    map_fini(&core->mailboxes);
    map_fini(&core->boxes);
    map_fini(&core->plates);
    visitors_fini(&core->visitors);
    for (size_t i = 0; i < core->n_urls; i++) {
        mem_free(core->urls[i]);
    }
    mem_free(core);
}

static enum err check_room(const struct relay_core *core, const struct visitor *v)
{
    if (core->n_legs >= core->legs_max || core->memory >= core->memory_max) {
        return ERR_NOMEM;
    }
    return !v->addr.loopback && v->n_legs >= RELAY_ADDR_LEGS ? ERR_LIMIT : OK;
}

enum err relay_core_welcome(struct relay_core *core, const struct visitor_addr *addr,
                            struct relay_time now)
{
    struct visitor *v;
    enum err e = visitors_find(&core->visitors, addr, now.mono_ms, &v);
    if (e == OK) {
        e = check_room(core, v);
    }
    if (e == OK && !visitor_may(v, VISITOR_REFUSAL, now.mono_ms)) {
        e = ERR_LIMIT;
    }
    if (e == OK) {
        e = visitor_use(v, VISITOR_UPGRADE, now.mono_ms);
    }
    if (e != OK) {
        core->counts.drops[e == ERR_LIMIT ? RELAY_DROP_RATE : RELAY_DROP_FULL]++;
    }
    return e;
}

static void challenge(struct leg *leg)
{
    uint8_t body[32 + 8];
    random_bytes(leg->nonce, sizeof(leg->nonce));
    memcpy(body, leg->nonce, sizeof(leg->nonce));
    be64_write(body + 32, leg->core->now.wall_ms);
    leg_send(leg, ENVELOPE_CHALLENGE, 0, BYTES_OF(body));
}

enum err relay_core_attach(struct relay_core *core, const struct visitor_addr *addr,
                           void *user, struct relay_time now, struct leg **out)
{
    struct visitor *v;
    core->now = now;
    enum err e = visitors_find(&core->visitors, addr, now.mono_ms, &v);
    if (e == OK) {
        e = check_room(core, v);
    }
    if (e != OK) {
        return e;
    }
    struct leg *leg = mem_try(1, sizeof(*leg));
    if (leg == NULL) {
        return ERR_NOMEM;
    }
    leg_init(leg, core, user, v);
    *out = leg;
    challenge(leg);
    reap(core);
    return OK;
}

void relay_core_input(struct leg *leg, bool binary, struct bytes frame,
                      struct relay_time now)
{
    struct relay_core *core = leg->core;
    struct envelope f;
    core->now = now;
    core->counts.frames_in++;
    core->counts.octets_in += frame.len;
    if (!is_patient(leg, frame)) {
        leg_refuse(leg, ENVELOPE_E_TOO_MANY, "log in first");
    } else if (!binary || envelope_parse(frame, &f) != OK || !is_allowed(leg, &f)) {
        leg_refuse(leg, ENVELOPE_E_MALFORMED, "malformed, or not now");
    } else {
        frames[f.type].handle(leg, &f);
    }
    reap(core);
}

void relay_core_drained(struct leg *leg, struct relay_time now)
{
    struct relay_core *core = leg->core;
    core->now = now;
    leg_caught_up(leg);
    reap(core);
}

void relay_core_detach(struct leg *leg, struct relay_time now)
{
    struct relay_core *core = leg->core;
    core->now = now;
    leg_unhook(leg);
    reap(core);
}

/* ---- time ----------------------------------------------------------------------------------- */

static void expire_waiting(struct relay_core *core)
{
    while (!list_is_empty(&core->waiting)) {
        struct leg *leg = list_first(&core->waiting, struct leg, waiting);
        if (leg->due_ms > core->now.mono_ms) {
            return;
        }
        core->counts.drops[RELAY_DROP_SLOW]++;
        log_peer("relay.dropped", "reason=slow state=%s", machine_name(&leg->m));
        leg_bye(leg, ENVELOPE_IDLE);
        leg_end(leg, WS_CLOSE_POLICY);
    }
}

/* Progress is a queue that shrinks: while it is behind only control frames join it. */
static bool is_stalled(struct leg *leg, uint64_t now_ms)
{
    const size_t queued = leg->core->ops->queued(leg->user);
    if (queued < leg->stalled_at) {
        leg->progress_ms = now_ms;
    }
    leg->stalled_at = queued;
    return now_ms - leg->progress_ms >= RELAY_STALL_MS;
}

/* Takes the first of the list again and again: a leg may take others with it. */
static void look_at_behind(struct relay_core *core)
{
    struct list todo;
    list_init(&todo);
    while (!list_is_empty(&core->behind)) {
        struct list *node = core->behind.next;
        list_remove(node);
        list_append(&todo, node);
    }
    while (!list_is_empty(&todo)) {
        struct leg *leg = list_first(&todo, struct leg, behind);
        list_remove(&leg->behind);
        if (leg_takes(leg)) {
            leg_caught_up(leg);
        } else if (is_stalled(leg, core->now.mono_ms)) {
            core->counts.drops[RELAY_DROP_STALLED]++;
            log_peer("relay.dropped", "reason=stalled state=%s", machine_name(&leg->m));
            leg_bye(leg, ENVELOPE_STALLED);
            leg_end(leg, WS_CLOSE_POLICY);
        } else {
            list_append(&core->behind, &leg->behind);
        }
    }
}

static void sooner(uint64_t *next, uint64_t due)
{
    *next = due < *next ? due : *next;
}

uint64_t relay_core_due(const struct relay_core *core)
{
    uint64_t next = UINT64_MAX;
    if (!list_is_empty(&core->waiting)) {
        sooner(&next, list_first(&core->waiting, struct leg, waiting)->due_ms);
    }
    if (!list_is_empty(&core->boxed)) {
        sooner(&next, list_first(&core->boxed, struct channel, expiry)->due_ms);
    }
    if (!list_is_empty(&core->expiry)) {
        sooner(&next, list_first(&core->expiry, struct box, expiry)->due_ms);
    }
    if (!list_is_empty(&core->behind)) {
        sooner(&next, core->look_ms);
    }
    return next;
}

void relay_core_tick(struct relay_core *core, struct relay_time now)
{
    core->now = now;
    expire_waiting(core);
    channel_expire(core);
    box_expire(core);
    if (core->look_ms <= now.mono_ms) {
        core->look_ms = now.mono_ms + RELAY_LOOK_MS;
        look_at_behind(core);
    }
    reap(core);
}

void relay_core_shutdown(struct relay_core *core)
{
    while (!list_is_empty(&core->legs)) {
        struct leg *leg = list_first(&core->legs, struct leg, all);
        leg_bye(leg, ENVELOPE_SHUTTING_DOWN);
        leg_end(leg, WS_CLOSE_GOING_AWAY);
    }
    reap(core);
}

static size_t length(const struct list *head)
{
    size_t n = 0;
    for (const struct list *at = head->next; at != head; at = at->next) {
        n++;
    }
    return n;
}

struct relay_stats relay_core_stats(const struct relay_core *core)
{
    return (struct relay_stats){
        .legs = core->n_legs,
        .legs_max = core->legs_max,
        .hosts = core->n_hosts,
        .mailboxes = core->mailboxes.count,
        .boxes = core->boxes.count,
        .channels = core->n_channels,
        .behind = length(&core->behind),
        .memory = core->memory,
        .memory_max = core->memory_max,
    };
}

const struct relay_counts *relay_core_counts(const struct relay_core *core)
{
    return &core->counts;
}
