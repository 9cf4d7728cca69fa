/*
 * pairing_io: what the sessions of a box ask their pairing. For session/ only.
 *
 * A run is one channel of the box. Its failures are counted here and nowhere else
 * (protocol.md 3; 4, guess accounting).
 */
#ifndef SESSION_PAIRING_IO_H
#define SESSION_PAIRING_IO_H

#include "session/handshake.h"
#include "session/pairing.h"
#include "session/run.h"

/* False: too many channels of this box are open at a time. */
bool pairing_begin(struct pairing *p);
void pairing_end(struct pairing *p);

/* Mode 1 may be tried now; gives its PSK. */
bool pairing_take_qr(struct pairing *p, const uint8_t host_key[SIGN_PUB],
                     uint64_t now_ms, uint8_t psk[HANDSHAKE_PSK]);
void pairing_bad_tag(struct pairing *p);

/* Mode 2: takes P2, gives P3 and the PSK. ERR_AUTH: no phrase, locked, another run is
 * under way, or P2 is malformed. On OK end it with pairing_end_run(). */
NODISCARD enum err pairing_begin_run(struct pairing *p, struct bytes p2,
                                     uint64_t now_ms, uint8_t p3[RUN_P3],
                                     uint8_t psk[HANDSHAKE_PSK]);
void pairing_bad_guess(struct pairing *p);
void pairing_end_run(struct pairing *p);

/* msg3 has verified: true for the first that asks, false for all others. */
bool pairing_claim(struct pairing *p, uint64_t now_ms);

#endif
