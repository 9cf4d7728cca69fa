/*
 * ctrl_channel: a controller's one channel: a leg to a relay and the session on it.
 *
 *     leg READY --> `ready` --> ctrl_channel_begin()           (mode 3)
 *                           --> ctrl_channel_claim() --> `claimed` --> begin (boxes)
 *     at a door:      `ready` --> ctrl_channel_open_door() --> begin (modes 3 and 1)
 *
 * Shape      octets and credit are handled here; events go to the owner.
 * Ownership  ctrl_channel_open() gives; it frees itself after `ended`. begin() takes the
 *            session. `login` and `tls` are kept.
 * Errors     `ended` says why; `proven`: the host itself said so inside the session, so
 *            no relay can have made it up.
 * Reentry    callbacks come from the loop only; `ended` exactly once, also after
 *            ctrl_channel_close().
 */
#ifndef LINK_CTRL_CHANNEL_H
#define LINK_CTRL_CHANNEL_H

#include "link/uplink.h"
#include "session/session.h"

struct ctrl_channel;

struct ctrl_channel_ops {
    void (*ready)(void *user);
    void (*claimed)(void *user, struct bytes offer); // NULL: none is expected
    /* The host has proved itself; our answer, which makes the session, has not left:
     * the last moment to leave it to another channel. NULL: no matter. */
    void (*answered)(void *user);
    void (*event)(void *user, const struct session_event *ev);
    void (*progress)(void *user); // octets came: the lane may have room; may be NULL
    void (*ended)(void *user, enum link_cause cause, const char *sentence, bool proven);
};

struct ctrl_channel *ctrl_channel_open(struct loop *loop, const char *url,
                                       struct tls_client *tls, struct login *login,
                                       const struct ctrl_channel_ops *ops, void *user);
void ctrl_channel_claim(struct ctrl_channel *c, struct bytes digits_or_pair_id);
/* At a host's door: whom we want (protocol.md 5.0). At a relay it does nothing. */
void ctrl_channel_open_door(struct ctrl_channel *c, enum envelope_kind kind,
                            const uint8_t id[16]);
bool ctrl_channel_is_door(const struct ctrl_channel *c);
void ctrl_channel_begin(struct ctrl_channel *c, struct session *s); // NULL: ends it
struct session *ctrl_channel_session(struct ctrl_channel *c);       // NULL: none yet
void ctrl_channel_flush_later(struct ctrl_channel *c);

/* Says goodbye in a record when there is a session, then leaves. NULL is fine. */
void ctrl_channel_close(struct ctrl_channel *c, enum close_code code);

/* What READY told: name, addresses, grant. True: something of it is new. */
bool ctrl_joined_update(struct link_joined *j, const struct session_ready *r);

enum link_cause ctrl_denial(enum denied_code code);

#endif
