/*
 * grant: what a host lets a device do, signed by the host.
 *
 * Source     protocol.md 6. The grant is the device's proof; the host's live table
 *            is the authority at dispatch time.
 * Ownership  grant_read() borrows `signed_grant`: person, name and scope point
 *            into it.
 * Errors     ERR_PROTO  not a grant
 *            ERR_AUTH   the signature is not the host's
 * Tests      tests/unit/grant_test.c
 */
#ifndef SESSION_GRANT_H
#define SESSION_GRANT_H

#include "base/buf.h"
#include "crypto/id.h"

enum grant_role {
    GRANT_NOBODY = 0,
    GRANT_VIEWER = 1,
    GRANT_APPROVER = 2,
    GRANT_OPERATOR = 3,
    GRANT_OWNER = 4,
};

enum {
    GRANT_PERSON_MAX = 64,
    GRANT_NAME_MAX = 64,
    GRANT_SCOPE_MAX = 1024, // thread ids, separated by spaces; empty = all
    GRANT_MAX = 1600,       // the whole, signed
};

struct grant {
    uint8_t host_id[ID_SIZE];
    uint8_t device_key[SIGN_PUB]; // D
    enum grant_role role;
    uint64_t caps; // bits of protocol.md 5.4 (host/rights.h)
    uint64_t serial;
    uint64_t issued_ms;    // wall clock
    uint64_t not_after_ms; // 0: none
    uint8_t proto_min;
    struct bytes person;
    struct bytes name;
    struct bytes scope;
};

/* Appends the signed grant. ERR_LIMIT: a text is too long. */
NODISCARD enum err grant_make(const struct grant *g, const struct sign_key *host_key,
                              struct buf *out);
NODISCARD enum err grant_read(struct bytes signed_grant,
                              const uint8_t host_key[SIGN_PUB], struct grant *out);

const char *grant_role_name(enum grant_role role); // "viewer" …; static
NODISCARD enum err grant_role_parse(struct bytes name, enum grant_role *out);

#endif
