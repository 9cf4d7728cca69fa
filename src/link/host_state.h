/*
 * host_state: what the files of link_host share. Not for other folders.
 *
 *     link_host.c     create, start, stop, the leg to the relay, state
 *     host_box.c      boxes and the access list at the relay
 *     host_channel.c  channels: a session each, from OPEN to the end
 *     host_door.c     connections of devices that come without a relay
 *     host_device.c   devices: lane and streams, which outlive sessions
 */
#ifndef LINK_HOST_STATE_H
#define LINK_HOST_STATE_H

#include "base/list.h"
#include "base/map.h"
#include "link/backoff.h"
#include "link/link_host.h"
#include "link/uplink.h"
#include "loop/timer.h"
#include "session/session.h"

struct link_host {
    struct loop *loop;
    const struct link_host_ops *ops;
    void *user;

    /* options */
    char url[LINK_URL_MAX];
    char invite[ENVELOPE_INVITE_MAX + 1];
    char urls[SESSION_URLS_MAX][LINK_URL_MAX];
    size_t n_urls;
    uint32_t epoch;         // first lane_epoch of every lane of this start
    char *ca_file;          // NULL: the system's authorities
    struct tls_client *tls; // NULL until an address needs it
    const struct sign_key *host_key;

    /* the way to the relay */
    struct login login;
    struct uplink *leg; // NULL: none
    bool leg_ready;
    bool running;
    struct timer retry;
    struct backoff backoff;
    uint64_t connected_ms; // loop time at which the access list was confirmed
    uint64_t proved_ms;    // loop time of the last round trip; 0: never

    /* what the owner is told */
    enum link_state state;
    enum link_state told;
    bool refused; // by the relay, the last time
    char error[256];
    char error_told[256];
    struct loop_task tell;

    /* ACL frames are answered in order, by AUTH_OK */
    uint64_t n_acl_sent;
    uint64_t n_acl_answered;

    struct roster *roster;
    struct list devices;  // struct host_device
    struct list boxes;    // struct host_box
    struct list sessions; // struct link_session
    size_t n_sessions;
    struct list doors; // struct host_door
    size_t n_doors;
    bool has_door;

    bool closing;
    struct loop_task end; // after link_host_close(): frees when all is quiet
    void (*closed)(void *user);
};

struct host_device {
    struct list node;
    struct link_host *host;
    uint8_t id[16];
    uint8_t key[32];
    uint8_t relay_tag[32];
    struct lane *lane;
    struct link_session *session; // the live one, or NULL
    struct list streams;          // struct link_stream
    struct timer grace;           // streams end when it fires
    uint64_t heard_ms;            // of the last session; 0: never
    const char *why;              // how that ended; NULL: it has not
    bool removed;                 // revoked: freed when the last stream is gone
};

struct link_stream {
    struct list node; // of device->streams
    struct host_device *device;
    uint16_t id;
    void *user;
    uint64_t seq; // of the message that the owner reads
    bool closing; // the owner is told by `end`
    struct loop_task end;
};

struct host_box {
    struct list node;
    struct link_host *host;
    struct pairing *pairing;
    uint8_t pair_id[16];
    bool with_digits;
    uint64_t expires_ms; // loop time
    char digits[ENVELOPE_DIGITS_MAX + 1];
    bool asked;        // a NAMEPLATE of this leg has no answer yet
    link_box_fn *done; // NULL once it ran
    void *done_user;
    enum err result; // for `tell`
    struct loop_task tell;
};

enum session_phase {
    PHASE_HANDSHAKE, // nobody knows who it is
    PHASE_DECIDING,  // the owner was asked
    PHASE_LISTING,   // box: the access list is on its way, then READY
    PHASE_LIVE,      // READY was said
    PHASE_OVER,      // nothing more; `end` tells and frees
};

struct link_session {
    struct list node;
    struct link_host *host;
    struct host_door *door; // NULL: it came through the relay
    uint32_t chan;
    struct session *session;
    enum session_phase phase;
    struct host_box *box; // boxes only; NULL once the box is closed
    uint8_t pair_id[16];  // boxes only
    bool is_box;
    uint8_t first_octet;        // of the first message: which mode is spoken
    struct host_device *device; // mode 3, from PEER on
    struct link_claim claim;
    uint64_t window;   // octets of DATA that may still be sent
    uint64_t acl_mark; // PHASE_LISTING: answered when n_acl_answered reaches it
    struct buf grant;  // PHASE_LISTING
    bool enrolled;     // READY of a box has left
    bool in_event;     // a callback reads an event: host_session_end() waits for it
    bool wants_end;
    enum close_code end_code;
    struct timer deadline;
    struct timer pace;   // deltas wait for it
    uint64_t flushed_ms; // loop time at which something left
    struct loop_task flush;
    struct loop_task end;
};

/* ---- link_host.c ----------------------------------------------------------- */

void host_set_state(struct link_host *h, enum link_state state, const char *error);
void host_maybe_free(struct link_host *h);

/* ---- host_box.c -------------------------------------------------------------- */

void host_boxes_on_ready(struct link_host *h);
void host_boxes_on_lost(struct link_host *h, const char *sentence);
void host_boxes_on_answer(struct link_host *h, struct bytes body);
void host_boxes_on_refused(struct link_host *h, const char *sentence);
void host_boxes_drop_all(struct link_host *h);
struct host_box *host_box_find(struct link_host *h, const uint8_t pair_id[16]);

/* Sends an ACL frame; false when there is no leg. The answer counts up
 * n_acl_answered until it reaches n_acl_sent. */
bool host_acl_send(struct link_host *h, enum envelope_acl_op op, struct bytes hashes);
bool host_acl_send_all(struct link_host *h);

/* ---- host_door.c ------------------------------------------------------------- */

NODISCARD enum err host_door_send(struct host_door *d, enum envelope_type type,
                                  struct bytes body);
void host_door_known(struct host_door *d); // READY: it is no stranger any more
void host_door_over(struct host_door *d);  // its session is; it closes
void host_doors_drop_all(struct link_host *h);

/* ---- host_channel.c ---------------------------------------------------------- */

void host_channel_open(struct link_host *h, uint32_t chan,
                       const struct envelope_open *o);
/* At a door: the session that was asked for, or NULL. */
struct link_session *host_channel_at_door(struct link_host *h, struct host_door *d,
                                          const struct envelope_open *o);
void host_session_data(struct link_session *s, struct bytes body);
void host_session_closed(struct link_session *s); // by the other side
void host_channel_data(struct link_host *h, uint32_t chan, struct bytes body);
void host_channel_credit(struct link_host *h, uint32_t chan, uint32_t octets);
void host_channel_closed(struct link_host *h, uint32_t chan);
void host_channels_on_acl(struct link_host *h);
void host_channels_on_drained(struct link_host *h);
/* The leg is gone or going; `doors`: those that came without it, too. */
void host_channels_drop_all(struct link_host *h, enum close_code code, bool doors);
void host_session_flush_later(struct link_session *s);
void host_session_end(struct link_session *s, enum close_code code);

/* ---- host_device.c ------------------------------------------------------------- */

NODISCARD enum err host_device_add(struct link_host *h, const struct link_peer *peer,
                                   bool is_new, struct host_device **out);
void host_device_remove(struct host_device *d); // streams end; freed after the last
struct host_device *host_device_find(struct link_host *h, const uint8_t id[16]);
void host_device_message(struct host_device *d, const struct session_message *m);
void host_device_drop_streams(struct host_device *d);
void host_device_session_gone(struct host_device *d); // the grace begins
/* Puts on disk what an ack is about to say; `now`: whatever was received. */
void host_device_commit(struct host_device *d, bool now);
void host_devices_free_all(struct link_host *h);

#endif
