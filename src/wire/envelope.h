/*
 * envelope: the relay's frames and their bodies, as octets and as structs.
 *
 * Source     docs/protocol.md section 5.0 (types), 8 (login). One WebSocket binary
 *            message is exactly one frame: 01 | type | chan u32 | body.
 * Shape      envelope_parse() splits a frame; envelope_TYPE_parse() reads the body of
 *            one type; envelope_put_TYPE() appends a whole frame of that type.
 * Ownership  spans are borrowed from the input.
 * Errors     ERR_PROTO  not as the law says (octets too few or left over, an unknown
 *                       version, type, role, op, kind): drop the peer
 *            ERR_LIMIT  body over ENVELOPE_BODY_MAX
 * Limits     named below.
 * Tests      tests/unit/envelope_test.c, tests/fuzz/envelope_fuzz.c
 */
#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "base/buf.h"

enum {
    ENVELOPE_HEAD = 6,
    ENVELOPE_BODY_MAX = 64 * 1024 + 64,
    ENVELOPE_MAX = ENVELOPE_HEAD + ENVELOPE_BODY_MAX,
    ENVELOPE_WINDOW = 256 * 1024, // initial CREDIT of a channel, each way
    ENVELOPE_ACL_MAX = 1024,      // entries in one ACL frame
    ENVELOPE_TICKET_MAX = 128,
    ENVELOPE_INVITE_MAX = 128,
    ENVELOPE_OFFER_MAX = 256,
    ENVELOPE_DIGITS_MIN = 3,
    ENVELOPE_DIGITS_MAX = 5,
    ENVELOPE_ERR_TEXT_MAX = 256,
    ENVELOPE_URL_MAX = 1024,
    ENVELOPE_OFFER_SIZE = 36,
};

enum envelope_type {
    ENVELOPE_CHALLENGE = 1,
    ENVELOPE_AUTH = 2,
    ENVELOPE_AUTH_OK = 3,
    ENVELOPE_OPEN = 4,
    ENVELOPE_CLOSE = 5,
    ENVELOPE_DATA = 6,
    ENVELOPE_ACL = 7,
    ENVELOPE_NAMEPLATE = 8,
    ENVELOPE_CLAIM = 9,
    ENVELOPE_PING = 11,
    ENVELOPE_ERR = 12,
    ENVELOPE_CREDIT = 13,
};

enum envelope_reason { // CLOSE, frame and record alike: section 5.4
    ENVELOPE_DONE = 0,
    ENVELOPE_REPLACED = 1,
    ENVELOPE_SHUTTING_DOWN = 2,
    ENVELOPE_PROTOCOL_ERROR = 3,
    ENVELOPE_HS_FAIL = 4,
    ENVELOPE_STALLED = 5,
    ENVELOPE_IDLE = 6,
    ENVELOPE_REVOKED = 7,
    ENVELOPE_LIMIT = 8,
    ENVELOPE_HOST_OFFLINE = 9,
};

enum envelope_error { // ERR: section 5.4
    ENVELOPE_E_MALFORMED = 1,
    ENVELOPE_E_NOT_ADMITTED = 2,
    ENVELOPE_E_HOST_OFFLINE = 3,
    ENVELOPE_E_NO_SUCH_CODE = 4,
    ENVELOPE_E_CODE_EXPIRED = 5,
    ENVELOPE_E_TOO_MANY = 6,
    ENVELOPE_E_MEMORY = 7,
    ENVELOPE_E_WRONG_URL = 8,
    ENVELOPE_E_CLOCK = 9,
};

enum envelope_role { ENVELOPE_HOST = 1, ENVELOPE_DEVICE = 2 };
enum envelope_kind { ENVELOPE_TO_MAILBOX = 1, ENVELOPE_TO_BOX = 2 }; // OPEN
enum envelope_acl_op { ENVELOPE_REPLACE = 1, ENVELOPE_ADD = 2, ENVELOPE_REMOVE = 3 };

struct envelope {
    enum envelope_type type;
    uint32_t chan;
    struct bytes body;
};

struct envelope_challenge {
    uint8_t nonce[32];
    uint64_t time_ms;
};

struct envelope_auth {
    uint8_t variant;         // 1: key, 2: ticket
    enum envelope_role role; // variant 1
    uint8_t pub[32];         // variant 1
    uint8_t mailbox[16];     // variant 1
    uint64_t ts_ms;
    uint64_t counter;    // variant 1
    struct bytes invite; // variant 1
    struct bytes ticket; // variant 2
    uint8_t sig[64];     // variant 1: sig, variant 2: proof
};

struct envelope_auth_ok {
    struct bytes ticket;
    uint64_t expires_ms;
};

struct envelope_open {
    enum envelope_kind kind;
    uint8_t id[16];
};

struct envelope_acl {
    enum envelope_acl_op op;
    uint16_t n;
    struct bytes hashes; // n * 32 octets
};

struct envelope_nameplate { // request of the host
    uint8_t pair_id[16];
    uint16_t ttl_s;     // 0 closes the box
    struct bytes offer; // empty: a box without digits
};

struct envelope_plate { // answer of the relay
    uint8_t pair_id[16];
    uint16_t ttl_s;
    struct bytes digits; // empty: a box without digits
};

struct envelope_claim {   // exactly one of the two
    struct bytes digits;  // ASCII; empty when it is a pair_id
    struct bytes pair_id; // 16 octets; empty when it is digits
};

struct envelope_err {
    uint16_t code; // enum envelope_error, or a later one
    struct bytes text;
};

struct envelope_offer { // section 4; inside NAMEPLATE and the answer to CLAIM
    uint8_t pair_id[16];
    uint8_t host_nonce[16];
    uint16_t expires_in_s;
};

/* An unknown type is ERR_PROTO. */
NODISCARD enum err envelope_parse(struct bytes frame, struct envelope *out);

/* The six octets in front of a body, for senders that have the body elsewhere. */
void envelope_head(uint8_t out[ENVELOPE_HEAD], enum envelope_type type, uint32_t chan);

NODISCARD enum err envelope_put(struct buf *out, enum envelope_type type, uint32_t chan,
                                struct bytes body);

NODISCARD enum err envelope_challenge_parse(struct bytes body,
                                            struct envelope_challenge *out);
NODISCARD enum err envelope_auth_parse(struct bytes body, struct envelope_auth *out);
NODISCARD enum err envelope_auth_ok_parse(struct bytes body,
                                          struct envelope_auth_ok *out);
NODISCARD enum err envelope_open_parse(struct bytes body, struct envelope_open *out);
NODISCARD enum err envelope_close_parse(struct bytes body, uint8_t *reason);
NODISCARD enum err envelope_acl_parse(struct bytes body, struct envelope_acl *out);
NODISCARD enum err envelope_nameplate_parse(struct bytes body,
                                            struct envelope_nameplate *out);
NODISCARD enum err envelope_plate_parse(struct bytes body, struct envelope_plate *out);
NODISCARD enum err envelope_claim_parse(struct bytes body, struct envelope_claim *out);
NODISCARD enum err envelope_claimed_parse(struct bytes body, struct bytes *offer);
NODISCARD enum err envelope_ping_parse(struct bytes body, uint8_t out[8]);
NODISCARD enum err envelope_credit_parse(struct bytes body, uint32_t *out);
NODISCARD enum err envelope_err_parse(struct bytes body, struct envelope_err *out);
NODISCARD enum err envelope_offer_parse(struct bytes octets,
                                        struct envelope_offer *out);

/* Each appends a whole frame. */
NODISCARD enum err envelope_put_challenge(struct buf *out,
                                          const struct envelope_challenge *c);
NODISCARD enum err envelope_put_auth(struct buf *out, const struct envelope_auth *a);
NODISCARD enum err envelope_put_auth_ok(struct buf *out,
                                        const struct envelope_auth_ok *a);
NODISCARD enum err envelope_put_open(struct buf *out, uint32_t chan,
                                     const struct envelope_open *o);
NODISCARD enum err envelope_put_close(struct buf *out, uint32_t chan, uint8_t reason);
NODISCARD enum err envelope_put_acl(struct buf *out, const struct envelope_acl *a);
NODISCARD enum err envelope_put_nameplate(struct buf *out,
                                          const struct envelope_nameplate *n);
NODISCARD enum err envelope_put_plate(struct buf *out, const struct envelope_plate *p);
NODISCARD enum err envelope_put_claim(struct buf *out, struct bytes digits_or_pair_id);
NODISCARD enum err envelope_put_claimed(struct buf *out, struct bytes offer);
NODISCARD enum err envelope_put_ping(struct buf *out, uint32_t chan,
                                     const uint8_t octets[8]);
NODISCARD enum err envelope_put_credit(struct buf *out, uint32_t chan, uint32_t octets);
NODISCARD enum err envelope_put_err(struct buf *out, uint32_t chan, uint16_t code,
                                    const char *text);

void envelope_offer_build(const struct envelope_offer *o,
                          uint8_t out[ENVELOPE_OFFER_SIZE]);

/* What an AUTH signs (section 8). Variant 1 reads role, mailbox, pub, ts_ms, counter
 * and invite of `a`; variant 2 reads ts_ms, and ticket_hash = SHA256(ticket). */
NODISCARD enum err envelope_put_auth_signed(struct buf *out, const char *relay_url,
                                            const uint8_t nonce[32],
                                            const struct envelope_auth *a,
                                            const uint8_t ticket_hash[32]);

#endif
