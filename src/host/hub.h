/*
 * hub: one agent, many controllers, no I/O.
 *
 * Source     docs/architecture.md decision 1; the app-server v2 protocol.
 * Shape      JSON-RPC texts, events and time go in; texts come out through ops:
 *
 *     engine      --> hub_upstream(), hub_engine_state()   hub --> ops.upstream
 *     controller  --> hub_attach(), hub_input()            hub --> controller_ops
 *     the daemon  <-- ops.call, ops.event                  hub <-- hub_reply…
 *
 * Ownership  hub_create() borrows options for the call. `user` pointers are kept.
 *            A controller belongs to the hub: it lives from hub_attach() until
 *            hub_detach(), which must be called exactly once, also after the hub
 *            asked for the close.
 * Time       milliseconds, monotonic, passed in. ops.wake says when hub_tick() is
 *            wanted; an idle hub wants none.
 * Limits     HUB_IN_FLIGHT requests upstream at once, HUB_WAITING more wait their
 *            turn (a controller that floods is told -32015, the others are served);
 *            the rest are beside the structures they bound.
 * Reentry    ops run inside the hub's own calls. Any may call hub_detach(); ops.call
 *            may also call all of "the live table" and of "calls that the daemon
 *            answers". None may call hub_upstream(), hub_engine_state(), hub_input(),
 *            hub_tick() or hub_destroy(): those begin at the loop.
 * Threads    one.
 * Tests      tests/unit/hub_test.c, tests/fuzz/hub_fuzz.c
 */
#ifndef HOST_HUB_H
#define HOST_HUB_H

#include <sys/types.h>

#include "base/bytes.h"
#include "host/rights.h"

#define HUB_IN_FLIGHT    64  // an app-server over its queue drops answers
#define HUB_WAITING      512 // requests of all controllers that wait for a slot
#define HUB_WAITING_EACH 128 // … of one controller: a flood is its own loss

#define HUB_DEVICE_ID_SIZE 16
#define HUB_NAME_SIZE      65
#define HUB_SCOPE_SIZE     1025 // as long as a grant may be

/* Our JSON-RPC error codes; Codex's own pass through. */
enum hub_error {
    HUB_ERR_DECIDED = -32010, // already decided by NAME
    HUB_ERR_RIGHTS = -32011,  // not allowed for your role
    HUB_ERR_POLICY = -32012,  // refused by policy, or no record could be made of it
    HUB_ERR_AGENT = -32013,   // the agent is down
    HUB_ERR_UNKNOWN = -32014, // outcome unknown
    HUB_ERR_LIMIT = -32015,   // a limit of the hub
    HUB_ERR_PROOF = -32016,   // what a decision was signed over does not fit
    HUB_ERR_PARSE = -32700,   // JSON-RPC 2.0
    HUB_ERR_REQUEST = -32600, // Codex uses it for nearly everything
    HUB_ERR_PARAMS = -32602,
    HUB_ERR_INTERNAL = -32603,
};

struct blob;
struct diag;
struct call;
struct controller;
struct delta; // wire/delta.h
struct engine_status;
struct hub;
struct json_t;

enum controller_kind {
    CONTROLLER_LOCAL,  // run/host.sock: this user's own programs
    CONTROLLER_TCP,    // the loopback app-server with a bearer token
    CONTROLLER_DEVICE, // a paired device, through an fh1 session
};

struct controller_info {
    enum controller_kind kind;
    char name[HUB_NAME_SIZE];   // device name, or what the peer's program is called
    char person[HUB_NAME_SIZE]; // whose device it is; "": nobody was named
    uint64_t until_ms;          // wall clock: the end of its invitation; 0: none
    enum role role;
    uint64_t caps;
    char scope[HUB_SCOPE_SIZE];            // thread ids and spaces; "": every thread
    uint8_t device_id[HUB_DEVICE_ID_SIZE]; // CONTROLLER_DEVICE only
    pid_t pid;                             // CONTROLLER_LOCAL only
    char exe[128];                         // likewise, for the audit
};

struct controller_ops {
    /* Queue one text for the peer. Borrowed: take a reference to keep it. */
    void (*send)(void *user, struct blob *text);
    /* The same of a text that grows, which may wait for the next of its item and be
     * joined to it. NULL: `send` takes these too. */
    void (*send_delta)(void *user, struct blob *text, const struct delta *at);
    /* The hub has finished with this peer: close its transport, then (now or
     * later) call hub_detach(). Nothing is sent after it. */
    void (*close)(void *user, uint16_t ws_code, const char *reason);
};

enum hub_event_kind {
    HUB_EVENT_REQUEST, // a server request waits for a person
    HUB_EVENT_DECIDED, // a controller decided
    HUB_EVENT_OUTSIDE, // decided outside Farhand
    HUB_EVENT_WITHDRAWN,
    HUB_EVENT_REFUSED, // a call was not allowed
    HUB_EVENT_CLAMPED, // parameters were brought back to the host's profile
    HUB_EVENT_CALLED, // a call that acts has been answered; status: done, failed, unknown
    HUB_EVENT_TURN,   // the agent began a turn that nobody asked for here
    HUB_EVENT_TURNED, // a turn is over
    HUB_EVENT_EFFECT, // the agent ran something to its end
};

struct hub_event { // every pointer is borrowed for the call; NULL: does not apply
    enum hub_event_kind kind;
    const struct controller_info *by;
    const char *method;
    const char *thread_id;
    const char *request_id;
    const char *item_id;
    bool recorded;      // approvals.created or .voted has it in the log already
    const char *detail; // decision, reason of the refusal, or clamped fields
    struct bytes turn;  // id; what follows is as the agent wrote it
    struct bytes item;  // id
    struct bytes type;  // of the item
    struct bytes status;
    struct bytes command; // raw JSON string
    struct bytes result;  // the item, or the answer to a call
};

struct approval;
struct ballot_vote;
struct store_approval;

/* One vote on an approval, on its way to the disk. Every pointer is borrowed. */
struct hub_vote {
    const struct controller_info *by; // NULL: nobody in time
    const struct ballot_vote *vote;
    const struct store_approval *after; // what the request comes to by it
    const struct approval *approval;    // NULL: unsigned
    const uint8_t *rd;                  // 32 octets
    struct bytes a;
    struct bytes sig;
    const char *via;    // what the person decided with, as told; NULL: not told
    const char *reason; // the person's word with it, as told; NULL: none
};

/* Where approvals are kept, and who proves a signature. */
struct approval_request;

/* What the host's own rules say, before a person is asked. */
enum hub_says { HUB_SAYS_ASK, HUB_SAYS_ALLOW, HUB_SAYS_DENY };

#define HUB_RULE_SIZE    256 // file and line
#define HUB_BECAUSE_SIZE 512 // a sentence

struct hub_ruling {
    enum hub_says says;
    unsigned offers;          // 1 << A.scope: for how long an accept may be meant
    unsigned quorum;          // HUB_SAYS_ASK: people; at least 1
    char rule[HUB_RULE_SIZE]; // "": the profile
    char because[HUB_BECAUSE_SIZE];
};

struct hub_question { // everything is borrowed for the call
    const struct approval_request *asked;
    const struct json_t *params; // as the agent sent them
    const char *folder;          // the thread's own, as the agent told it
    enum role role;              // of who started the turn; ROLE_NONE: not known
};

/* An accept that is meant for longer than once. */
struct hub_gift {
    const struct hub_question *of;
    unsigned scope; // A.scope, one that was offered
    const char *by; // for people
    const struct controller_info *who;
};

/* What a thread runs with. */
struct hub_profile {
    char name[HUB_NAME_SIZE]; // "": the host's own
    bool read_only;
    bool network;
    char model[129];       // "": the engine's own
    struct json_t *config; // what the engine takes of it, given; NULL: nothing
};

struct hub_policy_ops {
    /* `asked`: chosen for a new thread; NULL: that of `thread` (NULL: of a new one).
     * Anything but OK: nothing is started, and `why` says so. */
    enum err (*profile)(void *user, const struct controller_info *who,
                        const char *asked, const char *thread, struct hub_profile *out,
                        struct diag *why);
    /* A thread began with that profile; NULL: with that of `parent`. On disk when it
     * returns; ERR: it is as if none had been chosen. */
    enum err (*started)(void *user, const char *thread, const char *profile,
                        const char *parent);
    void (*judge)(void *user, const struct hub_question *q, struct hub_ruling *out);
    /* A rule from now on: on disk when it returns. */
    enum err (*give)(void *user, const struct hub_gift *gift);
    /* It is about to be answered so: on disk when it returns. */
    enum err (*record)(void *user, const char *method, const char *thread_id,
                       const char *item_id, const char *command,
                       const struct hub_ruling *ruling);
};

struct hub_approval_ops {
    /* A new request: durable when it returns. */
    enum err (*created)(void *user, const struct store_approval *row);
    /* A vote: its line in the log, then its row, both durable when it returns.
     * ERR_AGAIN: the line alone is, it counts from the next start on. */
    enum err (*voted)(void *user, const struct hub_vote *vote);
    /* The request has gone on, in the state that it has now. */
    void (*changed)(void *user, const struct store_approval *row);
    /* Votes of a revoked device on it are void: durable when it returns. */
    enum err (*forgot)(void *user, const struct store_approval *row,
                       const uint8_t device_id[HUB_DEVICE_ID_SIZE]);
    /* Is this the device's signature, in a session of its own, under a grant it held,
     * over a log that was ours? *why: static, for people. */
    enum err (*vouch)(void *user, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                      struct bytes a, struct bytes sig, struct approval *out,
                      const char **why);
    void (*head)(void *user, uint64_t *idx, uint8_t head[32]);
};

/* The key of a command: who numbered it, and how (protocol.md 5.3). seq 0: none. */
struct hub_key {
    uint8_t device_id[HUB_DEVICE_ID_SIZE];
    uint64_t seq;
};

enum hub_command_state { // as in the store, and in farhand/commands/read
    HUB_COMMAND_ACCEPTED = 1,
    HUB_COMMAND_SENT = 2,
    HUB_COMMAND_ANSWERED = 3,
    HUB_COMMAND_UNKNOWN = 4,
};

struct hub_command { // pointers are borrowed for the call; NULL: not known
    struct hub_key key;
    enum hub_command_state state;
    const char *method;
    const char *thread_id;
    const char *turn_id;
    int64_t error;     // its answer was this error; 0: a result
    struct bytes body; // its params, when it may be sent again
    bool joins;        // accept: its handler commits it, with what it decides
};

struct hub_ops {
    /* One text to the agent. Anything but OK: the agent is not there. */
    enum err (*upstream)(void *user, struct bytes text);
    /* A remoteControl or farhand request that the rights table let pass. The
     * owner takes `call` and ends it with hub_reply() or hub_reply_error(), at
     * once or later. */
    void (*call)(void *user, struct controller *c, struct call *call);
    void (*event)(void *user, const struct hub_event *event);
    /* Why nothing that acts may begin, for people; NULL: it may. NULL op: always. */
    const char *(*trouble)(void *user);
    /* An effect that a device asked for, before it happens: durable, with its number
     * and all before it, when this returns OK; else it does not happen. ERR_EXISTS:
     * the number was used. NULL: nothing is kept. */
    enum err (*accept)(void *user, const struct hub_command *c);
    void (*moved)(void *user, const struct hub_command *c); // what became of it
    /* Is this an existing folder of the host? NULL: every folder exists. */
    bool (*is_folder)(void *user, const char *path);
    /* Did the user trust this folder, so that what its repository says to the agent
     * counts? `real`: the name under which the agent knows it; false only when it was
     * written. NULL: every folder is trusted. */
    bool (*is_trusted)(void *user, const char *path, char *real, size_t size);
    /* What the agent's own administrator demands, as it told when it came. NULL: it is
     * not asked. */
    void (*requirements)(void *user, const struct json_t *requirements);
    /* Unguessable octets; NULL: crypto/random. For tests that must repeat. */
    void (*random)(void *user, uint8_t *out, size_t len);
    /* hub_tick() is wanted at this time (the clock of now_ms), or sooner than asked
     * before. NULL: the owner looks at hub_deadline() itself. */
    void (*wake)(void *user, uint64_t at_ms);
    void (*left)(void *user); // a controller has gone; NULL op: nobody cares
    /* Milliseconds since 1970, for currentTime/read. NULL: base/clock. */
    uint64_t (*wall_ms)(void *user);
    const struct hub_approval_ops *approvals; // NULL: in memory only, nothing signed
    const struct hub_policy_ops *policy;      // NULL: everything asks
};

struct hub_options {        // strings are copied
    const char *codex_home; // what initialize tells
    const char *cwd;        // the default workspace, absolute
    const char *host_name;
};

struct hub *hub_create(const struct hub_options *options, const struct hub_ops *ops,
                       void *user);
void hub_destroy(struct hub *hub); // NULL is fine; every controller must be detached

/* ---- the agent's side ---------------------------------------------------- */

void hub_upstream(struct hub *hub, struct bytes text, uint64_t now_ms);
void hub_engine_state(struct hub *hub, const struct engine_status *status,
                      uint64_t now_ms);

/* A command of before this start that was not answered (at most HUB_RECOVER_MAX of
 * them; call it before the agent is there). A turn/start or turn/steer is looked up in
 * the thread's history; `may_send`: a turn/start that is not there is sent, once. All
 * others are unknown at once. ops.moved says how each ended. */
void hub_recover(struct hub *hub, const struct hub_command *c, bool may_send);

/* ---- the controllers' side ----------------------------------------------- */

struct controller *hub_attach(struct hub *hub, const struct controller_info *info,
                              const struct controller_ops *ops, void *user);
void hub_input(struct controller *c, struct bytes text, uint64_t now_ms);
/* The same, of a device's lane: `seq` is the number of the text. */
void hub_input_numbered(struct controller *c, struct bytes text, uint64_t seq,
                        uint64_t now_ms);
void hub_detach(struct controller *c);
const struct controller_info *controller_info(const struct controller *c);

/* ---- the live table ------------------------------------------------------ */

/* Role, capabilities and name of every controller of this device, from now on.
 * `name` NULL: unchanged. */
void hub_rights_changed(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                        enum role role, uint64_t caps, const char *name);

/* Likewise whose it is, and when its invitation ends (0: never). */
void hub_person_changed(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                        const char *person, uint64_t until_ms);

/* Likewise the threads it may see; it hears no more of the others. */
void hub_scope_changed(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                       const char *scope);

/* From the return on no call and no decision of this device has an effect; its
 * controllers are closed. */
void hub_revoke(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE]);

/* The invitation of this device is over: its controllers are told why and closed; what
 * it decided before stands. */
void hub_end(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
             const char *why);

unsigned hub_count(const struct hub *hub); // controllers that said initialize

/* ---- approvals ------------------------------------------------------------- */

/* How many people must accept, and how long they have (0: for ever): for requests
 * that come from now on. */
void hub_approval_policy(struct hub *hub, unsigned quorum, uint64_t expires_after_ms);

/* As stored before a restart, oldest first; before the agent is there. What is over
 * is remembered for whoever decides too late. */
void hub_recall(struct hub *hub, const struct store_approval *row,
                const struct ballot_vote *votes, size_t n_votes);

/* ---- calls that the daemon answers --------------------------------------- */

struct call {
    const char *method;          // static
    struct json_t *params;       // an object, perhaps empty; belongs to the call
    struct controller *by;       // NULL when the caller has left meanwhile
    struct controller_info info; // who called, as of the call
};

void hub_reply(struct call *call, struct json_t *result /* take */); // ends the call
void hub_reply_error(struct call *call, int code, const char *message,
                     struct json_t *data /* take, or NULL */);

enum hub_audience {
    HUB_ALL,    // every controller
    HUB_ADMINS, // local owners, and devices with the admin capability
    HUB_LOCAL,  // local owners
};
void hub_broadcast(struct hub *hub, enum hub_audience audience, const char *method,
                   struct json_t *params /* take */);

/* To every controller what `make` gives for it; NULL: it is not told. */
void hub_tell_each(struct hub *hub, const char *method,
                   struct json_t *(*make)(void *user,
                                          const struct controller_info *who),
                   void *user);

/* Params of remoteControl/status/changed: broadcast now when they differ from the
 * last, and sent at once to each new controller. */
void hub_remote_status(struct hub *hub, struct json_t *params /* take */);

/* ---- time ---------------------------------------------------------------- */

void hub_tick(struct hub *hub, uint64_t now_ms);
uint64_t hub_deadline(const struct hub *hub); // 0: nothing to wait for

#endif
