#include "session/lane_io.h"

#include "base/log.h"
#include "session/lane_priv.h"

enum { ACK_AFTER_MESSAGES = 32, ACK_AFTER_MS = 250, COMMIT_AGAIN_MS = 1000 };

/* ---- a session begins and ends ------------------------------------------------------ */

/* What is left is sent again from its first unacknowledged fragment on. */
static void rewind_queue(struct lane *l)
{
    l->next = NULL;
    l->next_fragment = 0;
    if (list_is_empty(&l->out)) {
        return;
    }
    l->next = list_first(&l->out, struct lane_out, node);
    if (l->next->n_sealed != 0 && l->acked >= l->next->first_seq) {
        l->next_fragment = (size_t)(l->acked - l->next->first_seq + 1);
    }
}

static void discard_acked(struct lane *l)
{
    while (!list_is_empty(&l->out)) {
        struct lane_out *o = list_first(&l->out, struct lane_out, node);
        const bool whole = o->n_sealed == o->n_fragments;
        if (!whole || o->first_seq + o->n_fragments - 1 > l->acked) {
            return;
        }
        lane_out_drop(l, o);
    }
}

static bool in_flight(const struct lane *l)
{
    return l->last_sent > l->acked;
}

/* Is what the device has a point from which we can go on? */
static bool can_resume(const struct lane *l, const struct lane_claim *claim)
{
    return claim->known && claim->epoch == l->epoch && claim->last_recv >= l->acked &&
           claim->last_recv <= l->last_sent;
}

struct lane_begun lane_begin_host(struct lane *l, const void *owner,
                                  const struct lane_claim *claim,
                                  struct lane_offer *offer)
{
    struct lane_begun begun = {.resumed = can_resume(l, claim)};
    if (begun.resumed) {
        l->acked = claim->last_recv;
        discard_acked(l);
    } else {
        const uint32_t claimed = claim->known ? claim->epoch : 0;
        const bool used = l->last_sent != 0 || l->n_out != 0 || l->last_stream != 0;
        begun.reset = l->n_streams != 0;
        if (used || claimed >= l->epoch) {
            lane_restart_at(l, (claimed > l->epoch ? claimed : l->epoch) + 1);
        }
    }
    l->owner = owner;
    l->must_tell = false; // READY tells
    l->await_echo = false;
    l->owed = l->is_durable ? (unsigned)(l->last_recv - l->committed) : 0;
    rewind_queue(l);
    *offer = (struct lane_offer){
        .epoch = l->epoch,
        .recv_known = !l->recv_is_lost,
        .last_recv = l->is_durable ? l->committed : l->last_recv,
    };
    l->told = offer->last_recv;
    return begun;
}

struct lane_claim lane_claim(const struct lane *l)
{
    return (struct lane_claim){
        .known = l->epoch != 0,
        .epoch = l->epoch,
        .last_recv = l->last_recv,
    };
}

struct lane_claim lane_claim_for(struct lane *l, const void *owner)
{
    l->claimant = owner;
    l->claimed = l->last_recv;
    return lane_claim(l);
}

/* Device: the host has begun host->device anew, and with it every stream. */
static void forget_streams(struct lane *l, uint32_t epoch)
{
    l->epoch = epoch;
    l->last_recv = 0;
    l->committed = 0;
    l->told = 0;
    l->owed = 0;
    lane_streams_drop_all(l);
    lane_out_void(l);
}

/* Device: the host says what it has of ours. True: some of it has an unknown fate. */
static bool take_host_count(struct lane *l, const struct lane_offer *offer)
{
    const uint64_t has = offer->last_recv;
    if (offer->recv_known && has >= l->acked && has <= l->last_sent) {
        l->acked = has;
        discard_acked(l);
        return false;
    }
    // It has lost count, or we have: nothing is sent twice under two numbers.
    const bool unknown = in_flight(l);
    lane_out_drop_sealed(l);
    if (offer->recv_known) {
        l->last_sent = has;
    }
    l->acked = l->last_sent;
    return unknown;
}

struct lane_begun lane_begin_device(struct lane *l, const void *owner,
                                    const struct lane_offer *offer)
{
    const bool same = offer->epoch == l->epoch;
    const bool known_before = l->epoch != 0;
    struct lane_begun begun = {.resumed = same || !known_before};
    if (!same) {
        begun.unknown = in_flight(l);
        begun.reset = known_before && l->n_streams != 0;
        if (known_before) {
            forget_streams(l, offer->epoch);
        } else {
            l->epoch = offer->epoch; // streams opened before the first READY live on
            l->last_recv = 0;
        }
    }
    begun.unknown = take_host_count(l, offer) || begun.unknown;
    l->owner = owner;
    l->claimant = NULL;
    l->owed = 0;
    rewind_queue(l);
    return begun;
}

bool lane_serves(const struct lane *l, const void *owner)
{
    return l->owner == owner;
}

void lane_end(struct lane *l, const void *owner)
{
    if (l->claimant == owner) {
        l->claimant = NULL;
    }
    if (l->owner == owner) {
        l->owner = NULL;
        l->must_tell = false; // the next READY tells
        l->await_echo = false;
    }
}

/* ---- sending -------------------------------------------------------------------------- */

static uint8_t fragment_flags(const struct lane_out *o, size_t i)
{
    const bool last = i + 1 == o->n_fragments;
    if (o->message == NULL) {
        return o->flags;
    }
    unsigned flags = last ? 0 : STREAM_MORE;
    if (i == 0) {
        flags |= o->flags & STREAM_OPEN;
    }
    if (last) {
        flags |= o->flags & STREAM_CLOSE;
    }
    return (uint8_t)flags;
}

bool lane_take(struct lane *l, struct fragment *out, uint64_t *seq)
{
    struct lane_out *o = l->next;
    if (o == NULL) {
        return false;
    }
    const size_t i = l->next_fragment;
    if (i == o->n_sealed) { // for the first time: this is where it gets its number
        l->last_sent++;
        o->n_sealed++;
        if (i == 0) {
            l->n_unsent--;
            o->first_seq = l->last_sent;
        }
    }
    *seq = o->first_seq + i;
    *out = (struct fragment){
        .stream = o->stream,
        .flags = fragment_flags(o, i),
        .octets = fragment_part(blob_bytes(o->message), i),
    };
    l->next_fragment++;
    if (l->next_fragment == o->n_fragments) {
        l->next = o->node.next == &l->out
                      ? NULL
                      : CONTAINER_OF(o->node.next, struct lane_out, node);
        l->next_fragment = 0;
    }
    return true;
}

enum err lane_acked(struct lane *l, uint64_t ack)
{
    if (l->await_echo) {
        return OK; // it counts in the numbering of before the restart
    }
    if (ack > l->last_sent) {
        return ERR_PROTO;
    }
    if (ack > l->acked) {
        l->acked = ack;
        discard_acked(l);
    }
    return OK;
}

bool lane_must_tell(const struct lane *l, uint32_t *epoch)
{
    *epoch = l->epoch;
    return l->must_tell;
}

void lane_told(struct lane *l)
{
    l->must_tell = false;
}

bool lane_snapshot(struct lane *l, uint32_t epoch, bool *unknown)
{
    if (l->side == LANE_HOST) {
        if (epoch == l->epoch) {
            l->await_echo = false;
        }
        return false;
    }
    if (epoch == l->epoch) {
        return false;
    }
    *unknown = in_flight(l);
    forget_streams(l, epoch);
    return true;
}

/* ---- receiving ------------------------------------------------------------------------ */

/* The stream this fragment is for. NULL: none that is alive (not an error), or *e. */
static struct lane_stream *stream_for(struct lane *l, const struct fragment *f,
                                      enum err *e)
{
    *e = ERR_AGAIN;
    if ((f->flags & STREAM_OPEN) == 0) {
        return lane_stream_find(l, f->stream);
    }
    // Only controllers open, and an id is never used twice (section 5.2).
    if (l->side == LANE_DEVICE || f->stream <= l->last_stream) {
        *e = ERR_PROTO;
        return NULL;
    }
    const bool full = l->n_streams >= LANE_STREAMS_MAX;
    struct lane_stream *s = lane_stream_add(l, f->stream);
    if (s == NULL) {
        *e = ERR_NOMEM;
        return NULL;
    }
    if (full) {
        lane_close(l, f->stream);
        return NULL;
    }
    s->opened = true;
    return s;
}

static enum err assemble(struct lane *l, struct lane_stream *s,
                         const struct fragment *f, struct lane_message *out)
{
    const bool closed = (f->flags & STREAM_CLOSE) != 0;
    const size_t before = s->in.begun ? assembly_len(&s->in) : 0;
    bool whole = false;
    struct bytes octets = BYTES_NONE;
    if (l->in_bytes + f->octets.len > LANE_BYTES_MAX) {
        return ERR_LIMIT;
    }
    const enum err e = assembly_take(&s->in, f, &octets, &whole);
    if (e != OK) {
        return e;
    }
    l->in_bytes += (s->in.begun ? assembly_len(&s->in) : 0);
    l->in_bytes -= before;
    if (!whole && !closed) {
        return ERR_AGAIN;
    }
    if (octets.len == 0 && !s->opened && !closed) {
        return ERR_AGAIN;
    }
    *out = (struct lane_message){
        .stream = s->id,
        .opened = s->opened,
        .closed = closed,
        .octets = octets,
    };
    s->opened = false;
    return OK;
}

/* A stream that its peer closed goes, but its last message is still borrowed from it. */
static void retire(struct lane *l, struct lane_stream *s)
{
    assembly_fini(&l->last_whole);
    l->last_whole = s->in;
    if (s->in.begun) {
        l->in_bytes -= assembly_len(&s->in);
    }
    s->in = (struct assembly){.begun = false};
    lane_stream_drop(l, s);
}

static void count_received(struct lane *l, uint64_t seq, uint64_t now_ms)
{
    if (l->recv_is_lost) {
        l->committed = seq - 1; // what came before it will not come again
    }
    l->last_recv = seq;
    l->recv_is_lost = false;
    if (l->owed == 0) {
        l->owed_since_ms = now_ms;
    }
    l->owed++;
}

enum err lane_receive(struct lane *l, uint64_t seq, struct bytes body, uint64_t now_ms,
                      struct lane_message *out)
{
    struct fragment f;
    enum err e = fragment_read(body, &f);
    if (e != OK) {
        return e;
    }
    if (!l->recv_is_lost) {
        if (seq <= l->last_recv) {
            return ERR_AGAIN; // resent, and we have it
        }
        if (seq != l->last_recv + 1) {
            return ERR_PROTO;
        }
    }
    if (seq == 0) {
        return ERR_PROTO;
    }
    struct lane_stream *s = NULL;
    const uint16_t last_stream = l->last_stream;
    e = ERR_AGAIN;
    if (!l->await_echo) { // else it belongs to a stream of before the restart
        s = stream_for(l, &f, &e);
    }
    if (s != NULL) {
        e = assemble(l, s, &f, out);
    }
    if (e != OK && e != ERR_AGAIN) {
        // Not counted, and nothing of it happened: it will be sent again.
        if (s != NULL && l->last_stream != last_stream) {
            lane_stream_drop(l, s);
            l->last_stream = last_stream;
        }
        return e;
    }
    count_received(l, seq, now_ms);
    if (s != NULL && e == OK && out->closed) {
        retire(l, s);
    }
    return e;
}

static uint64_t owed_at(const struct lane *l)
{
    return l->owed >= ACK_AFTER_MESSAGES ? 0 : l->owed_since_ms + ACK_AFTER_MS;
}

uint64_t lane_ack(struct lane *l)
{
    if (l->claimant != NULL) {
        return l->claimed;
    }
    if (!l->is_durable) {
        l->owed = 0;
        return l->last_recv;
    }
    l->owed = (unsigned)(l->last_recv - l->committed);
    l->told = l->committed;
    return l->committed;
}

uint64_t lane_ack_at(const struct lane *l)
{
    const bool nothing = l->is_durable ? l->committed == l->told : l->owed == 0;
    return nothing || l->claimant != NULL ? UINT64_MAX : owed_at(l);
}

/* ---- the disk --------------------------------------------------------------------------- */

uint64_t lane_uncommitted(const struct lane *l)
{
    return l->is_durable && l->last_recv > l->committed ? l->last_recv : 0;
}

uint64_t lane_commit_at(const struct lane *l)
{
    if (lane_uncommitted(l) == 0) {
        return UINT64_MAX;
    }
    const uint64_t at = owed_at(l);
    return at > l->commit_from_ms ? at : l->commit_from_ms;
}

void lane_committed(struct lane *l, uint64_t seq)
{
    if (seq > l->committed && seq <= l->last_recv) {
        l->committed = seq;
        l->commit_from_ms = 0;
    }
}

void lane_commit_failed(struct lane *l, uint64_t now_ms)
{
    l->commit_from_ms = now_ms + COMMIT_AGAIN_MS;
}
