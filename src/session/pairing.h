/*
 * pairing: one offer to pair, by QR and by phrase, and its accounting.
 *
 * Source     protocol.md 3 and 4 (guess accounting).
 * Shape      the host makes one, opens box pairing_id() at the relay with
 *            pairing_offer(), gives the digits it got to pairing_set_digits(), and
 *            shows pairing_qr() and pairing_phrase(). Sessions of that box check
 *            themselves against it. Once: the first device that completes the
 *            handshake claims it.
 *
 *     OPEN --> CLAIMED --> DONE        CLAIMED: msg3 verified, a person decides
 *       |         |
 *       +---------+------> CLOSED      expired, locked, declined, cancelled
 *
 * Ownership  counted: a session of the box holds a reference, so that the host may
 *            let go at any time. Secrets are wiped at CLOSED and DONE.
 * Time       now_ms is monotonic.
 * Limits     5 bad QR tags, 3 wrong phrases, 10 runs of CPace, one at a time.
 */
#ifndef SESSION_PAIRING_H
#define SESSION_PAIRING_H

#include <stdbool.h>

#include "crypto/id.h"
#include "session/code.h"
#include "wire/qr.h"

enum {
    PAIRING_TTL_S = 300,
    PAIRING_TTL_MAX_S = 600,
    PAIRING_OFFER_SIZE = 36,
    PAIRING_BAD_TAGS_MAX = 5,
    PAIRING_GUESSES_MAX = 3,
    PAIRING_RUNS_MAX = 10,
    PAIRING_RUN_MS = 20000,
};

enum pairing_state { PAIRING_OPEN, PAIRING_CLAIMED, PAIRING_DONE, PAIRING_CLOSED };

struct pairing;

/* ttl_s is cut at PAIRING_TTL_MAX_S. */
NODISCARD struct pairing *pairing_create(uint16_t ttl_s, uint64_t now_ms);
NODISCARD struct pairing *pairing_ref(struct pairing *p);
void pairing_unref(struct pairing *p); // NULL is fine

const uint8_t *pairing_id(const struct pairing *p);  // ID_SIZE octets: pair_id
struct bytes pairing_offer(const struct pairing *p); // for NAMEPLATE; borrowed

/* The relay's digits: makes the phrase. ERR_USAGE: not digits. Without a call there
 * is no phrase and mode 2 is refused. n_words is 2 or 3. */
NODISCARD enum err pairing_set_digits(struct pairing *p, struct bytes digits,
                                      unsigned n_words);
const char *pairing_phrase(const struct pairing *p); // "WOLF-PINE-7489" or NULL

/* Fills what a QR shows: pair_id, the secret, H. The caller adds expiry (wall
 * clock) and URLs, encodes with qr_encode(), and wipes. */
void pairing_qr(const struct pairing *p, const uint8_t host_key[SIGN_PUB],
                struct qr *out);

enum pairing_state pairing_state(const struct pairing *p);
bool pairing_has_expired(const struct pairing *p, uint64_t now_ms);
bool pairing_code_is_locked(const struct pairing *p); // 3 guesses or 10 runs
bool pairing_qr_is_locked(const struct pairing *p);   // 5 bad tags
unsigned pairing_n_guesses(const struct pairing *p);  // wrong phrases so far

/* No handshake of it succeeds from here on. Idempotent. */
void pairing_close(struct pairing *p);
void pairing_done(struct pairing *p); // the device is admitted and stored

#endif
