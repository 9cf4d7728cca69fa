/*
 * ws: one direction-aware WebSocket conversation, without I/O.
 *
 * Source     RFC 6455 sections 5, 7.4 and 8.1.
 * Shape      octets go in, whole messages come out:
 *
 *     while (in.len != 0 || more) {
 *         e = ws_next(w, at, len, &used, &event);   at += used; len -= used;
 *         ERR_AGAIN: all of it was taken, read more;   OK: handle `event`
 *     }
 *
 *            A message that lies whole in the input is handed out from there,
 *            unmasked in place, without a copy and without an allocation; any
 *            other is assembled in a buffer that is given back with the event.
 * Ownership  `at` is borrowed and changed (unmasking). event.payload is borrowed
 *            until the next call on the same `w` and while `at` stays.
 * Errors     ERR_AGAIN  everything was consumed, no event
 *            ERR_PROTO  drop the peer; ws_close_code() is 1002, 1003 or 1007
 *            ERR_LIMIT  message over max_message: 1009
 *            ERR_NOMEM  drop the peer: 1011
 *            After anything but OK and ERR_AGAIN the object is dead.
 * Limits     max_message a message (a peer that claims more is refused at the
 *            header); WS_FRAGMENTS_MAX frames in one (empty fragments would make us
 *            work for nothing).
 * Tests      tests/unit/ws_test.c, tests/fuzz/ws_fuzz.c
 */
#ifndef WIRE_WS_H
#define WIRE_WS_H

#include "base/buf.h"
#include "wire/wsframe.h"

#define WS_FRAME_MAX     (16u * 1024 * 1024) // what we send in one frame; Codex's limit
#define WS_FRAGMENTS_MAX 65536

enum ws_role { WS_SERVER, WS_CLIENT };

enum ws_close {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NONE = 1005,     // never on the wire: a close frame without a code
    WS_CLOSE_ABNORMAL = 1006, // never on the wire: the stream just ended
    WS_CLOSE_BAD_DATA = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_INTERNAL = 1011,
    WS_CLOSE_RESTART = 1012,
    WS_CLOSE_TRY_LATER = 1013,
};

enum ws_event_kind { WS_TEXT, WS_BINARY, WS_PING, WS_PONG, WS_CLOSED };

struct ws_event {
    enum ws_event_kind kind;
    struct bytes payload; // WS_CLOSED: the reason, valid UTF-8
    uint16_t code;        // WS_CLOSED: the peer's code, or WS_CLOSE_NONE
};

struct ws {
    enum ws_role role; // ours
    uint64_t max_message;
    uint16_t close_code; // what to tell the peer after an error

    uint8_t head[WSFRAME_HEADER_MAX]; // a header cut by the end of the input
    uint8_t head_len;
    bool in_frame; // `frame` is valid and `left` octets of its payload are to come
    bool in_message;
    bool closed; // a close frame came: nothing may follow
    bool text;   // of the message being assembled
    struct wsframe frame;
    uint64_t left;
    uint32_t n_fragments;
    struct buf message; // holds memory only while a message is incomplete
    uint8_t control[WSFRAME_CONTROL_MAX];
    uint8_t control_len;
    bool give_back; // `message` was lent with the last event
};

void ws_init(struct ws *w, enum ws_role role, uint64_t max_message);
void ws_fini(struct ws *w);

/* Between messages, for those that follow. */
void ws_set_max_message(struct ws *w, uint64_t max_message);

/* *used is written with OK and with ERR_AGAIN. May return OK with *used == 0 never:
 * every event takes at least one octet. */
NODISCARD enum err ws_next(struct ws *w, uint8_t *at, size_t len, size_t *used,
                           struct ws_event *out);

/* True between messages: no partial frame, nothing assembled. */
bool ws_is_idle(const struct ws *w);

/* The code for the close frame after ws_next() failed. */
uint16_t ws_close_code(const struct ws *w, enum err e);

/* Appends one frame. `mask` is NULL for a server, four fresh random octets for a
 * client. The payload is head||body, so that an envelope needs no copy. */
NODISCARD enum err ws_put_frame(struct buf *out, enum wsframe_op op, bool fin,
                                const uint8_t *mask, struct bytes head,
                                struct bytes body);

/* Appends a close frame; the reason is cut to fit. WS_CLOSE_NONE sends no code. */
NODISCARD enum err ws_put_close(struct buf *out, const uint8_t *mask, uint16_t code,
                                const char *reason);

#endif
