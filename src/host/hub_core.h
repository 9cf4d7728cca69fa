/*
 * hub_core: what the files of the hub share. Nothing outside host/ includes it.
 *
 * Shape      hub.c          create, the agent's state, broadcast, time
 *            upstream.c     what the agent says: notifications to their readers
 *            router.c       what controllers say: rights, guards, then forward
 *            answer.c       what an answer of the agent changes (answer_*.c: its parts)
 *            upcall.c       requests in flight to the agent
 *            thread.c       subscriptions; item.c the accumulator of one thread
 *            request.c      server requests that wait for a person
 *            request_make.c … their bytes, and their rows
 *            decide.c       … who decides them; ballot.c counts
 *            handle.c       names that belong to one connection
 *            controller.c   one peer; presence.c who is on a thread
 * Limits     named where they stop something.
 */
#ifndef HOST_HUB_CORE_H
#define HOST_HUB_CORE_H

#include "base/blob.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "engine/engine.h"
#include "host/folder.h"
#include "host/hub.h"
#include "host/method.h"
#include "host/notice.h"
#include "wire/jsonrpc.h"

#define HUB_WARNINGS_MAX 8   // configWarnings kept for newcomers
#define HUB_DECIDED_MAX  256 // decided requests remembered for late deciders
#define HUB_THREADS_MAX  4096
#define HUB_RECOVER_MAX  1024 // commands of before this start, whose fate is asked

#define REQUEST_ID_OCTETS 16
#define REQUEST_ID_SIZE   (B64URL_SIZE(REQUEST_ID_OCTETS))

#define HUB_WHO_SIZE (2 * HUB_NAME_SIZE + 8) // "Ada (Pixel 9)"

struct decided { // for whoever decides too late
    char id[REQUEST_ID_SIZE];
    char by[HUB_WHO_SIZE];
    char decision[32];
};

struct daemon_call { // what ops.call was given
    struct list node;
    struct call call; // the daemon gives it back by this address
    struct hub *hub;
    char *id;           // the caller's, raw JSON
    struct hub_key key; // of a command
};

struct hub {
    struct hub_ops ops;
    void *user;
    char *codex_home;
    char *cwd;
    char *host_name;
    uint64_t now_ms;
    unsigned depth; // inside how many of our own calls: the dead are buried at 0

    struct engine_status engine;
    bool ready;
    bool pumping; // upcalls_pump() is on the stack

    struct list controllers; // struct controller
    unsigned n_dead;         // detached, freed when depth is 0
    struct map threads;      // struct thread
    struct map requests;     // struct request, by our id
    struct map handles;      // struct handle, by the name the agent knows
    struct list daemon_calls;
    struct folders folders;

    struct list recovering; // struct recovery: commands of before this start
    struct list waiting;    // struct upcall: no slot yet, or to be tried again
    unsigned n_waiting;
    struct upcall *in_flight[HUB_IN_FLIGHT];
    unsigned n_in_flight;
    uint64_t call_serial;
    uint64_t armed_ms;  // ops.wake was told; 0: nothing
    bool calls_changed; // since then
    uint64_t handle_serial;

    struct blob *warnings[HUB_WARNINGS_MAX];
    unsigned n_warnings;
    json_t *remote_status; // NULL until the daemon said
    struct decided decided[HUB_DECIDED_MAX];
    unsigned next_decided;
    unsigned quorum;                  // of requests to come
    uint64_t expires_after_ms;        // of requests to come; 0: never
    uint64_t next_expiry_ms;          // monotonic; 0: none waits for one
    const struct notice *last_notice; // streams repeat one method
    uint64_t n_unknown;               // texts that went to nobody
};

/* Every entry of the hub is between these two: ops may detach controllers inside. */
void hub_enter(struct hub *hub, uint64_t now_ms);
void hub_leave(struct hub *hub);

uint64_t hub_wall_ms(struct hub *hub);
void hub_random(struct hub *hub, uint8_t *out, size_t len);
void hub_event(struct hub *hub, const struct hub_event *event);

/* {"method":…,"params":…} as a text. NULL: out of memory. Takes `params`. */
NODISCARD struct blob *hub_notification(const char *method, json_t *params);
NODISCARD struct blob *hub_json_blob(json_t *value /* take */);

#endif
