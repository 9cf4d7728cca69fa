/*
 * loop_uv: what the files of loop/ know of each other and of libuv. Not for others.
 *
 * Why        libuv's rules for handles (a handle must live until its close callback; a
 *            request until its own) are kept here once, so that nobody else has to.
 */
#ifndef LOOP_LOOP_UV_H
#define LOOP_LOOP_UV_H

#include <uv.h>

#include "base/buf.h"
#include "loop/stream.h"
#include "loop/timer.h"

struct loop {
    uv_loop_t uv;
    uv_prepare_t before_wait; // both end a turn: timers and deferred calls before the
    uv_check_t after_wait;    // wait, octets after it
    uv_idle_t no_wait;        // active while a call is deferred
    uv_timer_t alarm;         // for the earliest timer
    uint64_t alarm_due_ms;    // meaningful while `alarm` is active
    struct timer *timers;     // root of the heap
    uint64_t timer_order;
    struct list deferred;
    struct list flushes;
    struct buf spare;  // the memory of the last emptied write queue
    uint8_t *read_buf; // LOOP_SCRATCH octets: one read at a time
    uint8_t *scratch;  // for loop_scratch()
};

void loop_timers_due(uv_timer_t *alarm); // timer.c

/* The codes of libuv in ours. */
enum err loop_err(int status);

/* A stream with an initialised, unconnected handle. */
struct stream *stream_new_tcp(struct loop *l);
struct stream *stream_new_pipe(struct loop *l);
uv_stream_t *stream_uv(struct stream *s);
void stream_learn_peer(struct stream *s); // once it is connected

/* peer_linux.c: uid and pid of the other end of a unix socket. */
bool peer_credentials(int fd, uid_t *uid, pid_t *pid);

/* pidfd_linux.c: a descriptor that becomes readable when the process ends. */
NODISCARD enum err pidfd_of(pid_t pid, int *out_fd);

#endif
