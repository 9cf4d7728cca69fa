/*
 * daemon: what the files of the host share. Not for other folders.
 */
#ifndef HOST_DAEMON_H
#define HOST_DAEMON_H

#include <limits.h>

#include "host/audit.h"
#include "host/device.h"
#include "host/host.h"
#include "host/invite.h"
#include "host/keys.h"
#include "host/local_door.h"
#include "host/rulebook.h"
#include "host/unasked.h"
#include "loop/timer.h"
#include "wire/json.h"

#define HOST_URLS_MAX 8u
#define HOST_URL_MAX  256u

struct host_reach_copy {
    bool set;
    char relay[HOST_URL_MAX];
    char urls[HOST_URLS_MAX][HOST_URL_MAX];
    size_t n_urls;
    char app[HOST_URL_MAX];
    char invite[HOST_URL_MAX];
    char ca_file[PATH_MAX];
};

#define AUDIT_WORD 160u // an id or a word of the agent's protocol
#define ASKED_MAX  256u // items whose request is remembered until they have ended

struct refusals { // and clamps, of one second
    uint64_t second;
    unsigned n;
};

struct asked_item {
    char item[AUDIT_WORD];
    char request[32];
};

struct host {
    struct loop *loop; // keep
    struct host_ops ops;
    void *user;
    char home[PATH_MAX];
    char cwd[PATH_MAX];
    char name[HUB_NAME_SIZE];
    char codex_path[PATH_MAX];
    char codex_home[PATH_MAX];
    char last_resort[PATH_MAX];
    char codex_endpoint[PATH_MAX];
    char run_dir[PATH_MAX];
    bool practice_fallback;
    bool replacing_engine; // the one without a login ends, the practising one comes
    int lock_fd;

    struct keys keys;
    struct store *store;
    struct audit *audit;
    struct rulebook rulebook;
    struct requirements requirements;   // the administrator's
    char profile[PROFILE_NAME_MAX + 1]; // asked for; "": none
    struct asked_item asked[ASKED_MAX];
    size_t next_asked;
    struct unasked unasked;
    size_t unasked_rules; // of Codex's own that let commands run
    uint64_t n_unasked;   // commands that did, since the start
    struct refusals refusals;
    struct devices *devices;
    struct invites invites;
    struct hub *hub;
    struct engine *engine;
    struct engine_options engine_options; // points into the copies above
    struct engine_status engine_status;
    bool engine_silent;       // READY, but it answers nothing
    uint64_t engine_heard_ms; // loop time of its last message; 0: none yet
    struct local_door *door;
    struct local_door *tcp_door;     // NULL: not asked for
    char app_server[HOST_URL_MAX];   // its address; "": not asked for
    struct http_server *direct_door; // NULL: not asked for
    char listen[HOST_URL_MAX];       // where it was asked for; "": nowhere
    char door_url[HOST_URL_MAX];     // ws://ADDR:PORT/fh1; "": it is not open

    struct host_reach_copy reach;
    struct link_host *link; // NULL: not reachable
    bool remote_enabled;
    enum link_state link_state;
    char link_error[HOST_URL_MAX];

    struct link_stream *reading; // of a device: whose text the hub has; else NULL
    uint64_t n_commands;         // taken since the start

    struct timer hub_timer;
    struct timer invite_timer;
    struct timer people_timer; // invitations that end
    struct timer admin_timer;  // another file of the administrator
    bool codex_forbids;        // remote control, by its own managed requirements
    bool stopping_link;        // it forbids remote control: said, and ended next
    struct timer audit_timer;
    struct timer rest_timer; // after the start, and after a controller has gone
    void (*closed)(void *user);
    unsigned n_closing; // parts that have not finished closing
    bool stop_agent;
};

/* ---- app_server.c: the loopback door ------------------------------------------ */

NODISCARD enum err app_server_open(struct host *h, struct diag *diag);

/* ---- direct_door.c: /fh1 ------------------------------------------------------ */

NODISCARD enum err direct_door_open(struct host *h, struct diag *diag);

/* ---- host.c ---------------------------------------------------------------- */

/* farhand/status changed: tell everyone. */
void host_changed(struct host *h);

/* ---- audit_book.c: the log of the running host -------------------------------- */

NODISCARD enum err book_open(struct host *h, struct diag *d);
void book_close(struct host *h);
void book_event(struct host *h, const struct hub_event *e);
const char *book_trouble(void *user); // of hub_ops
NODISCARD json_t *book_status(const struct host *h);
void book_headers(struct host *h, struct call *call);
/* The rules have answered for this item. */
void book_ruled(struct host *h, const char *item_id);
/* Codex's own rules, looked for at the start. */
void book_look_at_rules(struct host *h);
NODISCARD json_t *book_policy(const struct host *h); // of farhand/status

/* ---- ruling.c: what the rules say, for the hub -------------------------------------- */

const struct hub_policy_ops *ruling_ops(void);
void ruling_profiles(struct host *h, struct call *call);
void ruling_list(struct host *h, struct call *call);
void ruling_remove(struct host *h, struct call *call);

/* ---- ledger.c: approvals on disk and in the log ---------------------------------- */

const struct hub_approval_ops *ledger_ops(void);
void ledger_recall(struct host *h); // into the hub, before the agent is there
/* Could this device decide in this thread, as its grant is now? */
bool ledger_may_decide(const struct device *device, const char *thread);
/* ledger_mend.c: decisions that the log alone has, votes that are void; before
 * ledger_recall(). Not OK: the state cannot be written. */
NODISCARD enum err ledger_mend(struct host *h);
void ledger_policy(struct host *h, struct call *call);
/* A device has proved itself in this session: it may sign decisions that name it. */
void ledger_present(struct host *h, const uint8_t device_id[16], const uint8_t th4[32]);

/* farhand/device/changed: "paired", "revoked" or "changed", and who did it ("": the
 * rule). */
void host_announce(struct host *h, const char *change, const struct store_device *row,
                   const char *by);

/* ---- call.c: methods that the daemon answers -------------------------------- */

void host_call(void *user, struct controller *c, struct call *call);

/* ---- remote_control.c: remoteControl/{enable,disable,status,client} ----------- */

void remote_enable(struct host *h, struct call *call);
void remote_disable(struct host *h, struct call *call);
void remote_status_read(struct host *h, struct call *call);
void remote_client_list(struct host *h, struct call *call);
void remote_client_revoke(struct host *h, struct call *call);
/* remoteControl/status/changed to everyone, when it differs from the last. */
void remote_tell(struct host *h);
NODISCARD json_t *remote_status(const struct host *h);
const char *remote_status_name(const struct host *h); // "disabled" ... "errored"
void remote_open_link(struct host *h); // when enabled and reachable; idempotent
bool remote_is_usable(const struct host *h);

/* One row of client/list. */
NODISCARD json_t *remote_client_row(const struct device *device);

/* ---- pair_call.c: remoteControl/pairing and farhand/pairing -------------------- */

void pair_start(struct host *h, struct call *call);
void pair_status(struct host *h, struct call *call);
void pair_list(struct host *h, struct call *call);
void pair_confirm(struct host *h, struct call *call);
void pair_cancel(struct host *h, struct call *call);
void pair_cancel_all(struct host *h); // what is not on its way to a device already
/* Ten wrong guesses in a day, over all pairings: phrases end, QR goes on. */
bool pair_phrases_are_locked(struct host *h);
void pair_unlock(struct host *h, struct call *call);
/* A device that may pair no longer leaves no code behind. */
void pair_cancel_of(struct host *h, const uint8_t device_id[16]);

/* ---- pair_door.c: who comes in to pair ------------------------------------------ */

void pair_claimed(void *user, struct link_session *s, const struct link_claim *claim);
void pair_enrolled(void *user, struct link_session *s, const uint8_t device_id[16]);
void pair_failed(void *user, const uint8_t pair_id[16], enum link_mode mode,
                 bool tag_wrong);
void pair_session_closed(struct host *h, struct link_session *s);
/* A person (or the rule that needs none) decided. */
void pair_decide(struct host *h, struct invite *v, bool accept,
                 const struct controller_info *by /* NULL: the rule */);
void pair_tell(struct host *h, const struct invite *v); // farhand/pairing/changed
void pair_arm(struct host *h);                          // the expiry timer
NODISCARD json_t *pair_row(const struct invite *v);

/* ---- commands.c: lanes and commands on disk -------------------------------------- */

bool commands_lane_load(void *user, const uint8_t device_id[16], uint64_t *last_recv);
enum err commands_lane_commit(void *user, const uint8_t device_id[16],
                              uint64_t last_recv);
enum err commands_accept(void *user, const struct hub_command *c);
void commands_moved(void *user, const struct hub_command *c);
/* Ends the transaction that was left open for a command that joins (METHOD_JOINS): its
 * number, its row and what its handler put are durable together, or nothing is. A
 * handler that does not call it has it called after it returns. */
NODISCARD enum err commands_commit(struct host *h);
void commands_committed(struct host *h); // … when a handler has committed it itself
void commands_input(struct host *h, struct controller *c, struct link_stream *st,
                    struct bytes text);
void commands_recover(struct host *h); // before the agent is there
void commands_read(struct host *h, struct call *call);

/* ---- device_door.c: paired devices come in through the link ---------------------- */

const struct link_host_ops *device_door_ops(void);
/* The next value of a stored counter that must rise for ever. */
uint64_t host_next_counter(struct host *h, const char *name);

/* ---- admin.c: the administrator's file while the host runs ------------------------- */

/* Has it changed? Then what it says of remote control, roles and people counts now. */
void admin_look(struct host *h);
void admin_arm(struct host *h);
void admin_agent_says(void *user, const json_t *requirements); // of hub_ops
/* True: *why says so, for people. */
bool admin_forbids_remote(struct host *h, struct diag *why);

/* ---- trust_call.c: folders whose own files count ------------------------------------ */

void trust_list(struct host *h, struct call *call);
void trust_set(struct host *h, struct call *call);
bool trust_of_folder(void *user, const char *path, char *real,
                     size_t size);              // of hub_ops
bool trust_is_given(struct host *h);            // of the workspace
NODISCARD json_t *trust_status(struct host *h); // {state, asks} of the workspace

/* ---- people.c: whose a device is, what it may, and until when -------------------- */

/* What a pairing or a change of a device asks for beyond a role. Texts are cleaned. */
struct people_limits {
    bool has_person, has_scope, has_until;
    char person[STORE_NAME_MAX];
    char scope[STORE_SCOPE_MAX];
    uint64_t until_ms; // 0: no end
};

/* From `person`, `threads` and `until` of `params`. False: the call was answered. */
NODISCARD bool people_read_limits(struct call *call, const json_t *params,
                                  struct people_limits *out);
/* `person`, `until` and whether it is over, as far as they are set. */
void people_set_limits(json_t *row, const struct store_device *device);

void people_update(struct host *h, struct call *call); // farhand/device/update
void people_arm(struct host *h); // the timer of the next invitation that ends
/* "The invitation of this device ended at …" */
void people_say_over(const struct store_device *device, char *out, size_t size);

/* ---- status.c ---------------------------------------------------------------------- */

NODISCARD json_t *status_json(struct host *h, const struct controller_info *you);
void status_read(struct host *h, struct call *call);
void status_stop(struct host *h, struct call *call);

#endif
