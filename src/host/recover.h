/*
 * recover: what became of the commands that a host before this one had taken.
 *
 * Source     docs/protocol.md 5.3 (after a crash between the two).
 * Shape      one recovery a command, driven by the agent's answers and by time:
 *
 *     WAITING --agent is there--> OPENING --> LOOKING --found--> answered
 *        ^                                    |   |  ^
 *        +-----------agent dies---------------+   |  | a second later: twice when the
 *                                                 |  | thread is idle, as long as a
 *                              not there, and ----+--+ turn runs otherwise
 *                              may be sent --> SENDING --> answered
 *
 * Time       a look a second, at most RECOVER_LOOKS; nothing when there are none.
 * Limits     HUB_RECOVER_MAX; RECOVER_PAGES of a thread's history, newest first: a
 *            command older than that is unknown, never sent.
 * Tests      tests/unit/command_test.c
 */
#ifndef HOST_RECOVER_H
#define HOST_RECOVER_H

#include "host/hub_core.h"

#define RECOVER_LOOKS    60u
#define RECOVER_PAUSE_MS 1000u
#define RECOVER_PAGE     20
#define RECOVER_PAGES    25u

struct upcall;

void recover_begin(struct hub *hub); // the agent is there
void recover_answered(struct upcall *u, struct bytes result);
void recover_refused(struct upcall *u, const struct jsonrpc *rpc); // the sent one
void recover_failed(struct upcall *u); // timed out, refused, or the agent died
void recover_tick(struct hub *hub);
uint64_t recover_deadline(const struct hub *hub); // 0: nothing to wait for
/* What this device asked for is looked up, and no longer sent again: it lost a right. */
void recover_hold_back(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE]);
void recover_forget_all(struct hub *hub);

#endif
