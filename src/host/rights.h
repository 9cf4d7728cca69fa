/*
 * rights: roles and capabilities of a controller.
 *
 * Source     docs/protocol.md section 6 (roles), 5.4 (capability bits).
 * Shape      the numbers are on the wire (grants, roles asked): never renumber.
 *            A role includes every lower one; an owner has every capability.
 */
#ifndef HOST_RIGHTS_H
#define HOST_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum role {
    ROLE_NONE = 0,
    ROLE_VIEWER = 1,   // reads threads, events, diffs
    ROLE_APPROVER = 2, // and answers approvals and questions
    ROLE_OPERATOR = 3, // and starts, steers, interrupts
    ROLE_OWNER = 4,    // and every capability
};
#define ROLE_MAX ROLE_OWNER

#define CAP_ADMIN         (UINT64_C(1) << 0) // pair, revoke, enable, disable
#define CAP_TERMINAL      (UINT64_C(1) << 1) // commands that no approval guards
#define CAP_FILES_WRITE   (UINT64_C(1) << 2)
#define CAP_SESSION_SCOPE (UINT64_C(1) << 3) // may choose "for session"
#define CAP_GIT_WRITE     (UINT64_C(1) << 4)
#define CAP_ALL \
    (CAP_ADMIN | CAP_TERMINAL | CAP_FILES_WRITE | CAP_SESSION_SCOPE | CAP_GIT_WRITE)

const char *role_name(enum role role); // "viewer" …; ROLE_NONE: "none"
NODISCARD enum err role_parse(struct bytes text, enum role *out);

/* The capabilities a role carries by itself: an owner all, others none. */
uint64_t role_caps(enum role role);

/* "admin", "terminal", …; NULL for a bit that has no name. `cap` is one bit. */
const char *cap_name(uint64_t cap);

#endif
