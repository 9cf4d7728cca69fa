/*
 * ctrl_state: what the files of link_ctrl share. Not for other folders.
 *
 *     link_ctrl.c    create, start, close, states, sessions: from READY to the loss
 *     ctrl_try.c     one try at one address; the race between them
 *     ctrl_stream.c  streams, and what is expected on them
 */
#ifndef LINK_CTRL_STATE_H
#define LINK_CTRL_STATE_H

#include "base/list.h"
#include "base/machine.h"
#include "link/backoff.h"
#include "link/ctrl_channel.h"
#include "link/link_ctrl.h"
#include "loop/timer.h"

#define CTRL_CONGESTED_AT (1024u * 1024) // octets unacknowledged: stop reading clients
#define CTRL_DRAINED_AT   (256u * 1024)

struct link_ctrl_stream {
    struct list node;
    struct link_ctrl *ctrl;
    uint16_t id;
    void *user;
    unsigned n_asked; // requests without an answer
    unsigned n_turns; // turns that run
    bool closing;
    struct loop_task end;
};

enum try_role {
    TRY_RACING, // no READY yet
    TRY_LIVE,   // the session of the moment
    TRY_GONE,   // it only has to end
};

/* One way to the host at one address, from dialling to the end. Several race; the
 * first at which the host itself answers stays, the others go. */
struct ctrl_try {
    struct list node;
    struct link_ctrl *ctrl;
    enum try_role role;
    size_t url_at;
    char url[256];
    struct login login;
    bool by_ticket; // this login shows a ticket, which the relay may not know
    struct ctrl_channel *channel;
};

struct link_ctrl {
    struct machine m;
    struct loop *loop;
    const struct link_ctrl_ops *ops;
    void *user;
    struct link_joined joined;
    char *ca_file;                          // NULL: the system's authorities
    struct tls_client *tls;                 // NULL until an address needs it
    struct sign_key *device_key;            // D
    struct sign_key *relay_key;             // Dr
    struct login tickets[LINK_JOINED_URLS]; // of the address with the same index
    uint64_t grant_serial;
    bool has_th4;
    uint8_t th4[32]; // of the newest session (protocol.md 7)

    struct list tries;
    struct ctrl_try *live; // NULL: none
    struct lane *lane;
    struct list streams;
    size_t n_streams;
    size_t n_failed; // races without a winner, in a row
    bool congested;
    bool contested;    // another process of this device wants the session, too
    bool lane_spent;   // every stream id was used: a fresh lane is needed
    uint64_t heard_ms; // when the host was last heard
    uint64_t ready_ms;
    struct backoff backoff;
    struct timer retry; // WAITING: dials; READY: renews the session once more
    struct timer probe;
    struct timer grace; // streams end when it fires

    /* the best reason among the racers that have ended */
    bool blamed;
    bool blame_proven;
    enum link_cause blame;
    char blame_text[256];

    /* what the owner is told */
    enum link_cause cause;
    char sentence[256];
    struct loop_task tell;

    bool closing;
    void (*closed)(void *user);
    struct loop_task end;
};

/* ---- link_ctrl.c --------------------------------------------------------------- */

void ctrl_move(struct link_ctrl *c, enum link_ctrl_state to, enum link_cause cause,
               const char *sentence);
void ctrl_event(struct ctrl_try *t, const struct session_event *ev);
void ctrl_lost(struct link_ctrl *c, enum link_cause cause, const char *sentence,
               bool proven);              // the live session
void ctrl_race_lost(struct link_ctrl *c); // no racer is left
void ctrl_maybe_free(struct link_ctrl *c);

/* ---- ctrl_try.c ------------------------------------------------------------------ */

void ctrl_race(struct link_ctrl *c); // a try at every address
bool ctrl_is_racing(const struct link_ctrl *c);
void ctrl_try_drop(struct ctrl_try *t);
void ctrl_tries_drop(struct link_ctrl *c,
                     const struct ctrl_try *but); // but may be NULL
void ctrl_try_win(struct ctrl_try *t);            // READY: it is the live one now

/* ---- ctrl_stream.c --------------------------------------------------------------- */

void ctrl_streams_drop(struct link_ctrl *c);
void ctrl_streams_message(struct link_ctrl *c, const struct session_message *m);
void ctrl_streams_note(struct link_ctrl *c); // tells the session what is expected

#endif
