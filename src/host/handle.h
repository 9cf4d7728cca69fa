/*
 * handle: names that belong to one connection.
 *
 * Shape      command/exec, process, fs/watch and fuzzy search let a client choose a
 *            name. Two controllers may choose the same one, so the agent gets ours;
 *            what it says about that name goes to its owner alone, and what it names
 *            ends with its owner.
 * Limits     HANDLES_EACH of one controller: each may hold a process of the host.
 */
#ifndef HOST_HANDLE_H
#define HOST_HANDLE_H

#include "host/controller.h"

#define HANDLES_EACH    64
#define HANDLE_OWN_MAX  256
#define HANDLE_WIRE_MAX 24

enum handle_kind { HANDLE_EXEC, HANDLE_PROCESS, HANDLE_WATCH, HANDLE_SEARCH };

struct handle {
    struct list node;     // of its controller
    struct map_node wire; // of the hub
    struct controller *owner;
    enum handle_kind kind;
    char own[HANDLE_OWN_MAX];   // what the controller calls it
    char name[HANDLE_WIRE_MAX]; // what the agent calls it
};

/* Puts our name into `params` before they go to the agent.
 *
 * OK with *out NULL: the call names nothing (a buffered command/exec).
 * ERR_EXISTS / ERR_LIMIT / ERR_NOT_FOUND / ERR_USAGE: refuse the call. */
NODISCARD enum err handle_rewrite(struct controller *c, const struct method *m,
                                  json_t *params, struct handle **out);

void handle_end(struct handle *h); // forgets it; NULL is fine
struct handle *handle_find(const struct hub *hub, struct bytes wire);

/* Tells the agent to end what every handle of this controller names. */
void handles_kill(struct controller *c);
void handles_forget_all(struct hub *hub); // the agent died with all of them

/* The notification with its owner's own name: to the owner. */
void handle_deliver(struct hub *hub, const struct notice *n, const struct jsonrpc *rpc,
                    struct bytes text);

#endif
