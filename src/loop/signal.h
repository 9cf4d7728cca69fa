/*
 * signal: unix signals as ordinary callbacks.
 *
 * Ownership  signal_watch() gives; signal_close() frees.
 * Reentry    `fn` runs from the loop, not in signal context.
 */
#ifndef LOOP_SIGNAL_H
#define LOOP_SIGNAL_H

#include "loop/loop.h"

struct signal_watch;
typedef void signal_fn(void *user, int signum);

/* Does not keep loop_run() alive. */
struct signal_watch *signal_watch(struct loop *l, int signum, signal_fn *fn,
                                  void *user);
void signal_close(struct signal_watch *w); // NULL is fine; no callback follows

/* SIGPIPE is ignored by loop_create(): a broken peer is an error of its stream. */

#endif
