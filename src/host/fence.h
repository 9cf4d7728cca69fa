/*
 * fence: no repository that the user does not trust configures the agent.
 *
 * Source     docs/policy.md "Trust of folders".
 * Shape      Codex 0.169 trusts the folder of every thread that is started in it with a
 *            sandbox that may write, by itself and for ever, and then reads the
 *            configuration, hooks and rules that lie there. Params of a thread/start,
 *            resume or fork say otherwise for each folder that the user did not trust.
 * Tests      tests/unit/hub_people_test.c, tests/functional/trust.test.ts
 */
#ifndef HOST_FENCE_H
#define HOST_FENCE_H

#include "host/thread.h"

/* `t` NULL: the thread is not known; then every folder that is. */
void fence_params(struct hub *hub, const struct thread *t, json_t *params);

#endif
