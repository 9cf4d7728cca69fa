/*
 * login: the answer to a relay's challenge.
 *
 * Source     docs/protocol.md section 8, AUTH variants 1 and 2.
 * Shape      a device that holds a ticket with time left proves it (variant 2), anyone
 *            else signs with the key (variant 1). A ticket that was refused is dropped,
 *            so the next try signs.
 * Ownership  `key` and `url` are kept; the ticket is copied.
 * Time       wall clock, passed in; the relay refuses more than 120 s of difference.
 * Tests      tests/unit/login_test.c
 */
#ifndef LINK_LOGIN_H
#define LINK_LOGIN_H

#include "crypto/sign.h"
#include "wire/envelope.h"

#define LOGIN_TICKET_SPARE_MS 60000u // a ticket with less left is not tried

struct login {
    enum envelope_role role;
    const struct sign_key *key; // Hr or Dr
    const char *url;            // the exact string that was dialled
    const char *invite;         // hosts; "" when none
    uint8_t mailbox[16];
    uint64_t counter; // hosts: rises with each AUTH
    uint8_t ticket[ENVELOPE_TICKET_MAX];
    size_t ticket_len; // 0: none
    uint64_t ticket_expires_ms;
};

/* Appends the AUTH frame that answers the challenge. */
NODISCARD enum err login_answer(const struct login *l,
                                const struct envelope_challenge *challenge,
                                uint64_t wall_ms, struct buf *out);

/* Keeps the ticket of an AUTH_OK; too long a one is ignored. */
void login_keep_ticket(struct login *l, const struct envelope_auth_ok *ok);
void login_drop_ticket(struct login *l);

#endif
