#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "link/host_state.h"

static void maybe_free(struct host_device *d)
{
    if (d->removed && list_is_empty(&d->streams)) {
        struct link_host *h = d->host;
        timer_stop(&d->grace);
        list_remove(&d->node);
        lane_destroy(d->lane);
        mem_free(d);
        host_maybe_free(h);
    }
}

/* ---- devices -------------------------------------------------------------------- */

struct host_device *host_device_find(struct link_host *h, const uint8_t id[16])
{
    struct host_device *d;
    list_each (d, &h->devices, node) {
        if (!d->removed && memcmp(d->id, id, sizeof(d->id)) == 0) {
            return d;
        }
    }
    return NULL;
}

/* What a device of before this start had sent last: it is on disk, or lost. */
static void load_lane(struct link_host *h, const uint8_t id[16], bool is_new,
                      struct lane_state *from)
{
    from->is_durable = h->ops->lane_load != NULL;
    if (!from->is_durable) {
        from->recv_is_lost = !is_new;
    } else if (is_new) {
        if (h->ops->lane_commit(h->user, id, 0) != OK) {
            log_warn("link.lane_not_stored", "last_recv=0");
        }
    } else if (!h->ops->lane_load(h->user, id, &from->last_recv)) {
        log_warn("link.lane_lost", "reason=\"its count is not on disk\"");
        from->recv_is_lost = true;
    }
}

void host_device_commit(struct host_device *d, bool now)
{
    const uint64_t now_ms = loop_now_ms(d->host->loop);
    const uint64_t seq = lane_uncommitted(d->lane);
    if (seq == 0 || (!now && lane_commit_at(d->lane) > now_ms)) {
        return;
    }
    if (d->host->ops->lane_commit(d->host->user, d->id, seq) == OK) {
        lane_committed(d->lane, seq);
    } else {
        lane_commit_failed(d->lane, now_ms); // no ack leaves: the device keeps it
    }
}

enum err host_device_add(struct link_host *h, const struct link_peer *peer, bool is_new,
                         struct host_device **out)
{
    const enum err e = roster_put(h->roster, peer->key, peer->pair_root);
    if (e != OK) {
        return e;
    }
    struct lane_state from = {.epoch = h->epoch};
    load_lane(h, peer->device_id, is_new, &from);
    struct host_device *d = mem_new(sizeof(*d));
    d->host = h;
    memcpy(d->id, peer->device_id, sizeof(d->id));
    memcpy(d->key, peer->key, sizeof(d->key));
    memcpy(d->relay_tag, peer->relay_tag, sizeof(d->relay_tag));
    d->lane = lane_create(LANE_HOST, &from);
    list_init(&d->streams);
    list_append(&h->devices, &d->node);
    *out = d;
    return OK;
}

void host_device_remove(struct host_device *d)
{
    struct link_host *h = d->host;
    d->removed = true;
    roster_remove(h->roster, d->id);
    if (!host_acl_send(h, ENVELOPE_REMOVE,
                       (struct bytes){d->relay_tag, sizeof(d->relay_tag)})) {
        log_debug("link.acl_later", "reason=offline"); // the next login replaces all
    }
    timer_stop(&d->grace);
    host_device_drop_streams(d);
    maybe_free(d);
}

void host_devices_free_all(struct link_host *h)
{
    struct host_device *d;
    struct host_device *tmp;
    list_each_safe (d, tmp, &h->devices, node) {
        timer_stop(&d->grace);
        list_remove(&d->node);
        lane_destroy(d->lane);
        mem_free(d);
    }
}

static void on_grace(struct timer *t)
{
    struct host_device *d = CONTAINER_OF(t, struct host_device, grace);
    log_info("link.streams_expired", "n=%zu", lane_n_streams(d->lane));
    lane_restart(d->lane);
    host_device_drop_streams(d);
}

void host_device_session_gone(struct host_device *d)
{
    d->session = NULL;
    if (!list_is_empty(&d->streams)) {
        timer_start(d->host->loop, &d->grace, LINK_STREAM_GRACE_MS, on_grace);
    }
}

/* The order of protocol.md 6: nothing of it dispatches any more, then it is told. */
void link_host_revoke(struct link_host *h, const uint8_t device_id[16])
{
    struct host_device *d = host_device_find(h, device_id);
    struct link_session *s;
    list_each (s, &h->sessions, node) {
        const bool its = memcmp(s->claim.device_id, device_id, 16) == 0;
        if (its && s->phase != PHASE_OVER && s->phase != PHASE_HANDSHAKE) {
            host_session_end(s, CLOSE_REVOKED);
        }
    }
    if (d != NULL && !d->removed) {
        host_device_remove(d);
    }
}

void link_host_drop(struct link_host *h, const uint8_t device_id[16])
{
    struct host_device *d = host_device_find(h, device_id);
    struct link_session *s;
    list_each (s, &h->sessions, node) {
        const bool its = memcmp(s->claim.device_id, device_id, 16) == 0;
        if (its && s->phase == PHASE_LIVE) {
            host_session_end(s, CLOSE_DONE);
        }
    }
    if (d != NULL) {
        host_device_drop_streams(d);
    }
}

/* ---- streams ---------------------------------------------------------------------- */

static void on_stream_end(struct loop_task *t)
{
    struct link_stream *st = CONTAINER_OF(t, struct link_stream, end);
    struct host_device *d = st->device;
    d->host->ops->stream_closed(d->host->user, st);
    list_remove(&st->node);
    mem_free(st);
    if (d->removed) {
        maybe_free(d);
    } else {
        host_maybe_free(d->host);
    }
}

/* The owner hears of the end in a call of its own. */
static void stream_over(struct link_stream *st)
{
    if (!st->closing) {
        st->closing = true;
        loop_defer(st->device->host->loop, &st->end, on_stream_end);
    }
}

void host_device_drop_streams(struct host_device *d)
{
    struct link_stream *st;
    list_each (st, &d->streams, node) {
        stream_over(st);
    }
}

static struct link_stream *stream_find(struct host_device *d, uint16_t id)
{
    struct link_stream *st;
    list_each (st, &d->streams, node) {
        if (st->id == id && !st->closing) {
            return st;
        }
    }
    return NULL;
}

static struct link_stream *stream_new(struct host_device *d, uint16_t id)
{
    struct link_stream *st = mem_try(1, sizeof(*st));
    if (st == NULL) {
        lane_close(d->lane, id);
        return NULL;
    }
    st->device = d;
    st->id = id;
    list_append(&d->streams, &st->node);
    d->host->ops->stream_open(d->host->user, st, d->id);
    return st;
}

/* The owner reads a copy: while it does, it may close the stream or overflow the lane,
 * and the lane then frees what it had put together. */
static void give_text(struct link_stream *st, struct bytes octets, uint64_t seq)
{
    const struct link_host *h = st->device->host;
    struct blob *copy = blob_copy(octets);
    if (copy == NULL) {
        log_peer("link.no_memory", "bytes=%zu", octets.len);
        link_stream_close(st);
        return;
    }
    st->seq = seq;
    h->ops->stream_text(h->user, st, blob_bytes(copy));
    st->seq = 0;
    blob_unref(copy);
}

void host_device_message(struct host_device *d, const struct session_message *m)
{
    struct link_stream *st = stream_find(d, m->stream);
    const struct session_message msg = *m;
    if (st == NULL && msg.opened) {
        st = stream_new(d, msg.stream);
    }
    if (st == NULL) {
        return;
    }
    if (msg.octets.len != 0 && !st->closing) {
        give_text(st, msg.octets, msg.seq);
    }
    if (msg.closed) {
        stream_over(st);
    }
}

void link_stream_set_user(struct link_stream *st, void *user)
{
    st->user = user;
}

void *link_stream_user(const struct link_stream *st)
{
    return st->user;
}

uint64_t link_stream_seq(const struct link_stream *st)
{
    return st->seq;
}

void link_stream_committed(struct link_stream *st, uint64_t seq)
{
    lane_committed(st->device->lane, seq);
}

/* What became of a text that the lane was given; true: it waits there. */
static bool is_queued(struct link_stream *st, const struct blob *text, enum err e)
{
    struct host_device *d = st->device;
    if (e == ERR_NOT_FOUND) {
        stream_over(st);
        return false;
    }
    if (e == ERR_LIMIT && text->len <= LANE_MESSAGE_MAX) {
        log_peer("link.lane_overflow", "streams=%zu", lane_n_streams(d->lane));
        host_device_drop_streams(d); // the lane has restarted: a snapshot is needed
    } else if (e != OK) {
        log_peer("link.unsent", "bytes=%zu reason=\"%s\"", text->len, err_text(e));
        link_stream_close(st); // it would miss a message: better it knows
        return false;
    }
    return d->session != NULL;
}

void link_stream_send(struct link_stream *st, struct blob *text)
{
    struct host_device *d = st->device;
    if (!st->closing && is_queued(st, text, lane_send(d->lane, st->id, text))) {
        host_session_flush_later(d->session);
    }
}

static void on_pace(struct timer *t)
{
    host_session_flush_later(CONTAINER_OF(t, struct link_session, pace));
}

/* A person reads no faster: a burst of deltas becomes a few messages, and costs the
 * host, the relay and the device's battery as many records. The first of a burst, and
 * whatever is no delta, does not wait. */
static void flush_in_step(struct link_session *s)
{
    const uint64_t now_ms = loop_now_ms(s->host->loop);
    const uint64_t due_ms = s->flushed_ms + LINK_DELTA_PACE_MS;
    if (now_ms >= due_ms) {
        host_session_flush_later(s);
    } else if (s->phase != PHASE_OVER && !timer_is_armed(&s->pace)) {
        timer_start(s->host->loop, &s->pace, due_ms - now_ms, on_pace);
    }
}

void link_stream_send_delta(struct link_stream *st, struct blob *text,
                            const struct delta *at)
{
    struct host_device *d = st->device;
    if (!st->closing &&
        is_queued(st, text, lane_send_delta(d->lane, st->id, text, at))) {
        flush_in_step(d->session);
    }
}

void link_stream_close(struct link_stream *st)
{
    struct host_device *d = st->device;
    if (st->closing) {
        return;
    }
    lane_close(d->lane, st->id);
    stream_over(st);
    if (d->session != NULL) {
        host_session_flush_later(d->session);
    }
}
