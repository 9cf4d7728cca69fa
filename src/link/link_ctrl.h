/*
 * link_ctrl: the controller's end of the way to one joined host.
 *
 *     OFF --> DIALING --> HANDSHAKE --> READY
 *              ^  ^----------|------------|     lost: backoff, then again
 *              +--- WAITING <+------------+
 *     any of them --> ENDED: revoked, expired, or the host cannot be trusted
 *
 * Source     docs/protocol.md sections 2 (mode 3), 5 (frames, records, streams, lanes),
 *            8 (relay login).
 * Shape      one session with the host, reconnected for as long as it is started: all
 *            addresses (relays and doors) are tried together, the first at which the
 *            host proves itself stays. Before a session is too old a new one is made
 *            beside it, and the streams go over. Streams may be opened at any
 *            time; what they send while there is no session waits in the lane.
 * Ownership  the joined record is copied (secrets wiped by link_ctrl_close). The link
 *            owns streams: valid until `stream_closed`. Texts are borrowed.
 * Errors     `state` tells a cause that a program can tell apart and a sentence that
 *            says what to do.
 * Limits     LINK_CTRL_STREAMS_MAX open streams.
 * Reentry    callbacks run from the loop, never from inside the call that caused them.
 * Tests      tests/unit/link_stream_test.c
 */
#ifndef LINK_LINK_CTRL_H
#define LINK_LINK_CTRL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "link/link_joined.h"

#define LINK_CTRL_STREAMS_MAX 64u

struct approval;
struct loop;
struct link_ctrl;
struct link_ctrl_stream;

enum link_ctrl_state {
    LINK_CTRL_OFF,
    LINK_CTRL_DIALING,   // relay connection and login
    LINK_CTRL_HANDSHAKE, // mode 3 with the host
    LINK_CTRL_READY,     // the host said READY: streams flow
    LINK_CTRL_WAITING,   // lost; tried again soon
    LINK_CTRL_ENDED,     // will not be tried again
};

struct link_ctrl_ops {
    void (*state)(void *user, enum link_ctrl_state state, enum link_cause cause,
                  const char *sentence);
    /* READY told news: a renewed grant, addresses, the host's name. Store it. */
    void (*renewed)(void *user, const struct link_joined *joined);
    /* Where the host says its audit log stands, at each READY. NULL: not asked. */
    void (*audit_head)(void *user, uint64_t idx, const uint8_t head[32]);
    void (*stream_text)(void *user, struct link_ctrl_stream *st, struct bytes text);
    void (*stream_closed)(void *user, struct link_ctrl_stream *st);
    /* The lane has room again after link_ctrl_congested() was true. */
    void (*drained)(void *user);
};

struct link_ctrl *link_ctrl_create(struct loop *loop, const struct link_joined *joined,
                                   const char *ca_file, const struct link_ctrl_ops *ops,
                                   void *user);
/* Begins; while WAITING, tries again at once. */
void link_ctrl_start(struct link_ctrl *c);
/* A new session beside the one that lives, as when that gets too old. False: there is
 * none, or a new one is on its way already. */
bool link_ctrl_renew(struct link_ctrl *c);
void link_ctrl_close(struct link_ctrl *c, void (*done)(void *user));

/* Every address was tried since the last success, and none worked: it waits. */
bool link_ctrl_is_down(const struct link_ctrl *c);
bool link_ctrl_congested(const struct link_ctrl *c);

/* What a decision of this device names: host_id, th4 of the newest session, serial of
 * the grant. ERR_CLOSED: there was no session yet. The other members are untouched. */
NODISCARD enum err link_ctrl_proof(const struct link_ctrl *c, struct approval *out);
/* Signs a decision, and nothing else, with D. ERR_PROTO: it is none. */
NODISCARD enum err link_ctrl_sign(const struct link_ctrl *c, struct bytes a,
                                  uint8_t sig[64]);

/* ERR_LIMIT: too many streams. ERR_CLOSED: not READY, or not any more: wait for READY. */
NODISCARD enum err link_ctrl_stream_open(struct link_ctrl *c, void *user,
                                         struct link_ctrl_stream **out);
void *link_ctrl_stream_user(const struct link_ctrl_stream *st);
/* ERR_LIMIT: larger than a message may be, or the lane is full. */
NODISCARD enum err link_ctrl_stream_send(struct link_ctrl_stream *st,
                                         struct bytes text);
void link_ctrl_stream_close(struct link_ctrl_stream *st); // `stream_closed` follows

#endif
