/*
 * request: what the agent asks, and who may answer.
 *
 *     PENDING --first decision--> DECIDED --resolved--> gone
 *        |--resolved without ours: decided outside
 *        |--agent gone, turn over: withdrawn
 *
 * Source     every server request of Codex 0.169's schema, a row each.
 * Shape      towards controllers a request has one unguessable id, the same for all;
 *            Codex's small integer never leaves the host. Subscribers who may answer
 *            get it, now or when they join; when nobody may, approvals wait, and what
 *            would hang the turn is answered here. The first decision wins; all are
 *            told who made it, and a late decider is told the name.
 * Limits     REQUESTS_MAX pending of the hub: an agent that asks without end is
 *            answered with an error.
 * Tests      tests/unit/hub_test.c: one per kind.
 */
#ifndef HOST_REQUEST_H
#define HOST_REQUEST_H

#include "host/thread.h"

#define REQUESTS_MAX 512

/* A request of the agent arrived. */
void request_arrived(struct hub *hub, const struct jsonrpc *rpc);

/* A serverRequest/resolved of the agent. */
void request_resolved(struct hub *hub, struct thread *t, struct bytes upstream_id);

/* A response of a controller to one of our ids. */
void request_answered(struct controller *c, const struct jsonrpc *rpc);

/* The pending ones of this thread that `c` may answer. */
void requests_send(struct thread *t, struct controller *c);

void requests_close_turn(struct thread *t, struct bytes turn); // withdraws
void requests_withdraw(struct thread *t);                      // the agent is gone
void requests_orphan(struct controller *c); // tool calls of a registrar that left
void requests_free(struct thread *t);

#endif
