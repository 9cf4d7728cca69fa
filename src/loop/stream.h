/*
 * stream: a connected stream of octets: TCP, unix socket or pipe.
 *
 *     listener / connect / child  --gives-->  stream
 *     OPEN --stream_finish()--> FINISHING (writes end, reads go on)
 *       |                           |
 *       +------stream_close()-------+--> CLOSING --> closed callback, memory gone
 *
 * Shape      stream_start() begins reading. stream_write() copies into one queue;
 *            all of a turn leaves in one system call at its end. Pausing stops
 *            reading, so the peer feels it (backpressure).
 * Ownership  whoever was given the stream must stream_close() it. It frees itself
 *            after the closed callback returned. Octets passed to `data` are
 *            borrowed, may be changed in place, and end with the call.
 * Errors     stream_write: ERR_LIMIT  the queue would exceed its maximum; nothing
 *            of it was queued. ERR_CLOSED  after stream_finish()/close or a failed
 *            write. ERR_NOMEM.
 * Reentry    callbacks come from the loop only. stream_close() may be called in any
 *            of them; after it none but `closed` comes, exactly once.
 * Limits     max_queue octets unsent (a peer that does not read must not fill our
 *            memory); an idle stream holds no buffer.
 */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include <sys/types.h>

#include "base/bytes.h"
#include "loop/loop.h"

#define STREAM_QUEUE_DEFAULT (4u * 1024 * 1024)

struct stream;
struct sockaddr;

struct stream_events {
    /* Some octets came. Required. */
    void (*data)(struct stream *s, void *user, uint8_t *at, size_t len);
    /* Reading is over: ERR_CLOSED (orderly) or ERR_IO. At most once. Required. */
    void (*end)(struct stream *s, void *user, enum err e);
    /* The queue has become empty after it had been over half of its maximum, or
     * after a write was refused with ERR_LIMIT. May be NULL. */
    void (*drained)(struct stream *s, void *user);
};

typedef void stream_closed_fn(void *user);

struct stream_peer {
    bool is_unix;
    bool has_pid;  // unix only
    uid_t uid;     // unix only
    pid_t pid;     // unix only
    char text[64]; // "127.0.0.1", "::1" or "unix": for limits and logs
    uint16_t port; // TCP only
    bool loopback; // unix, 127.0.0.0/8, ::1
};

/* `events` is kept (a static table). Reading begins at the next turn. */
void stream_start(struct stream *s, const struct stream_events *events, void *user);

void stream_set_max_queue(struct stream *s, size_t max);

NODISCARD enum err stream_write(struct stream *s, struct bytes octets);
/* head||body as one write: all or nothing. */
NODISCARD enum err stream_write2(struct stream *s, struct bytes head,
                                 struct bytes body);
size_t stream_queued(const struct stream *s); // octets not yet given to the system

/* As a write of `len` octets that the caller fills in at once, before it returns to
 * the loop or writes again: for whoever must change what it sends (masks, seals). */
NODISCARD enum err stream_write_space(struct stream *s, size_t len, uint8_t **out);

/* `drained` comes when the queue is empty next, whatever was in it. */
void stream_want_drained(struct stream *s);

void stream_pause(struct stream *s); // idempotent
void stream_resume(struct stream *s);

/* No more writes: what is queued is sent, then the peer sees our end. Reading goes
 * on, so `end` still comes. Idempotent. */
void stream_finish(struct stream *s);

/* What is queued is tried once, then dropped. `closed` may be NULL. */
void stream_close(struct stream *s, stream_closed_fn *closed, void *user);

const struct stream_peer *stream_peer(const struct stream *s);
struct loop *stream_loop(const struct stream *s);

/* A stream over a connected socket or a pipe; takes `fd`, also when it fails. */
NODISCARD enum err stream_open(struct loop *l, int fd, struct stream **out);

/* Two connected streams of this process, for tests and wiring. */
NODISCARD enum err stream_pair(struct loop *l, struct stream **a, struct stream **b);

/* The program file behind a pid, for the audit; ERR_NOT_FOUND when it is gone. */
NODISCARD enum err stream_peer_exe(pid_t pid, char *out, size_t size);

#endif
