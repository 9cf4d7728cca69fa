/*
 * lane: what of each device's lane must survive the host, and the commands in it.
 *
 * Source     docs/protocol.md 5.3. The key of a command is (device_id, seq).
 * Shape      one transaction takes a command: store_begin(), store_lane_put(),
 *            store_command_put(), store_commit(); only then may it be dispatched.
 *
 *     accepted ---> sent ---> answered        the host died in between: `unknown`,
 *         \__________\______> unknown         unless the agent's history shows it
 *
 * Ownership  rows given to a visitor are borrowed.
 * Errors     ERR_NOT_FOUND  no such row
 *            ERR_EXISTS     this number carried a command already
 * Limits     STORE_COMMANDS_MAX rows of a device that are over are kept, so that a
 *            device cannot fill the disk; STORE_BODY_MAX octets of one that may be
 *            sent again, until it is over.
 * Tests      tests/unit/store_lane_test.c
 */
#ifndef STORE_LANE_H
#define STORE_LANE_H

#include "base/bytes.h"
#include "store/store.h"

#define STORE_COMMANDS_MAX 512u
#define STORE_BODY_MAX     (256u * 1024u)

enum { STORE_METHOD_MAX = 129, STORE_ID_MAX = 129, STORE_CLIENT_ID_MAX = 257 };

struct store_lane {
    uint8_t device_id[16];
    uint64_t last_recv; // of device->host: all up to here is taken, for good
};

NODISCARD enum err store_lane_get(struct store *s, const uint8_t device_id[16],
                                  struct store_lane *out);
NODISCARD enum err store_lane_put(struct store *s, const struct store_lane *lane);

enum store_command_state {
    STORE_ACCEPTED = 1, // it is ours; it may have gone to the agent
    STORE_SENT = 2,     // it has gone to the agent
    STORE_ANSWERED = 3,
    STORE_UNKNOWN = 4, // nobody can say whether it acted
};

struct store_command {
    uint8_t device_id[16];
    uint64_t seq; // of its last fragment
    enum store_command_state state;
    char method[STORE_METHOD_MAX];
    char thread[STORE_ID_MAX];           // "": none is known
    char turn[STORE_ID_MAX];             // "": none is known
    char client_id[STORE_CLIENT_ID_MAX]; // the controller's own clientUserMessageId
    int64_t error;                       // of its answer; 0: it was a result
    uint64_t accepted_ms;                // wall clock
    struct bytes body; // what to send, if it may be sent again; borrowed
};

typedef void store_command_fn(void *user, const struct store_command *command);

NODISCARD enum err store_command_put(struct store *s, const struct store_command *c);

/* Its new state, and what became known: thread and turn stay when they are "". The body
 * goes once it is over. Survives the process at once, a loss of power with the next
 * write that is durable: without an fsync of its own. */
NODISCARD enum err store_command_moved(struct store *s, const struct store_command *c);

/* The device's commands from this number on, oldest first, without bodies. */
NODISCARD enum err store_command_each(struct store *s, const uint8_t device_id[16],
                                      uint64_t from, uint64_t limit,
                                      store_command_fn *visit, void *user);

/* Every command of every device that is not over: accepted and sent, with bodies. */
NODISCARD enum err store_command_open(struct store *s, store_command_fn *visit,
                                      void *user);

/* Only the newest STORE_COMMANDS_MAX of what is over stay. */
NODISCARD enum err store_command_prune(struct store *s, const uint8_t device_id[16]);

#endif
