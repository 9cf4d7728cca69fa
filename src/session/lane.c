#include "session/lane.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "session/lane_priv.h"

/* ---- streams -------------------------------------------------------------------- */

struct lane_stream *lane_stream_find(const struct lane *l, uint16_t id)
{
    struct lane_stream *s;
    list_each (s, &l->streams, node) {
        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

struct lane_stream *lane_stream_add(struct lane *l, uint16_t id)
{
    struct lane_stream *s = mem_try(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->id = id;
    list_append(&l->streams, &s->node);
    l->n_streams++;
    l->last_stream = id;
    return s;
}

void lane_stream_drop(struct lane *l, struct lane_stream *s)
{
    if (s->in.begun) {
        l->in_bytes -= assembly_len(&s->in);
    }
    list_remove(&s->node);
    l->n_streams--;
    assembly_fini(&s->in);
    mem_free(s);
}

void lane_streams_drop_all(struct lane *l)
{
    while (!list_is_empty(&l->streams)) {
        lane_stream_drop(l, list_first(&l->streams, struct lane_stream, node));
    }
}

/* ---- the queue -------------------------------------------------------------------- */

void lane_out_drop(struct lane *l, struct lane_out *o)
{
    if (l->next == o) {
        l->next = o->node.next == &l->out
                      ? NULL
                      : CONTAINER_OF(o->node.next, struct lane_out, node);
        l->next_fragment = 0;
    }
    list_remove(&o->node);
    l->n_out--;
    l->n_unsent -= o->n_sealed == 0 ? 1 : 0;
    l->out_bytes -= blob_bytes(o->message).len;
    blob_unref(o->message);
    mem_free(o);
}

void lane_out_drop_all(struct lane *l)
{
    while (!list_is_empty(&l->out)) {
        lane_out_drop(l, list_first(&l->out, struct lane_out, node));
    }
}

void lane_out_drop_sealed(struct lane *l)
{
    while (!list_is_empty(&l->out)) {
        struct lane_out *first = list_first(&l->out, struct lane_out, node);
        if (first->n_sealed == 0) {
            return;
        }
        lane_out_drop(l, first);
    }
}

/* A numbered message whose stream is gone: its number must still be used, its octets
 * must not act. */
static void make_void(struct lane *l, struct lane_out *o)
{
    l->out_bytes -= blob_bytes(o->message).len;
    blob_unref(o->message);
    o->message = NULL;
    o->flags = 0;
}

void lane_out_void(struct lane *l)
{
    struct lane_out *o;
    lane_out_drop_unsealed(l);
    list_each (o, &l->out, node) {
        make_void(l, o);
    }
}

void lane_out_drop_unsealed(struct lane *l)
{
    while (!list_is_empty(&l->out)) {
        struct lane_out *last = CONTAINER_OF(l->out.prev, struct lane_out, node);
        if (last->n_sealed != 0) {
            last->n_fragments = last->n_sealed;
            if (l->next == last && l->next_fragment == last->n_fragments) {
                l->next = NULL;
                l->next_fragment = 0;
            }
            return;
        }
        lane_out_drop(l, last);
    }
}

static void enqueue(struct lane *l, struct lane_out *o)
{
    list_append(&l->out, &o->node);
    l->n_out++;
    l->n_unsent++;
    l->out_bytes += blob_bytes(o->message).len;
    o->n_fragments = fragment_count(blob_bytes(o->message).len);
    if (l->next == NULL) {
        l->next = o;
        l->next_fragment = 0;
    }
}

/* ---- life -------------------------------------------------------------------------- */

struct lane *lane_create(enum lane_side side, const struct lane_state *from)
{
    struct lane *l = mem_new(sizeof(*l));
    assert(side == LANE_DEVICE || from->epoch != 0);
    l->side = side;
    list_init(&l->streams);
    list_init(&l->out);
    l->epoch = from->epoch;
    l->last_recv = from->last_recv;
    l->last_sent = from->last_sent;
    l->acked = from->last_sent; // nothing older can be sent again
    l->recv_is_lost = side == LANE_HOST && from->recv_is_lost;
    l->is_durable = from->is_durable;
    l->committed = from->last_recv;
    l->told = from->last_recv;
    return l;
}

void lane_destroy(struct lane *l)
{
    if (l == NULL) {
        return;
    }
    lane_out_drop_all(l);
    lane_streams_drop_all(l);
    assembly_fini(&l->last_whole);
    mem_free(l);
}

struct lane_state lane_state(const struct lane *l)
{
    return (struct lane_state){
        .epoch = l->epoch,
        .last_recv = l->last_recv,
        .last_sent = l->last_sent,
        .recv_is_lost = l->recv_is_lost,
        .is_durable = l->is_durable,
    };
}

void lane_restart_at(struct lane *l, uint32_t epoch)
{
    log_debug("lane.restart", "epoch=%u queued=%zu streams=%zu", epoch, l->n_out,
              l->n_streams);
    lane_out_drop_all(l);
    lane_streams_drop_all(l);
    l->last_stream = 0;
    l->epoch = epoch;
    l->last_sent = 0;
    l->acked = 0;
}

void lane_restart(struct lane *l)
{
    assert(l->side == LANE_HOST);
    lane_restart_at(l, l->epoch + 1);
    l->must_tell = l->owner != NULL; // else READY tells
    l->await_echo = l->owner != NULL;
}

/* ---- what the program asks --------------------------------------------------------- */

enum err lane_open(struct lane *l, uint16_t *out_stream)
{
    assert(l->side == LANE_DEVICE);
    if (l->n_streams >= LANE_STREAMS_MAX || l->last_stream == UINT16_MAX) {
        return ERR_LIMIT;
    }
    struct lane_stream *s = lane_stream_add(l, (uint16_t)(l->last_stream + 1));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->announce = true;
    *out_stream = s->id;
    return OK;
}

/* The youngest message of a stream, if it has no number yet. A lane has at most
 * LANE_STREAMS_MAX streams, so what merges is found within as many steps. */
static struct lane_out *youngest(const struct lane *l, uint16_t stream)
{
    struct list *at = l->out.prev;
    for (size_t i = 0; i < LANE_STREAMS_MAX && at != &l->out; i++, at = at->prev) {
        struct lane_out *o = CONTAINER_OF(at, struct lane_out, node);
        if (o->n_sealed != 0) {
            return NULL;
        }
        if (o->stream == stream) {
            return o;
        }
    }
    return NULL;
}

/* Joins `o`, which is not queued, to the youngest message of its stream. */
static bool merged(struct lane *l, const struct lane_out *o)
{
    struct lane_out *last = l->n_unsent == 0 ? NULL : youngest(l, o->stream);
    if (last == NULL || !last->is_delta ||
        l->out_bytes + o->message->len > LANE_BYTES_MAX ||
        !delta_is_same(blob_bytes(last->message), &last->delta, blob_bytes(o->message),
                       &o->delta)) {
        return false;
    }
    const size_t before = last->message->len;
    if (!delta_join(&last->message, &last->room, &last->delta, blob_bytes(o->message),
                    &o->delta)) {
        return false;
    }
    l->out_bytes += last->message->len - before;
    last->n_fragments = fragment_count(last->message->len);
    return true;
}

static enum err overflow(struct lane *l)
{
    if (l->side == LANE_HOST) {
        lane_restart(l); // a reader that stalls loses its own lane, nobody else's
    }
    return ERR_LIMIT;
}

static enum err send_one(struct lane *l, struct lane_out *new)
{
    const struct blob *message = new->message;
    struct lane_stream *s = lane_stream_find(l, new->stream);
    if (s == NULL) {
        return ERR_NOT_FOUND;
    }
    if (message->len > LANE_MESSAGE_MAX) {
        return ERR_LIMIT;
    }
    new->flags = s->announce ? STREAM_OPEN : 0;
    if (new->is_delta &&new->flags == 0 && merged(l, new)) {
        return OK;
    }
    if (l->n_out >= LANE_MESSAGES_MAX || l->out_bytes + message->len > LANE_BYTES_MAX) {
        return overflow(l);
    }
    struct lane_out *o = mem_try(1, sizeof(*o));
    if (o == NULL) {
        return ERR_NOMEM;
    }
    *o = *new;
    o->message = blob_ref(new->message);
    s->announce = false;
    enqueue(l, o);
    return OK;
}

enum err lane_send(struct lane *l, uint16_t stream, struct blob *message)
{
    return send_one(l, &(struct lane_out){.stream = stream, .message = message});
}

enum err lane_send_delta(struct lane *l, uint16_t stream, struct blob *message,
                         const struct delta *at)
{
    return send_one(l, &(struct lane_out){.stream = stream,
                                          .message = message,
                                          .is_delta = message->len <= DELTA_MAX,
                                          .delta = *at});
}

void lane_close(struct lane *l, uint16_t stream)
{
    struct lane_stream *s = lane_stream_find(l, stream);
    if (s == NULL) {
        return;
    }
    if (!s->announce) { // else the peer never heard of it
        struct lane_out *o = mem_new(sizeof(*o));
        o->stream = stream;
        o->flags = STREAM_CLOSE;
        enqueue(l, o);
    }
    lane_stream_drop(l, s);
}

bool lane_has_output(const struct lane *l)
{
    return l->next != NULL || l->must_tell;
}

bool lane_awaits_ack(const struct lane *l)
{
    return l->last_sent > l->acked;
}

size_t lane_n_streams(const struct lane *l)
{
    return l->n_streams;
}

size_t lane_n_queued(const struct lane *l)
{
    return l->n_out;
}

size_t lane_n_unsent(const struct lane *l)
{
    return l->n_unsent;
}

size_t lane_bytes_queued(const struct lane *l)
{
    return l->out_bytes;
}
