/*
 * invite: the open invitations of this host, without I/O.
 *
 *     OPEN --> CONFIRMING --> ACCEPTED --> DONE
 *       |          |             |
 *       +----------+-------------+----> DECLINED, EXPIRED, LOCKED, CANCELED
 *
 * Source     docs/protocol.md sections 2.1 (who confirms), 3 and 4.
 * Shape      what a person sees of a pairing: role offered, who asks, the digits to
 *            compare. The secrets and the guess accounting are session/pairing's; each
 *            row holds a reference to one.
 * Ownership  the table owns its rows; a `struct invite *` is valid until the next
 *            invites_open().
 * Time       wall clock seconds for people, monotonic ms for the pairing; passed in.
 * Limits     INVITES_OPEN_MAX at once (the relay allows no more nameplates).
 * Tests      tests/unit/invite_test.c
 */
#ifndef HOST_INVITE_H
#define HOST_INVITE_H

#include "base/machine.h"
#include "crypto/hash.h"
#include "host/rights.h"
#include "link/link_host.h"
#include "session/pairing.h"
#include "store/store.h"

#define INVITES_OPEN_MAX 3u
#define INVITES_KEPT_MAX 8u // ended ones stay visible to pairing/status

enum invite_state {
    INVITE_FREE,
    INVITE_OPEN,
    INVITE_CONFIRMING, // a device is there; a person compares the digits
    INVITE_ACCEPTED,   // READY is on its way
    INVITE_DONE,
    INVITE_DECLINED,
    INVITE_EXPIRED,
    INVITE_LOCKED, // too many wrong guesses
    INVITE_CANCELED,
};

struct invite {
    struct machine m;
    struct pairing *pairing; // NULL once the row has ended
    uint8_t id[16];
    char phrase[CODE_TEXT_MAX]; // "" until the relay gave digits; wiped at the end
    uint8_t
        phrase_hash[HASH_SHA256]; // of it, by which pairing/status finds an ended row
    enum role role;               // offered; from CONFIRMING on: what the device gets
    bool confirm;                 // a person is asked, whatever the device asks for
    char person[STORE_NAME_MAX];  // whose device it will be; "": nobody was named
    char scope[STORE_SCOPE_MAX];  // for these threads; "": all
    uint64_t until_ms;            // and until then, wall clock; 0: no end
    char by[65];                  // who accepted it; "": the rule that asks nobody
    bool by_device;               // made by a device, not at this machine
    uint8_t maker[16];            // that device
    uint64_t expires_s;           // wall clock
    struct link_claim claim;      // from CONFIRMING on; its secret is wiped at the end
    struct link_session *session; // NULL when it has left
};

struct invites {
    struct invite at[INVITES_KEPT_MAX];
};

void invites_fini(struct invites *t); // wipes; ends every row

struct invite_wish {
    enum role role;
    bool confirm;
    bool by_device;
    uint8_t maker[16];
    const char *person; // NULL: nobody was named
    const char *scope;  // NULL: every thread
    uint64_t until_ms;  // 0: no end
    uint64_t wall_s;
    uint64_t now_ms;
};

/* ERR_LIMIT: INVITES_OPEN_MAX are open. */
NODISCARD enum err invites_open(struct invites *t, const struct invite_wish *wish,
                                struct invite **out);

struct invite *invites_find(struct invites *t, const uint8_t id[16]); // NULL: none
/* By hex id or a prefix of it; "" means the only one that waits for a person. NULL
 * when none or more than one fits. */
struct invite *invites_find_text(struct invites *t, const char *text);

/* One that waits for a device, or for a person, and was made by this device; NULL when
 * there is none. */
struct invite *invites_made_by(struct invites *t, const uint8_t device_id[16]);

/* A device is there. ERR_EXISTS: another one was first. */
NODISCARD enum err invite_claim(struct invite *v, struct link_session *s,
                                const struct link_claim *claim);
/* Whether a person must compare the digits on the host's side (2.1). */
bool invite_needs_person(const struct invite *v);

void invite_accept(struct invite *v);                     // from CONFIRMING
void invite_end(struct invite *v, enum invite_state how); // wipes; idempotent
bool invite_is_open(const struct invite *v);              // OPEN .. ACCEPTED

/* Ends one row that is past its expiry and gives it; NULL when there is none. */
struct invite *invites_expire(struct invites *t, uint64_t wall_s);
uint64_t invites_deadline(const struct invites *t); // wall seconds; 0: none

/* "open", "confirming", "claimed", "done", "declined", "expired", "locked",
 * "canceled". */
const char *invite_state_name(const struct invite *v);

#endif
