/*
 * request: what the agent asks, and who may answer.
 *
 * Source     every server request of Codex 0.169's schema, a row each.
 * Shape      towards controllers a request has one unguessable id, the same for all;
 *            Codex's small integer never leaves the host. Subscribers who may answer
 *            get it, now or when they join; when nobody may, approvals wait, and what
 *            would hang the turn is answered here. The first decision wins; all are
 *            told who made it, and a late decider is told the name. Approvals (all
 *            kinds but tool calls) have a ballot (ballot.h), outlive this process by
 *            their rows, and are known again when the agent repeats them.
 * Limits     REQUESTS_MAX pending of the hub: an agent that asks without end is
 *            answered with an error. What nobody can be shown whole is declined.
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

/* The agent waits for nobody in this thread: what it asked before our restart is over. */
void requests_not_asked(struct thread *t);

/* Another agent is there than the one that asked before our restart. */
void requests_withdraw_foreign(struct hub *hub);

/* farhand/approval/list and farhand/approval/decide. */
json_t *requests_list(struct controller *c, struct bytes thread_id);
void request_decide(struct controller *c, struct bytes id, json_t *params);

/* Limits that have passed. */
void requests_expire(struct hub *hub);
uint64_t requests_deadline(const struct hub *hub); // monotonic; 0: none

/* A device may decide no more (scope NULL), or only in these threads: what it decided
 * elsewhere and has not taken effect is void, and waits again. */
void requests_void(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                   const char *scope);

/* A response of a controller to one of our ids. */
void request_answered(struct controller *c, const struct jsonrpc *rpc);

/* The pending ones of this thread that `c` may answer. */
void requests_send(struct thread *t, struct controller *c);

void requests_close_turn(struct thread *t, struct bytes turn); // withdraws
void requests_withdraw(struct thread *t);                      // the agent is gone
void requests_orphan(struct controller *c); // tool calls of a registrar that left
void requests_free(struct thread *t);

#endif
