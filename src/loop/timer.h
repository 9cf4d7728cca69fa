/*
 * timer: one call at a later time.
 *
 * Shape      embed a `struct timer`, zeroed; arm it, stop it, arm it again. Nothing
 *            ticks: the process sleeps until the earliest armed timer.
 * Ownership  the storage is the caller's (keep while armed). timer_stop() before
 *            freeing; there is nothing to close.
 * Reentry    `fn` runs from the loop; the timer is no longer armed by then, and may
 *            be armed again or freed inside it.
 * Units      milliseconds.
 */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include "loop/loop.h"

struct timer;
typedef void timer_fn(struct timer *t);

struct timer {
    struct loop *loop; // not NULL while armed
    timer_fn *fn;
    uint64_t due_ms;
    uint64_t order;      // two timers due together fire in the order they were armed
    struct timer *child; // a pairing heap
    struct timer *next;
    struct timer *prev; // the parent for a first child, else the left sibling
};

/* Arms, or arms again with a new time. */
void timer_start(struct loop *l, struct timer *t, uint64_t after_ms, timer_fn *fn);
void timer_stop(struct timer *t); // idempotent; zeroed is fine
bool timer_is_armed(const struct timer *t);

#endif
