/*
 * admission: which hosts may have a mailbox on this relay.
 *
 *   OPEN     anybody
 *   INVITE   who knows a secret of the invite file (sent inside the signed AUTH)
 *   LISTED   the mailboxes of the allow file, or the one host of `farhand up`
 *
 * Source     docs/protocol.md section 8.
 * Shape      a file has one entry a line; empty lines and lines beginning with '#'
 *            are skipped. An allow line is a mailbox id (32 hex digits) or a relay
 *            key Hr (64 hex digits).
 * Ownership  admission_fini() wipes. Invites are kept as hashes only.
 * Errors     ERR_PROTO  a line is not what it should be; `diag` says which
 *            ERR_LIMIT  more than RELAY_ADMIT_MAX lines, or too long a secret
 * Tests      tests/unit/relay_ticket_test.c
 */
#ifndef RELAY_ADMISSION_H
#define RELAY_ADMISSION_H

#include <stdbool.h>

#include "base/bytes.h"

enum admission_kind { ADMISSION_LISTED, ADMISSION_INVITE, ADMISSION_OPEN };

struct admission_entry {
    uint8_t id[32]; // SHA-256 of an invite; or a mailbox id and zeros
};

struct admission {
    enum admission_kind kind; // zeroed: LISTED with nothing, so nobody
    struct admission_entry *entries;
    size_t n;
};

void admission_fini(struct admission *a);

NODISCARD enum err admission_read(struct admission *a, enum admission_kind kind,
                                  struct bytes text, struct diag *diag);
NODISCARD enum err admission_add_mailbox(struct admission *a,
                                         const uint8_t mailbox[16]);

/* Constant time in the invite. */
bool admission_allows(const struct admission *a, const uint8_t mailbox[16],
                      struct bytes invite);

/* mailbox_id = SHA-256(LV("fh1 mailbox")||Hr)[0..16] */
void admission_mailbox_of(const uint8_t hr[32], uint8_t out[16]);

#endif
