/*
 * link_host: the host's end of the way to its devices.
 *
 *     relay --- one leg --- channels --- sessions --- lanes --- streams --- the hub
 *
 * Source     docs/protocol.md sections 2 (handshake), 3 and 4 (pairing), 5 (frames,
 *            records, streams, lanes), 8 (relay login).
 * Shape      dials the relay for as long as it is started, logs in, keeps the access
 *            list and the open boxes there across reconnects, answers handshakes,
 *            and hands streams to the owner. A stream belongs to the DEVICE: it
 *            outlives sessions, up to LINK_STREAM_GRACE_MS without one.
 * Ownership  the keys of the options are kept, the rest is copied. The link owns sessions and streams; a `struct link_session *` is valid
 *            until its `closed`, a `struct link_stream *` until its `stream_closed`.
 *            Texts and claims in callbacks are borrowed for the call.
 * Errors     a peer that breaks the protocol is closed; the owner hears `closed`.
 * Time       liveness is proved by a round trip through the relay each
 *            UPLINK_KEEPALIVE_MS; there is no other timer while nothing happens. While
 *            something of ours waits (an ack, an answer of the relay), 5 s of silence
 *            are asked with a PING, 10 s are the end of that session or of the leg.
 * Limits     those of session/roster.h (pending handshakes), session/pairing.h (runs
 *            and guesses) and session/lane.h (streams, octets); LINK_CHANNELS_MAX
 *            channels at once (a relay cannot fill the host's memory with sessions).
 * Reentry    every callback runs from the loop, never from inside the call that
 *            caused it. Each call below may be made from any callback.
 * Tests      tests/unit/link_pair_test.c, tests/unit/link_stream_test.c
 */
#ifndef LINK_LINK_HOST_H
#define LINK_LINK_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/bytes.h"
#include "base/err.h"

#define LINK_CHANNELS_MAX    256u
#define LINK_DOORS_MAX       128u // connections at the door
#define LINK_DOORS_EACH      16u  // of one address
#define LINK_PEERS_MAX       64u
#define LINK_STREAM_GRACE_MS 600000u
#define LINK_DELTA_PACE_MS   4u // a delta waits for the next, this long after the last
#define LINK_URL_MAX         256u
#define LINK_NAME_MAX        65u // 64 octets of UTF-8, sanitized, and a NUL

struct delta; // wire/delta.h
struct loop;
struct pairing;  // session/pairing.h
struct sign_key; // crypto/sign.h
struct link_host;
struct link_session;
struct link_stream;

enum link_state {
    LINK_DISABLED,
    LINK_CONNECTING,
    LINK_CONNECTED, // a round trip through the relay was made; no relay: a door listens
    LINK_ERRORED,   // the relay refused; tried again with backoff
};

/* One paired device that may connect (protocol.md 2, rule 4). */
struct link_peer {
    uint8_t device_id[16];
    uint8_t key[32];       // D
    uint8_t relay_tag[32]; // SHA256(Dr): what the relay's access list holds
    uint8_t pair_root[32]; // the PSK of mode 3; the link wipes its copies
};

enum link_mode { LINK_MODE_QR = 1, LINK_MODE_PHRASE = 2, LINK_MODE_TRUSTED = 3 };

/* Who is on the other end, once the third message has verified. */
struct link_claim {
    enum link_mode mode;
    uint8_t pair_id[16]; // modes 1 and 2
    uint8_t device_id[16];
    uint8_t key[32];       // D: a valid point, its signature verified
    uint8_t relay_key[32]; // Dr (modes 1 and 2)
    uint8_t pair_root[32]; // modes 1 and 2: store it when the device is accepted
    uint64_t grant_serial; // of the grant it holds, 0: none
    uint8_t th4[32];       // of this session (protocol.md 7)
    char name[LINK_NAME_MAX];
    char version[LINK_NAME_MAX];
    uint8_t role_asked; // 0: none was asked
    char sas[8];        // "482 913"
};

struct link_host_ops {
    /* Live devices, asked once by link_host_create(). */
    size_t (*peers)(void *user, struct link_peer *out, size_t max);
    /* May this unknown device key be enrolled: is there no tombstone? */
    bool (*may_enrol)(void *user, const uint8_t device_key[32]);

    /* A run of a box ended without a device: a wrong tag is a guess (protocol.md 4;
     * the pairing itself counts, this is for the host-wide count and the notice). */
    void (*pairing_failed)(void *user, const uint8_t pair_id[16], enum link_mode mode,
                           bool tag_wrong);
    /* The relay lost the box (restart) and gave other digits: the phrase is void. */
    void (*box_lost)(void *user, const uint8_t pair_id[16]);

    /* Modes 1 and 2. Answer now or later with link_session_pending(), _ready() or
     * _deny(). `closed` before that: the device went away. */
    void (*claimed)(void *user, struct link_session *s, const struct link_claim *claim);
    /* READY of a box has left for the device: the pairing is complete. */
    void (*enrolled)(void *user, struct link_session *s, const uint8_t device_id[16]);
    /* Mode 3. Answer with link_session_ready() or _deny(). */
    void (*opened)(void *user, struct link_session *s, const struct link_claim *claim);
    void (*closed)(void *user, struct link_session *s);

    /* Streams. Set the stream's own pointer with link_stream_set_user(). */
    void (*stream_open)(void *user, struct link_stream *st,
                        const uint8_t device_id[16]);
    void (*stream_text)(void *user, struct link_stream *st, struct bytes text);
    void (*stream_closed)(void *user, struct link_stream *st);

    /* Each change of state; `error` is a sentence, "" when there is none. */
    void (*state)(void *user, enum link_state state, const char *error);

    /* The lanes' numbers on disk. lane_load: false when this device's is not known.
     * lane_commit: durable when it returns OK. NULL: lanes live in memory. */
    bool (*lane_load)(void *user, const uint8_t device_id[16], uint64_t *last_recv);
    enum err (*lane_commit)(void *user, const uint8_t device_id[16],
                            uint64_t last_recv);

    /* The next value of a counter that must rise for ever: persisted before it
     * returns (protocol.md 8). */
    uint64_t (*next_auth_counter)(void *user);

    /* Where the audit log stands, for READY (protocol.md 5.4). NULL: there is none. */
    void (*audit_head)(void *user, uint64_t *idx, uint8_t head[32]);
};

struct link_host_options {
    const char *relay_url; // the exact string that is dialled and signed; NULL: none
    bool has_door;         // link_host_door() brings devices in, too
    const char *invite;    // NULL: none
    const char *ca_file;   // NULL: the system's authorities
    const char *name;      // the host's display name
    const struct sign_key *host_key;  // H; keep
    const struct sign_key *relay_key; // Hr; keep
    uint32_t lane_epoch;              // rises at each start of the host, persisted
    const char *const *urls;          // addresses told to devices in READY
    size_t n_urls;
};

struct link_host *link_host_create(struct loop *loop,
                                   const struct link_host_options *options,
                                   const struct link_host_ops *ops, void *user);
void link_host_start(struct link_host *h); // idempotent; reconnects for ever
/* Closes every session and stream, leaves the relay, stays DISABLED. Boxes end. */
void link_host_stop(struct link_host *h);
/* stop, then `done`; the memory is gone after it. NULL `done` is fine. */
void link_host_close(struct link_host *h, void (*done)(void *user));

/* The direct door (protocol.md 5.0): whoever listens on /fh1 asks whether one more of
 * this address may come in, accepts it with these options, and hands it over (taken). */
struct stream_peer;
struct ws_conn;
struct ws_conn_options;
bool link_host_door_may(const struct link_host *h, const struct stream_peer *peer);
void link_host_door_options(struct ws_conn_options *out);
void link_host_door(struct link_host *h, struct ws_conn *ws);

struct link_host_status {
    enum link_state state;
    const char *url;   // borrowed
    const char *error; // the last one, "" when none; borrowed
    uint64_t age_ms;   // since the last round trip; UINT64_MAX: never
    bool refused;      // the relay does not admit us: trying again will not help
};
void link_host_status(const struct link_host *h, struct link_host_status *out);

/* Of one device: how old the last record is that came from it (a proof end to end), and
 * in the words of the log why its last session ended ("" while one lives). */
struct link_device_status {
    bool connected;
    uint64_t age_ms;   // UINT64_MAX: never since this start
    const char *error; // static
};
void link_host_device_status(const struct link_host *h, const uint8_t device_id[16],
                             struct link_device_status *out);
bool link_host_connected(const struct link_host *h, const uint8_t device_id[16]);

/* Opens the pairing's box at the relay (takes a reference to `p`), for ttl_s,
 * with digits (phrase) or without (QR only). `done` runs once: OK and the digits ("" for
 * none) for pairing_set_digits(), ERR_CLOSED when the relay cannot be reached, ERR_LIMIT
 * when it refuses; `error` is a sentence. The box is opened again after a reconnect until
 * link_host_box_close(). */
typedef void link_box_fn(void *user, enum err e, const char *digits, const char *error);
void link_host_box(struct link_host *h, struct pairing *p, uint16_t ttl_s,
                   bool with_digits, link_box_fn *done, void *user);
void link_host_box_close(struct link_host *h, const uint8_t pair_id[16]); // idempotent

/* PENDING: the other side may now show the digits. `expires_s`: wall clock. */
void link_session_pending(struct link_session *s, uint8_t role, uint64_t expires_s);
/* READY. In a box: the device joins the relay's access list first, then READY, then
 * `enrolled`; store it before. In mode 3: the lane and its streams live. */
void link_session_ready(struct link_session *s, struct bytes grant);
/* DENIED with a code of protocol.md 5.4 and a sentence; the session then closes. */
void link_session_deny(struct link_session *s, uint8_t code, const char *sentence);

/* REVOKED to the device's session, keys wiped, streams closed, lane dropped, its entry
 * in the relay's access list removed. No handshake of it succeeds from here on. */
void link_host_revoke(struct link_host *h, const uint8_t device_id[16]);

/* Ends its session and its streams; it may come back, and be told why it is not let
 * in. */
void link_host_drop(struct link_host *h, const uint8_t device_id[16]);

void link_stream_set_user(struct link_stream *st, void *user);
void *link_stream_user(const struct link_stream *st);
/* Inside stream_text: the number of the message, which with the device is the key of a
 * command; and the owner's word that it, and all before it, is on disk. */
uint64_t link_stream_seq(const struct link_stream *st);
void link_stream_committed(struct link_stream *st, uint64_t seq);
/* Sends one JSON-RPC text (refs the blob). Past the lane's bound the device is told to
 * take a snapshot and all its streams close (protocol.md 5.3). */
void link_stream_send(struct link_stream *st, struct blob *text);
/* The same of a delta (wire/delta.h): it is joined to the one before it if that waits
 * still, and waits itself until LINK_DELTA_PACE_MS after what was sent last. */
void link_stream_send_delta(struct link_stream *st, struct blob *text,
                            const struct delta *at);
/* Closes from this side: the device is told, `stream_closed` follows. Idempotent. */
void link_stream_close(struct link_stream *st);

#endif
