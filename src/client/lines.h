/*
 * lines: lines of text from a descriptor: a terminal, a pipe or a file.
 *
 * Shape      `line` for each line without its end, then `end` once. A last line
 *            without an end is a line.
 * Ownership  the descriptor stays the caller's and is left as it was (no O_NONBLOCK).
 *            lines_close() frees; no callback follows. Lines are borrowed.
 * Errors     ERR_LIMIT at `end`: a line over `max_line`
 *            ERR_CLOSED  the ordinary end; ERR_IO
 * Reentry    callbacks come from the loop only; lines_close() is fine in them.
 * Tests      tests/unit/lines_test.c
 */
#ifndef CLIENT_LINES_H
#define CLIENT_LINES_H

#include "base/bytes.h"
#include "loop/loop.h"

struct lines;

struct lines_events {
    void (*line)(void *user, struct bytes line);
    void (*end)(void *user, enum err e);
};

struct lines *lines_open(struct loop *loop, int fd, size_t max_line,
                         const struct lines_events *events, void *user);
void lines_pause(struct lines *l); // idempotent
void lines_resume(struct lines *l);
void lines_close(struct lines *l); // NULL is fine

#endif
