/*
 * core: the relay without sockets: frames and time in, frames and closes out.
 *
 *     host ──leg── mailbox ──channel── leg── device        (mode 3, access list)
 *                     └── box ──channel── leg── newcomer   (pairing)
 *
 *     CHALLENGED --AUTH--> HOST_NEW --ACL--> HOST          a leg's states
 *          |------AUTH---> DEVICE
 *          |------CLAIM--> BOXED
 *          +--(any)------> GONE
 *
 * Source     docs/protocol.md sections 4 (nameplates), 5.0 (envelope), 8 (login).
 * Shape      relay_core_input() takes one whole frame of one leg and calls
 *            ops->send and ops->close for whichever legs that concerns, at once.
 *            A leg that was closed through ops->close no longer exists: the owner
 *            forgets it inside that call and never passes it again.
 * Ownership  options are copied, except `keys` and `admission` (keep). `user` of a
 *            leg is kept until ops->close or relay_core_detach().
 * Errors     a peer that breaks the protocol is told (ERR) and closed here; nothing
 *            is reported to the caller.
 * Time       both clocks are passed in; relay_core_due() says when relay_core_tick() is
 *            wanted.
 * Limits     relay/limit.h.
 * Reentry    ops must not call back into the core.
 * Security   the core reads the envelope's head and the bodies meant for it; a DATA
 *            body is copied and never looked at. It cannot include session/ or link/.
 * Tests      tests/unit/relay_core_test.c, tests/unit/relay_limit_test.c,
 *            tests/fuzz/relay_core_fuzz.c
 */
#ifndef RELAY_CORE_H
#define RELAY_CORE_H

#include "base/bytes.h"
#include "relay/admission.h"
#include "relay/ticket.h"
#include "relay/visitor.h"

struct relay_core;
struct leg;

struct relay_time {
    uint64_t mono_ms;
    uint64_t wall_ms;
};

struct relay_ops {
    /* One frame, head||body; both borrowed. Anything but OK: it was not sent, and the
     * leg is closed at once, because nothing may follow a lost frame. */
    enum err (*send)(void *user, struct bytes head, struct bytes body);
    /* What of it has not left yet. */
    size_t (*queued)(const void *user);
    /* It has said who it is: frames may be longer than RELAY_PREAUTH_FRAME_MAX now. */
    void (*admitted)(void *user);
    /* Close behind what was sent; the leg is gone. */
    void (*close)(void *user, uint16_t ws_code);
};

struct relay_core_options {
    const char *const *urls; // the addresses that an AUTH may name
    size_t n_urls;           // 1..RELAY_URLS_MAX
    const struct ticket_keys *keys;
    const struct admission *admission;
    size_t memory_max;         // 0: RELAY_MEMORY_MAX
    size_t mailbox_memory_max; // 0: RELAY_MAILBOX_MEMORY_MAX
    size_t legs_max;           // 0: RELAY_LEGS_MAX
};

/* What there is now. */
struct relay_stats {
    size_t legs;
    size_t legs_max;
    size_t hosts; // of them, hosts that are served
    size_t mailboxes;
    size_t boxes;
    size_t channels;
    size_t behind; // legs that do not read as fast as they are sent to
    size_t memory; // octets held for peers: queues, lists, offers
    size_t memory_max;
};

/* Why a connection was ended or an upgrade refused, beside what ERR says. */
enum relay_drop {
    RELAY_DROP_RATE,    // 429: its address did too much
    RELAY_DROP_FULL,    // 503: connections or memory are used up
    RELAY_DROP_SLOW,    // never said who it is
    RELAY_DROP_STALLED, // never reads
    RELAY_DROP_UNSENT,  // what it must have does not fit any more
    RELAY_DROPS,
};

#define RELAY_REFUSALS 10 // codes of enum envelope_error, 0 is unused

/* What there has been since the start: only ever grows. */
struct relay_counts {
    uint64_t frames_in;
    uint64_t frames_out;
    uint64_t octets_in; // of whole frames, without WebSocket headers
    uint64_t octets_out;
    uint64_t hosts; // logins
    uint64_t devices;
    uint64_t claims;                   // of pairing boxes that were granted
    uint64_t refusals[RELAY_REFUSALS]; // by the code of the ERR
    uint64_t drops[RELAY_DROPS];
};

struct relay_core *relay_core_create(const struct relay_core_options *o,
                                     const struct relay_ops *ops);
void relay_core_destroy(struct relay_core *core); // NULL is fine; legs are not closed

/* Before the upgrade. ERR_LIMIT: this address must wait (429); ERR_NOMEM: the relay is
 * full (503). */
NODISCARD enum err relay_core_welcome(struct relay_core *core,
                                      const struct visitor_addr *addr,
                                      struct relay_time now);

/* After it: the CHALLENGE goes out. Errors as above; nothing was kept then. */
NODISCARD enum err relay_core_attach(struct relay_core *core,
                                     const struct visitor_addr *addr, void *user,
                                     struct relay_time now, struct leg **out);

/* One whole message. `binary` false: a text message, which is malformed. */
void relay_core_input(struct leg *leg, bool binary, struct bytes frame,
                      struct relay_time now);

/* ops->queued() of this leg has fallen. */
void relay_core_drained(struct leg *leg, struct relay_time now);

/* Its socket is gone. ops->close is not called for it. */
void relay_core_detach(struct leg *leg, struct relay_time now);

/* Ends what is over its time. */
void relay_core_tick(struct relay_core *core, struct relay_time now);

/* The monotonic time at which relay_core_tick() is wanted, or UINT64_MAX. Any call may
 * change it. */
uint64_t relay_core_due(const struct relay_core *core);

/* Tells every leg to come back later (CLOSE 2) and closes it. */
void relay_core_shutdown(struct relay_core *core);

struct relay_stats relay_core_stats(const struct relay_core *core);
const struct relay_counts *relay_core_counts(const struct relay_core *core);

#endif
