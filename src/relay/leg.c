/* leg: one connection: its states, and what goes out on it. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/state.h"
#include "wire/ws.h"

#define WS_OVERHEAD 16 // a frame's header, rounded up

static const struct machine_state leg_states[] = {
    [LEG_CHALLENGED] = {"challenged", MOVES_TO(LEG_HOST_NEW) | MOVES_TO(LEG_DEVICE) |
                                          MOVES_TO(LEG_BOXED) | MOVES_TO(LEG_GONE)},
    [LEG_HOST_NEW] = {"host-new", MOVES_TO(LEG_HOST) | MOVES_TO(LEG_GONE)},
    [LEG_HOST] = {"host", MOVES_TO(LEG_GONE)},
    [LEG_DEVICE] = {"device", MOVES_TO(LEG_GONE)},
    [LEG_BOXED] = {"boxed", MOVES_TO(LEG_GONE)},
    [LEG_GONE] = {"gone", 0},
};

static bool is_gone(const struct leg *leg)
{
    return leg->m.state == LEG_GONE;
}

static void count_login(struct relay_core *core, enum leg_state as)
{
    core->n_hosts += as == LEG_HOST ? 1 : 0;
    core->counts.hosts += as == LEG_HOST ? 1 : 0;
    core->counts.devices += as == LEG_DEVICE ? 1 : 0;
    core->counts.claims += as == LEG_BOXED ? 1 : 0;
}

void leg_move(struct leg *leg, enum leg_state to)
{
    if (leg->m.state == LEG_CHALLENGED) {
        leg->core->ops->admitted(leg->user);
    }
    machine_move(&leg->m, to);
    if (to == LEG_HOST || to == LEG_DEVICE || to == LEG_BOXED) {
        list_remove(&leg->waiting);
        count_login(leg->core, to);
    }
}

void leg_wait(struct leg *leg, uint64_t for_ms)
{
    leg->due_ms = leg->core->now.mono_ms + for_ms;
    list_remove(&leg->waiting);
    list_append(&leg->core->waiting, &leg->waiting);
}

bool leg_takes(const struct leg *leg)
{
    return !is_gone(leg) && leg->core->ops->queued(leg->user) <= RELAY_LEG_HIGH;
}

void leg_is_behind(struct leg *leg)
{
    if (leg->behind.next == NULL && !is_gone(leg)) {
        leg->stalled_at = leg->core->ops->queued(leg->user);
        leg->progress_ms = leg->core->now.mono_ms;
        if (list_is_empty(&leg->core->behind)) {
            leg->core->look_ms = leg->core->now.mono_ms + RELAY_LOOK_MS;
        }
        list_append(&leg->core->behind, &leg->behind);
    }
}

void leg_caught_up(struct leg *leg)
{
    list_remove(&leg->behind);
    if (leg->channel != NULL) {
        channel_pump_device(leg->channel);
    } else if (leg->mailbox != NULL) {
        channel_pump_host(leg->mailbox);
    }
}

void leg_send(struct leg *leg, enum envelope_type type, uint32_t chan,
              struct bytes body)
{
    uint8_t head[ENVELOPE_HEAD];
    if (is_gone(leg)) {
        return;
    }
    const struct relay_ops *ops = leg->core->ops;
    const size_t size = sizeof(head) + body.len + WS_OVERHEAD;
    envelope_head(head, type, chan);
    enum err e = ERR_LIMIT;
    if (ops->queued(leg->user) + size <= RELAY_LEG_MAX) {
        e = ops->send(leg->user, BYTES_OF(head), body);
    }
    if (e == OK) {
        leg->core->counts.frames_out++;
        leg->core->counts.octets_out += sizeof(head) + body.len;
        return;
    }
    if (e != ERR_CLOSED) { // else it is just leaving
        leg->core->counts.drops[RELAY_DROP_UNSENT]++;
        log_peer("relay.dropped", "reason=unsent state=%s", machine_name(&leg->m));
    }
    leg_end(leg, WS_CLOSE_POLICY); // a frame is lost: nothing may follow it
}

void leg_err(struct leg *leg, enum envelope_error code, const char *text)
{
    uint8_t body[2 + ENVELOPE_ERR_TEXT_MAX];
    const size_t len = strnlen(text, ENVELOPE_ERR_TEXT_MAX);
    be16_write(body, (uint16_t)code);
    memcpy(body + 2, text, len);
    leg_send(leg, ENVELOPE_ERR, 0, (struct bytes){body, 2 + len});
}

static uint16_t close_code(enum envelope_error code)
{
    if (code == ENVELOPE_E_MALFORMED) {
        return WS_CLOSE_PROTOCOL;
    }
    const bool later = code == ENVELOPE_E_HOST_OFFLINE || code == ENVELOPE_E_MEMORY;
    return later ? WS_CLOSE_TRY_LATER : WS_CLOSE_POLICY;
}

void leg_refuse(struct leg *leg, enum envelope_error code, const char *text)
{
    if (is_gone(leg)) {
        return;
    }
    log_peer("relay.refused", "code=%d state=%s text=\"%s\"", (int)code,
             machine_name(&leg->m), text);
    if (code != ENVELOPE_E_HOST_OFFLINE && code != ENVELOPE_E_MEMORY) {
        visitor_note(leg->visitor, VISITOR_REFUSAL, leg->core->now.mono_ms);
    }
    leg->core->counts.refusals[code]++;
    leg_err(leg, code, text);
    leg_end(leg, close_code(code));
}

void leg_bye(struct leg *leg, enum envelope_reason reason)
{
    const uint8_t body[1] = {(uint8_t)reason};
    leg_send(leg, ENVELOPE_CLOSE, 0, BYTES_OF(body));
}

void leg_end(struct leg *leg, uint16_t ws_code)
{
    if (is_gone(leg)) {
        return;
    }
    leg->core->ops->close(leg->user, ws_code);
    leg_unhook(leg);
}

void leg_unhook(struct leg *leg)
{
    struct relay_core *core = leg->core;
    struct mailbox *m = leg->mailbox;
    struct channel *c = leg->channel;
    core->n_hosts -= leg->m.state == LEG_HOST ? 1 : 0;
    machine_move(&leg->m, LEG_GONE);
    leg->mailbox = NULL;
    leg->channel = NULL;
    leg->visitor->n_legs--;
    core->n_legs--;
    core->memory -= sizeof(*leg);
    list_remove(&leg->waiting);
    list_remove(&leg->behind);
    list_remove(&leg->all);
    list_append(&core->dead_legs, &leg->all);
    if (m != NULL) {
        mailbox_host_gone(m);
    }
    if (c != NULL) {
        channel_device_left(c, ENVELOPE_DONE);
    }
}

void leg_init(struct leg *leg, struct relay_core *core, void *user, struct visitor *v)
{
    leg->core = core;
    leg->user = user;
    leg->m =
        (struct machine){.what = "leg", .table = leg_states, .state = LEG_CHALLENGED};
    leg->visitor = v;
    v->n_legs++;
    core->n_legs++;
    core->memory += sizeof(*leg);
    list_append(&core->legs, &leg->all);
    leg_wait(leg, RELAY_HANDSHAKE_MS);
}
