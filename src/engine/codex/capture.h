/*
 * capture: run a short program and read what it prints.
 *
 * Ownership  capture_start() gives an object that frees itself after `done` returned.
 *            Options are borrowed for the call; the text is borrowed for `done`.
 * Errors     ERR_NOT_FOUND, ERR_DENIED, ERR_IO  it did not start
 *            ERR_EXPIRED   not over within timeout_ms: it was killed
 *            ERR_LIMIT     it printed more than max: it was killed
 *            ERR_USAGE     it ended with another exit code than 0
 * Reentry    `done` runs once, from the loop, never from inside a call; not after
 *            capture_cancel().
 */
#ifndef ENGINE_CODEX_CAPTURE_H
#define ENGINE_CODEX_CAPTURE_H

#include "loop/child.h"

struct capture;
typedef void capture_done_fn(void *user, enum err e, struct bytes text);

struct capture_options {
    const char *file;
    const char *const *argv;
    const char *const *env; // NULL: ours
    uint64_t timeout_ms;
    size_t max;
};

struct capture *capture_start(struct loop *l, const struct capture_options *o,
                              capture_done_fn *done, void *user);
void capture_cancel(struct capture *c); // NULL is fine; kills

#endif
