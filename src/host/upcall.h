/*
 * upcall: requests to the agent, in flight or waiting for a slot.
 *
 *     WAITING --slot free--> IN FLIGHT --answer, timeout, death--> done
 *        ^                      |
 *        +------ -32001 --------+   again after a growing pause
 *
 *     HELD    work behind a call of ours: WAITING when that one succeeds, refused
 *             in every other case
 *
 * Shape      at most HUB_IN_FLIGHT upstream (an app-server over its queue drops
 *            answers); the rest wait in order. The id upstream is a serial number
 *            whose low bits are the slot, so that a late answer finds nobody.
 * Time       each has a deadline; a call that ends when a program ends has none.
 * Limits     HUB_WAITING, HUB_WAITING_EACH; UPCALL_LONG_MAX calls without deadline leave
 *            slots for the others; UPCALL_LONG_EACH of them and UPCALL_SHARE slots of
 *            one controller: nobody takes all.
 */
#ifndef HOST_UPCALL_H
#define HOST_UPCALL_H

#include "host/controller.h"

#define UPCALL_SHARE       32
#define UPCALL_LONG_MAX    24
#define UPCALL_LONG_EACH   8 // programs of one controller that run at once
#define UPCALL_TIMEOUT_MS  60000
#define UPCALL_SLOW_MS     180000
#define UPCALL_TRIES_MAX   8
#define UPCALL_FIRST_MS    50
#define UPCALL_STARTING_MS 30000 // waits this long for an agent that starts

struct handle;
struct pager;
struct thread;
struct window;

enum own_call {
    OWN_NONE, // a controller's
    OWN_LOADED,
    OWN_FOLDERS,
    OWN_REQUIREMENTS, // Codex's managed ones
    OWN_RESUME,
    OWN_LEAVE,
    OWN_SETTINGS,
    OWN_KILL,
    OWN_OPEN_AGAIN, // recover.c: the thread of a command of before this start
    OWN_LOOK,       // … its history
    OWN_SEND_AGAIN, // … and the command itself
};

struct upcall {
    struct list node; // of the waiting
    struct hub *hub;
    struct controller *by; // NULL: the hub's own, or the caller has left
    enum own_call own;
    const char *name;            // static: method to send
    const struct method *method; // of a controller's call
    struct controller_info who;  // likewise: as of the call, for the log
    char *id;                    // the caller's, raw JSON
    json_t *params;
    json_t *clamped;       // NULL: nothing was
    char *thread_id;       // of thread/resume and of the hub's own: what it was about
    char *handle;          // our name of the handle it opens or closes
    struct window *window; // the turns of a thread, in pieces
    struct pager *pager;   // a page of entries, in pieces
    struct upcall *then;   // OWN_SETTINGS: the work that waits for its success
    uint64_t joined_at;    // thread/resume: what has closed since then is told
    bool joins;            // … and the thread counts it as joining
    bool hidden;           // thread/start of an ephemeral or title thread
    bool tools;            // … with dynamicTools
    bool chosen;           // … with this profile
    char profile[HUB_NAME_SIZE];
    bool waits_long;
    uint64_t serial; // upstream id; 0 while waiting
    uint64_t not_before_ms;
    uint64_t deadline_ms; // 0: none
    unsigned tries;
    struct hub_key key;      // of a command
    struct hub_key recovers; // of the command that this own call is about
};

/* Gives NULL when a limit was reached: the caller has been answered.
 * Takes `params` always. */
struct upcall *upcall_create(struct controller *c, const struct method *m,
                             struct bytes id, json_t *params);
void upcall_submit(struct upcall *u); // takes

/* A copy of what a peer sent, for a member of a call: give, NULL: out of memory. */
NODISCARD char *upcall_text(struct bytes text);

void upcall_own(struct hub *hub, enum own_call own, const char *name,
                json_t *params /* take */, const char *thread_id);

/* A call of ours that `work` (taken) is sent after, if the agent takes it; work is
 * refused when it does not. */
void upcall_before(struct upcall *work, enum own_call own, const char *name,
                   json_t *params /* take */, const char *thread_id);
void upcall_release(struct upcall *u); // the call succeeded: what it held may go
/* Of a recovery: the answer finds it by its key. */
void upcall_recover(struct hub *hub, enum own_call own, const char *name,
                    json_t *params /* take */, const struct hub_key *key);

/* Sends it once more with the params it has now. */
void upcall_again(struct upcall *u, uint64_t after_ms);

/* One answer of the agent; the call ends, or waits again. */
void upcalls_answer(struct hub *hub, const struct jsonrpc *rpc);

void upcall_fail(struct upcall *u, int code, const char *message); // tells; keeps
void upcall_destroy(struct upcall *u);

void upcalls_pump(struct hub *hub);                          // fills free slots
void upcalls_tick(struct hub *hub);                          // timeouts
void upcalls_fail_all(struct hub *hub, const char *message); // the agent is gone
void upcalls_forget(struct controller *c);                   // answers go nowhere
void upcalls_drop_waiting(struct controller *c); // what was not sent is not sent
uint64_t upcalls_deadline(const struct hub *hub);

#endif
