/*
 * state: the structs of the relay's core, open to the files of this folder only.
 *
 * Who points to whom:
 *
 *     core ─┬─ mailbox (by id) ─┬─ host leg, or none: the host is offline
 *           │                   ├─ acl: the devices that may connect
 *           │                   ├─ channel (by number) ── device leg
 *           │                   └─ box (pairing) ── its channels
 *           ├─ box by pair_id, box by digits
 *           └─ visitor (by address) ── counts its legs
 *
 * A mailbox lives while it has a host, a channel or a box. A box outlives its host's
 * connection, so that a phrase on a screen stays good over a short cut.
 */
#ifndef RELAY_STATE_H
#define RELAY_STATE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/machine.h"
#include "base/map.h"
#include "relay/core.h"
#include "relay/limit.h"
#include "wire/envelope.h"

enum leg_state {
    LEG_CHALLENGED, // nothing is known about it yet
    LEG_HOST_NEW,   // a host that has not said whom it admits
    LEG_HOST,
    LEG_DEVICE, // on the access list; its channel is open
    LEG_BOXED,  // in a pairing box
    LEG_GONE,
};

struct leg {
    struct relay_core *core;
    void *user;
    struct machine m;
    struct visitor *visitor;
    struct list all;         // in core->legs; when GONE in core->dead_legs
    struct list waiting;     // in core->waiting: CHALLENGED and HOST_NEW
    struct list behind;      // in core->behind: more than RELAY_LEG_HIGH is unsent
    uint64_t due_ms;         // while waiting
    size_t stalled_at;       // what was queued when it last made progress
    uint64_t progress_ms;    // when that was
    uint8_t nonce[32];       // of its CHALLENGE
    unsigned n_frames;       // before admission
    struct mailbox *mailbox; // HOST_NEW, HOST
    struct channel *channel; // DEVICE, BOXED
};

/* One device on an access list. */
struct acl_entry {
    uint8_t hash[32]; // SHA256(Dr)
    uint8_t pub[32];  // Dr, once it has logged in: what a ticket's proof needs
    bool has_pub;
};

struct mailbox {
    struct map_node node; // in core->mailboxes
    struct relay_core *core;
    uint8_t id[16];
    uint8_t hr[32];
    struct leg *host; // NULL: offline
    struct list idle; // in core->idle: to be looked at when the running call ends
    struct acl_entry *acl;
    size_t n_acl;
    struct map channels; // by number
    struct list ready;   // channels with octets for a host that is behind
    struct list boxes;
    size_t n_boxes;
    size_t n_plates; // of them, with digits
    uint32_t last_chan;
    size_t memory; // octets of queues, offers and the list
    uint8_t ticket[TICKET_SIZE];
    uint64_t ticket_expires_ms;
};

struct box {
    struct map_node by_pair; // in core->boxes
    struct map_node by_digits;
    struct list member; // in mailbox->boxes
    struct list expiry; // in core->expiry, soonest first
    struct mailbox *mailbox;
    uint8_t pair_id[16];
    char digits[ENVELOPE_DIGITS_MAX + 1]; // "": none
    uint8_t offer[RELAY_OFFER_MAX];
    size_t offer_len;
    uint64_t due_ms; // its expiry; when expired, its end
    bool expired;    // kept for RELAY_BOX_GRACE_MS to answer "expired"
    unsigned n_claims;
};

struct packet {
    struct packet *next;
    size_t len;
    uint8_t octets[];
};

/* One direction of a channel. */
struct flow {
    struct packet *first;
    struct packet *last;
    size_t queued;    // octets of bodies in the packets
    uint32_t allowed; // what the sender may still send
    uint32_t owed;    // left us and not granted again yet
};

enum channel_state {
    CHANNEL_LIVE,
    CHANNEL_HOST_LEFT,   // what the host sent still goes to the device
    CHANNEL_DEVICE_LEFT, // what the device sent still goes to the host
    CHANNEL_GONE,
};

struct channel {
    struct map_node node; // in mailbox->channels
    uint8_t key[4];
    uint32_t chan;
    struct machine m;
    struct mailbox *mailbox;
    struct leg *leg;   // NULL once the device has left
    struct list ready; // in mailbox->ready: to_host is not empty
    struct flow to_host;
    struct flow to_device;
    uint8_t id[16]; // SHA256(Dr)[0..16] or pair_id
    bool boxed;
    struct list expiry; // boxed: in core->boxed, soonest first
    struct list dead;   // GONE: in core->dead_channels
    uint64_t due_ms;
    unsigned n_messages; // in a box
    uint8_t reason;      // for the side that is still there
};

struct relay_core {
    const struct relay_ops *ops;
    const struct ticket_keys *keys;
    const struct admission *admission;
    char *urls[RELAY_URLS_MAX];
    size_t n_urls;
    size_t memory_max;
    size_t mailbox_memory_max;
    size_t legs_max;
    struct relay_time now; // of the call that is running
    struct map mailboxes;
    struct map boxes;
    struct map plates;
    struct visitors visitors;
    struct list legs;
    struct list waiting;
    struct list behind;
    struct list boxed;
    struct list expiry;
    struct list dead_legs;     // freed when the call that ended them returns, so
    struct list dead_channels; // that no caller on the stack holds a stale pointer;
    struct list idle;          // likewise mailboxes whose host has gone
    uint64_t look_ms;          // when the legs that are behind are looked at
    size_t n_legs;
    size_t n_hosts;
    size_t n_channels;
    size_t memory;
    struct relay_counts counts;
};

/* ---- leg.c: what one connection is told ------------------------------------ */

void leg_init(struct leg *leg, struct relay_core *core, void *user, struct visitor *v);
void leg_send(struct leg *leg, enum envelope_type type, uint32_t chan,
              struct bytes body);
void leg_err(struct leg *leg, enum envelope_error code, const char *text);
/* ERR, then the close that belongs to it; counts as a refusal for its address. */
void leg_refuse(struct leg *leg, enum envelope_error code, const char *text);
void leg_bye(struct leg *leg, enum envelope_reason reason); // CLOSE on channel 0
void leg_end(struct leg *leg, uint16_t ws_code);
bool leg_takes(const struct leg *leg); // or should its channels queue?
void leg_move(struct leg *leg, enum leg_state to);
void leg_wait(struct leg *leg, uint64_t for_ms); // to the end of core->waiting
void leg_is_behind(struct leg *leg);
void leg_caught_up(struct leg *leg);
/* GONE: takes it out of everything; it is freed when the running call ends. */
void leg_unhook(struct leg *leg);

/* ---- login.c: AUTH ---------------------------------------------------------- */

void login_auth(struct leg *leg, struct bytes body);
void login_send_ok(struct leg *leg, const uint8_t ticket[TICKET_SIZE],
                   uint64_t expires_ms);

/* ---- mailbox.c --------------------------------------------------------------- */

struct mailbox *mailbox_find(struct relay_core *core, const uint8_t id[16]);
NODISCARD enum err mailbox_open(struct relay_core *core, const uint8_t id[16],
                                const uint8_t hr[32], struct mailbox **out);
void mailbox_release(struct mailbox *m); // frees it when nothing holds it any more
void mailbox_host_gone(struct mailbox *m);
bool mailbox_is_live(const struct mailbox *m); // a host, and it has sent its list
struct acl_entry *mailbox_device(struct mailbox *m, struct bytes hash_prefix);
void mailbox_acl(struct leg *host, struct bytes body);
NODISCARD enum err mailbox_charge(struct mailbox *m, size_t n);
void mailbox_refund(struct mailbox *m, size_t n);

/* ---- box.c: pairing ----------------------------------------------------------- */

void box_nameplate(struct leg *host, struct bytes body);
void box_claim(struct leg *leg, struct bytes body);
void box_expire(struct relay_core *core);
void box_free(struct box *b);

/* ---- channel.c ------------------------------------------------------------------ */

/* Gives `leg` a channel to the host and tells the host (OPEN). On failure the leg has
 * been refused. */
NODISCARD enum err channel_open(struct mailbox *m, struct leg *leg,
                                enum envelope_kind kind, const uint8_t id[16]);
struct channel *channel_find(const struct mailbox *m, uint32_t chan);
void channel_from_device(struct channel *c, struct bytes body);
void channel_from_host(struct channel *c, struct bytes body);
void channel_host_left(struct channel *c, enum envelope_reason reason);
void channel_device_left(struct channel *c, enum envelope_reason reason);
/* At once, whatever is queued; both sides are told. */
void channel_end(struct channel *c, enum envelope_reason reason);
void channel_pump_device(struct channel *c);
void channel_pump_host(struct mailbox *m);
void channel_expire(struct relay_core *core);
bool channel_is_of(const struct channel *c, bool boxed,
                   const uint8_t id[16]); // and lives
void channel_end_all(struct mailbox *m, bool boxed, const uint8_t id[16],
                     enum envelope_reason reason);
void channel_free(struct channel *c);

#endif
