/*
 * acted: what the hub tells of work: calls that act, turns, what the agent ran.
 *
 * Shape      one hub_event each; the daemon writes the log. Nothing here changes the
 *            hub, but for the turn that a thread is known to owe to one of our calls.
 */
#ifndef HOST_ACTED_H
#define HOST_ACTED_H

#include "host/thread.h"
#include "host/upcall.h"

/* A call of a controller has ended: "done", "failed" or "unknown". */
void acted_tell(const struct upcall *u, const char *status, struct bytes result);

/* Does this turn, which has just begun, come of a call of ours? */
bool acted_is_ours(const struct thread *t, struct bytes turn);

/* turn/started: told when none of our calls is the reason. */
void acted_turn_started(struct thread *t, struct bytes turn);
void acted_turn_completed(struct thread *t, struct bytes turn, struct bytes status);

/* item/completed: told when it is something that ran. `item` is raw. */
void acted_item(struct thread *t, struct bytes turn, struct bytes item);

#endif
