/*
 * loop: the one event loop of a process.
 *
 * Shape      loop_run() waits for octets, timers, signals and children and calls
 *            back. One pass over what is ready is a *turn*. At the end of a turn the
 *            deferred calls run, then everything that asked for it is flushed (see
 *            stream.h: all writes of a turn leave together).
 * Ownership  loop_create() gives; loop_destroy() wants every object on it closed.
 * Reentry    callbacks come only from inside loop_run()/loop_turn(), never from
 *            inside the call that asked for them.
 * Time       loop_now_ms() is monotonic and stands still during a turn.
 * Threads    one thread; nothing here may be touched from another.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"

struct loop;

NODISCARD struct loop *loop_create(void);
void loop_destroy(struct loop *l); // NULL is fine

void loop_run(struct loop *l);  // until loop_stop(), or nothing is left to wait for
bool loop_turn(struct loop *l); // one turn, may wait; false: nothing is left
void loop_stop(struct loop *l); // loop_run() returns at the end of this turn

uint64_t loop_now_ms(const struct loop *l);

/* ---- calls at the end of the turn ---------------------------------------- */

struct loop_task;
typedef void loop_task_fn(struct loop_task *t);

/* Caller's storage (keep until it ran or was cancelled); zeroed is fine. */
struct loop_task {
    struct list node;
    loop_task_fn *fn;
};

/* Runs `fn` once, soon, from the loop, never from inside this call: the way to obey
 * "not from inside start". Asking again before it ran changes nothing. */
void loop_defer(struct loop *l, struct loop_task *t, loop_task_fn *fn);

/* As loop_defer(), but after all deferred calls of the turn, just before the loop
 * waits: for whoever gathers small writes into a large one. */
void loop_flush_later(struct loop *l, struct loop_task *t, loop_task_fn *fn);

void loop_task_cancel(struct loop_task *t); // idempotent
bool loop_task_is_pending(const struct loop_task *t);

/* A scratch of LOOP_SCRATCH octets, for use within one callback only. */
#define LOOP_SCRATCH (64u * 1024)
uint8_t *loop_scratch(struct loop *l);

#endif
