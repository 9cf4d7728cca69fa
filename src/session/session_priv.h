/*
 * session_priv: the inside of a session, for session*.c only.
 *
 *   controller   CPACE --> HELLO --> WAITING --> OPEN --> ENDING --> OVER
 *                  (a phrase)          |  PENDING comes and goes here
 *   host         FIRST --> HELLO --> AUTH --> DECIDING --> OPEN --> ENDING --> OVER
 *                  \_____________/  (HELLO: after CPace, msg1 of mode 2)
 *
 * Any state may move to OVER: that is what every failure does.
 */
#ifndef SESSION_SESSION_PRIV_H
#define SESSION_SESSION_PRIV_H

#include "base/buf.h"
#include "base/machine.h"
#include "session/handshake.h"
#include "session/lane_io.h"
#include "session/params.h"
#include "session/proof.h"
#include "session/ready.h"
#include "session/record.h"
#include "session/run.h"
#include "session/session.h"

enum session_state {
    CTRL_CPACE,   // P2 is out: P3 must come
    CTRL_HELLO,   // msg1 is out: msg2 must come
    CTRL_WAITING, // msg3 is out: READY, PENDING or DENIED must come
    HOST_FIRST,   // msg1 or P2 must come
    HOST_HELLO,   // P3 is out: msg1 of mode 2 must come
    HOST_AUTH,    // msg2 is out: msg3 must come
    HOST_DECIDING,
    STATE_OPEN,
    STATE_ENDING, // a last record is to be sent
    STATE_OVER,
};

enum itype {
    ITYPE_READY = 0,
    ITYPE_PENDING = 1,
    ITYPE_DENIED = 2,
    ITYPE_APP = 3,
    ITYPE_ACK = 4,
    ITYPE_KEYUPDATE = 5,
    ITYPE_SNAPSHOT_REQUIRED = 7,
    ITYPE_REVOKED = 8,
    ITYPE_PING = 9,
    ITYPE_CLOSE = 10,
};

enum {
    PLAIN_HEADER = 1 + 8 + 8, // itype, seq, ack
    EVENTS_MAX = 6,
    BOX_MESSAGES_MAX = 16, // protocol.md 5.0: a box carries a pairing and no more
    BOX_MESSAGE_MAX = 4096,
    PING_BODY = 8,
    PING_REPLY = 0x80,
    CONTROL_MAX = 4096, // READY with its grant is the longest
};

enum {
    HANDSHAKE_MS = 10000,
    WAITING_MS = 20000,      // controller, mode 3: until READY
    BOX_WAITING_MS = 600000, // a person decides
    COVER_MS = 5000,
};

#define SESSION_AGE_MS       (UINT64_C(12) * 60 * 60 * 1000)
#define SESSION_GRACE_MS     (UINT64_C(10) * 60 * 1000)
#define SESSION_RENEW_EPOCHS 250u

struct control { // a record of ours that waits to be sealed: READY, PENDING, DENIED
    bool due;
    enum itype itype;
    struct buf body;
};

struct session {
    struct machine m;
    bool is_host;
    bool in_box;
    enum session_mode mode;
    uint64_t deadline_ms; // of the present state
    uint64_t began_ms;    // OPEN
    uint64_t now_ms;      // the last time anybody said
    enum close_code code;
    const char *why;

    // host
    struct roster *roster;
    struct pairing *pairing;
    bool run_is_open; // of the pairing
    bool has_device;  // counted in the roster
    bool is_pending;  // counted in the roster and the pairing
    uint8_t device_id[ID_SIZE];

    // controller
    const struct sign_key *key; // D
    uint8_t relay_key[SIGN_PUB];
    bool has_relay_key;
    char name[SESSION_NAME_MAX + 1];
    char version[SESSION_NAME_MAX + 1];
    enum grant_role role_asked;
    uint64_t grant_serial;
    struct session_audit audit;
    bool is_pinned;
    uint8_t pinned[SIGN_PUB];   // H
    uint8_t commit[SAS_COMMIT]; // c_H
    struct run *run;            // CPace
    uint8_t ctx[ID_SIZE];       // pair_id

    // both
    uint8_t device_key[SIGN_PUB]; // D
    uint8_t host_random[SAS_HOST_RANDOM];
    uint8_t device_random[SAS_DEVICE_RANDOM];
    struct handshake *hs; // gone once there are keys
    struct handshake_keys keys;
    bool has_keys;
    bool is_agreed; // th4 and pair_root are there, also after the end
    struct record tx;
    struct record rx;
    enum session_padding padding;
    enum session_padding next_padding; // host: from READY on
    struct lane *lane;
    struct lane_claim claim; // host: what the device said of its lane
    unsigned n_received;     // in a box

    // out
    struct buf raw; // a handshake message
    struct buf out; // the body that session_output() gave
    bool out_waits; // not yet session_sent()
    struct control control;
    bool pong_due;
    uint8_t pong[PING_BODY];
    bool ping_due;
    bool ack_due;
    bool echo_due; // SNAPSHOT_REQUIRED back to the host
    bool revoke_due;
    bool close_due;
    bool renew_told;
    uint8_t ping[PING_BODY];
    uint64_t ping_at_ms; // 0: none is under way
    struct proof proof;
    bool expects; // an answer, says the program
    bool cover;
    uint64_t cover_at_ms;

    // in
    struct buf in;    // the record being opened
    struct buf ready; // READY's body: the event borrows from it
    struct session_event events[EVENTS_MAX];
    size_t n_events;
    size_t next_event;
};

/* ---- session.c: what both ends use ------------------------------------------------- */

struct session *session_new(bool is_host, uint64_t now_ms);
void session_move(struct session *s, enum session_state to);
struct session_event *session_emit(struct session *s, enum session_event_kind kind);

/* Ends the session at once. Gives `e`, for `return session_die(…)`. */
enum err session_die(struct session *s, enum err e, enum close_code code,
                     const char *why);
enum err session_hs_fail(struct session *s, const char *why); // ERR_AUTH, uniform

/* Does something of ours wait for the other end? Told after whatever may change it. */
void session_note_waiting(struct session *s, uint64_t now_ms);

/* Puts one handshake message out. */
enum err session_put_raw(struct session *s, struct bytes message);

/* From the handshake's keys to records; ends the handshake. */
void session_take_keys(struct session *s, uint64_t now_ms);
void session_open(struct session *s, uint64_t now_ms);

/* ---- session_host.c, session_ctrl.c: one handshake message ------------------------- */

enum err session_host_feed(struct session *s, struct bytes body, uint64_t now_ms);
enum err session_ctrl_feed(struct session *s, struct bytes body, uint64_t now_ms);
void session_host_release(struct session *s); // gives back what it holds of others

/* One opened record while the controller waits for READY. */
enum err session_ctrl_first(struct session *s, enum itype itype, struct bytes body,
                            uint64_t now_ms);

/* ---- session_in.c, session_out.c: records ------------------------------------------ */

enum err session_feed_record(struct session *s, struct bytes record, uint64_t now_ms);

#endif
