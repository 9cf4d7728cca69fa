/*
 * presence: who is on a thread, told to all who are.
 *
 * Source     docs/protocol.md 6.1 (farhand/presence).
 * Shape      whoever is subscribed is present; a device, or a program of this machine,
 *            counts once whatever number of connections it has. Told when somebody comes
 *            or goes, as long as there is somebody to tell besides the newcomer.
 * Tests      tests/unit/hub_presence_test.c
 */
#ifndef HOST_PRESENCE_H
#define HOST_PRESENCE_H

#include "host/thread.h"

void presence_changed(struct thread *t);

/* {"data":[{"threadId":…,"present":[…]}]} of the threads that `c` may see; `thread_id`
 * with NULL octets: all of them. */
json_t *presence_list(const struct controller *c, struct bytes thread_id);

#endif
