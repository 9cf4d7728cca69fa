/*
 * stopper: end the processes of ours that run/ tells of.
 *
 *   SIGTERM --DRAIN_MS--> SIGTERM to its group --HARD_MS--> SIGKILL --> gone
 *
 * Source     Codex 0.169: the first SIGTERM waits for running turns, the second does
 *            not. It goes to the whole group, because the npm wrapper passes on one
 *            only.
 * Shape      the agents first, all at once; then the practice model, which their last
 *            turns may need.
 * Ownership  frees itself before `done`; stopper_cancel() ends it without `done`.
 */
#ifndef ENGINE_CODEX_STOPPER_H
#define ENGINE_CODEX_STOPPER_H

#include "loop/child.h"

enum stopper_what {
    STOPPER_NOTHING = 0,
    STOPPER_CODEX = 1,    // the agent with the user's account
    STOPPER_PRACTICE = 2, // the agent of the practice model, then the model
    STOPPER_ALL = 3,
};

struct stopper;
#define STOPPER_DRAIN_MS 10000 // how long running turns may take once told to stop

typedef void stopper_done_fn(void *user);

struct stopper *stopper_start(struct loop *l, const char *run_dir,
                              enum stopper_what what, stopper_done_fn *done,
                              void *user);
void stopper_cancel(struct stopper *s); // NULL is fine

#endif
