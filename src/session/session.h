/*
 * session: one end of the end-to-end encrypted conversation, without I/O.
 *
 * Source     protocol.md 2 (handshake), 3-4 (pairing), 5.1-5.3 (records, lanes).
 * Shape      bodies of DATA frames and time go in, bodies and events come out. One
 *            body is one handshake message or one record.
 *
 *     channel --> session_feed() --> session_next() --> the program
 *     channel <-- session_output()/session_sent() <-- lane_send(), session_admit()…
 *
 *     Host, a device's channel (OPEN kind 1); a box (kind 2) the same with
 *     session_accept_box() and, to ask a person first, session_pend():
 *
 *         s = session_accept(roster, now);             // NULL: too many are pending
 *         on DATA:   e = session_feed(s, body, now);   // not OK: send CLOSE frame
 *                    drain(s);                         //   session_close_code(s)
 *         on a timer at session_deadline(s): e = session_tick(s, now); drain(s);
 *         whenever the lane got a message, or credit arrived: flush(s);
 *
 *         drain: while (session_next(s, &ev)) switch (ev.kind) {
 *             case SESSION_PEER:    session_admit(s, &welcome, lane); // or _refuse
 *             case SESSION_MESSAGE: router_message(ev.message.stream, …octets…);
 *             case SESSION_RESET:   forget every stream of this device
 *             case SESSION_CLOSED:  close the channel, session_destroy(s) }
 *         flush: while (session_output(s, now, &body) && body.len <= credit) {
 *             send DATA(body); session_sent(s); }
 *
 *     Controller (after AUTH_OK, or CLAIM for the two pairing forms):
 *
 *         s = session_connect(&device, &host, lane, now);    // or _qr, _code
 *         flush(s);  feed, drain and timer as above, with
 *             case SESSION_PENDING: show ev.pending.sas, wait
 *             case SESSION_READY:   in a box: store ev.ready, session_pair_root(s)
 *                                   and D, then session_close(s, CLOSE_DONE), dial
 *                                   the mailbox with session_connect(); there: if
 *                                   !ev.ready.resumed open the streams anew
 *             case SESSION_DENIED:  show ev.denied.text
 *
 * Ownership  event contents are borrowed until the next session_* call.
 *            session_output()'s body is borrowed until session_sent().
 * Errors     after anything but OK the session is dead: send what CLOSE frame
 *            session_close_code() says, then destroy it. All failures of a
 *            handshake are one error, ERR_AUTH, with CLOSE_HANDSHAKE; the reason
 *            for the local log is session_why().
 * Time       milliseconds, monotonic, passed in; the session reads no clock.
 * Limits     SESSION_BODY_MAX octets a body; in a box 16 messages of 4 KiB; 10 s
 *            for a handshake; 12 h or 255 epochs for a session; 10 s of silence while
 *            something is expected.
 * Reentry    none: nothing is called back, but may_enrol.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "session/grant.h"
#include "session/lane.h"
#include "session/pad.h"
#include "session/pairing.h"
#include "session/roster.h"
#include "session/sas.h"

enum {
    SESSION_BODY_MAX = 64 * 1024 + 64,
    SESSION_URLS_MAX = 8,
    SESSION_NAME_MAX = 64,
    SESSION_TEXT_MAX = 256, // a reason for people
};

enum session_mode { SESSION_QR = 1, SESSION_CODE = 2, SESSION_TRUSTED = 3 };

/* Reasons of CLOSE, in frames and in records (protocol.md 5.4). */
enum close_code {
    CLOSE_DONE = 0,
    CLOSE_REPLACED = 1,
    CLOSE_SHUTDOWN = 2, // reconnect elsewhere
    CLOSE_PROTO = 3,
    CLOSE_HANDSHAKE = 4, // HS_FAIL: no more is said
    CLOSE_STALLED = 5,
    CLOSE_IDLE = 6,
    CLOSE_REVOKED = 7,
    CLOSE_LIMIT = 8,
    CLOSE_HOST_OFFLINE = 9,
};

enum denied_code {
    DENIED_FORBIDDEN = 1, // by the administrator
    DENIED_DECLINED = 2,
    DENIED_EXPIRED = 3,
    DENIED_ROLE_CAPPED = 4,
    DENIED_TOO_MANY = 5,
    DENIED_REVOKED = 6,
};

struct session_audit {
    bool known;
    uint64_t idx;
    uint8_t head[32];
};

enum session_event_kind {
    SESSION_PEER,    // host: the device proved itself; admit, pend or refuse it
    SESSION_PENDING, // controller in a box: a person at the host is being asked
    SESSION_READY,   // controller: admitted
    SESSION_DENIED,  // controller: refused, with a reason; CLOSED follows
    SESSION_MESSAGE, // one whole message of a stream, in order
    SESSION_RESET,   // every stream of the lane is gone, on both ends
    SESSION_SILENT,  // what waits for the other end has waited 5 s: it is asked
    SESSION_PONG,    // the answer to session_ping(): the path works end to end
    SESSION_RENEW,   // controller: make a new session soon, then drop this one
    SESSION_CLOSED,  // nothing follows; destroy it
};

struct session_peer { // who is at the other end of a host's session
    enum session_mode mode;
    uint8_t device_key[SIGN_PUB]; // D
    uint8_t device_id[ID_SIZE];
    bool has_relay_key;
    uint8_t relay_key[SIGN_PUB];        // Dr; modes 1 and 2
    char name[SESSION_NAME_MAX + 1];    // sanitized for display
    char version[SESSION_NAME_MAX + 1]; // sanitized for display
    uint64_t features;
    enum grant_role role_asked; // GRANT_NOBODY: did not ask
    uint64_t grant_serial;
    struct session_audit audit; // last seen by the device
    char sas[SAS_TEXT];         // modes 1 and 2: "482 913"
};

struct session_pending {
    char sas[SAS_TEXT];
    enum grant_role role_asked;
    char host_name[SESSION_NAME_MAX + 1];
    uint64_t expires_ms; // wall clock
};

/* What READY says. A host fills it; a controller gets it. */
struct session_welcome {
    struct bytes grant;          // signed; may be empty in mode 3: unchanged
    uint8_t mailbox_id[ID_SIZE]; // filled in from the roster by session_admit()
    struct session_audit audit;
    struct bytes urls[SESSION_URLS_MAX]; // of relays and doors
    size_t n_urls;
    struct bytes host_name; // empty: the roster's
    enum session_padding padding;
};

struct session_ready {
    struct session_welcome welcome; // host_name is sanitized by who shows it
    uint8_t host_key[SIGN_PUB];     // H, to be pinned
    bool has_grant;
    struct grant grant; // verified: it is H's, for this D
    bool resumed;       // the streams of before live on
    bool unknown;       // commands in flight: their outcome is unknown
};

struct session_message {
    uint16_t stream;
    bool opened;  // the first of its stream
    bool closed;  // the last of its stream; may be without octets
    uint64_t seq; // of its last fragment: with device_id the key of a command
    struct bytes octets;
};

struct session_event {
    enum session_event_kind kind;
    union {
        struct session_peer peer;
        struct session_pending pending;
        struct session_ready ready;
        struct {
            enum denied_code code;
            char text[SESSION_TEXT_MAX]; // sanitized for display
        } denied;
        struct session_message message;
        struct {
            uint64_t rtt_ms;
        } pong;
        struct {
            bool unknown; // device: commands in flight have an unknown outcome
        } reset;
        struct {
            enum close_code code;
        } closed;
    };
};

/* Who a controller is. Texts and keys are copied, `key` is kept. */
struct session_device {
    const struct sign_key *key; // D
    const uint8_t *relay_key;   // Dr's public part; boxes only, else NULL
    const char *name;
    const char *version;
    enum grant_role role_asked; // boxes; GRANT_NOBODY: the host's choice
    uint64_t grant_serial;      // 0: none
    struct session_audit audit;
};

/* A host that a controller has paired with. Copied. */
struct session_host {
    uint8_t host_key[SIGN_PUB]; // H, pinned
    uint8_t mailbox_id[ID_SIZE];
    uint8_t pair_root[PAIR_ROOT_SIZE]; // wipe yours
};

struct session;

/* Host. Keeps roster; takes a reference to pairing. */
NODISCARD struct session *session_accept(struct roster *r, uint64_t now_ms);
NODISCARD struct session *session_accept_box(struct roster *r, struct pairing *p,
                                             uint64_t now_ms);

/* Controller. `lane` is kept. ERR_USAGE in the host's data comes back as NULL:
 * an invalid key. */
NODISCARD struct session *session_connect(const struct session_device *device,
                                          const struct session_host *host,
                                          struct lane *lane, uint64_t now_ms);
NODISCARD struct session *session_connect_qr(const struct session_device *device,
                                             const struct qr *qr, uint64_t now_ms);

/* `offer` is what CLAIM gave. NULL: it is not an offer. After a failure the same
 * phrase MUST NOT be used again (protocol.md 4). */
NODISCARD struct session *session_connect_code(const struct session_device *device,
                                               const struct code *code,
                                               struct bytes offer, uint64_t now_ms);

void session_destroy(struct session *s); // NULL is fine; wipes every key

NODISCARD enum err session_feed(struct session *s, struct bytes body, uint64_t now_ms);
NODISCARD bool session_next(struct session *s, struct session_event *out);

/* The next body to put into a DATA frame. Sealed here: a message of the lane gets
 * its number now and not before. The same body until session_sent(). */
NODISCARD bool session_output(struct session *s, uint64_t now_ms, struct bytes *body);
void session_sent(struct session *s);

/* When session_tick() wants to be called; UINT64_MAX: no timer is needed. */
uint64_t session_deadline(const struct session *s);
NODISCARD enum err session_tick(struct session *s, uint64_t now_ms);

/* Host, after SESSION_PEER. In a box `lane` is NULL; there session_admit() needs a
 * grant, and the caller has put Dr into the relay's access list first. The device's
 * older session, if there is one, is the caller's to end: session_close() with
 * CLOSE_REPLACED. ERR_CANCELED: the device was removed or the pairing closed. */
NODISCARD enum err session_pend(struct session *s, enum grant_role role_asked,
                                uint64_t expires_wall_ms);
NODISCARD enum err session_admit(struct session *s, const struct session_welcome *w,
                                 struct lane *lane);
void session_refuse(struct session *s, enum denied_code code, const char *text);

/* Says goodbye in a record, when there are keys, and then is over. Messages not yet
 * acknowledged stay in the lane. */
void session_close(struct session *s, enum close_code code);
void session_revoke(struct session *s); // host: REVOKED, then CLOSE

void session_ping(struct session *s, uint64_t now_ms);

/* Liveness (session/proof.h): while a message of ours has no ack, a PING no answer, or
 * the program expects one, silence of 5 s is SESSION_SILENT and of 10 s is the end. */
void session_expect(struct session *s, bool answer, uint64_t now_ms);
void session_moved(struct session *s, uint64_t now_ms); // a slow line took much of ours
uint64_t session_heard_ms(const struct session *s);     // the last record that verified

void session_set_cover(struct session *s, bool on, uint64_t now_ms); // b1k: a turn runs

bool session_is_ready(const struct session *s); // messages may flow
enum close_code session_close_code(const struct session *s);
const char *session_why(const struct session *s);  // static; for the local log only
struct bytes session_th4(const struct session *s); // 32 octets, or none yet

/* Both ends of a box, from SESSION_PEER or SESSION_READY on: to be stored. */
struct bytes session_pair_root(const struct session *s);

#endif
