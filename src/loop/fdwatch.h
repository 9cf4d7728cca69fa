/*
 * fdwatch: learn when a descriptor of any kind can be read or written.
 *
 * Shape      for what is not a stream: a terminal, inotify, pidfd.
 * Ownership  the descriptor stays the caller's, with the flags it has (O_NONBLOCK or
 *            not), and must outlive the watch.
 *            fdwatch_close() frees; no callback follows.
 * Errors     ERR_IO  the descriptor cannot be watched (a regular file)
 */
#ifndef LOOP_FDWATCH_H
#define LOOP_FDWATCH_H

#include "base/err.h"
#include "loop/loop.h"

struct fdwatch;
typedef void fdwatch_fn(void *user, bool readable, bool writable);

NODISCARD enum err fdwatch_open(struct loop *l, int fd, fdwatch_fn *fn, void *user,
                                struct fdwatch **out);
void fdwatch_want(struct fdwatch *w, bool read, bool write); // begins with neither
void fdwatch_close(struct fdwatch *w);                       // NULL is fine

#endif
