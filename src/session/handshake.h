/*
 * handshake: S3, the three messages that make two ends sure of each other.
 *
 * Source     protocol.md 2. The names (th1, k2, sigR …) are the document's.
 * Shape      one object is one attempt of one end; each function is called once, in
 *            this order, and nothing is called after a failure:
 *
 *     initiator  write1 .......... read2, write3
 *     responder         read1, write2 .......... read3
 *
 * Ownership  struct handshake holds secrets: handshake_fini() wipes it. Parameters
 *            in struct handshake_peer are borrowed from it.
 * Errors     every failure is ERR_AUTH, whatever was wrong (rule 6); h->why is for
 *            the local log.
 * Limits     HANDSHAKE_MAX octets a message, HANDSHAKE_PARAMS_MAX of parameters.
 * Tests      tests/unit/handshake_test.c (vectors; every bit of every message)
 */
#ifndef SESSION_HANDSHAKE_H
#define SESSION_HANDSHAKE_H

#include "crypto/kx.h"
#include "crypto/sign.h"

enum {
    HANDSHAKE_PSK = 32,
    HANDSHAKE_CTX = 16,
    HANDSHAKE_NONCE = 32,
    HANDSHAKE_HASH = 32,
    HANDSHAKE_MSG1 = 92,
    HANDSHAKE_MAX = 4096,
    HANDSHAKE_PARAMS_MAX = 1024,
};

enum handshake_mode { HANDSHAKE_QR = 1, HANDSHAKE_CODE = 2, HANDSHAKE_TRUSTED = 3 };

struct handshake_keys { // wipe
    uint8_t i2r[32];
    uint8_t r2i[32];
    uint8_t exporter[32];
    uint8_t pair_root[32]; // modes 1 and 2 only
    uint8_t th4[HANDSHAKE_HASH];
};

struct handshake_peer {
    uint8_t key[SIGN_PUB];
    struct bytes params;
};

/* Ephemeral secret and nonce for the vectors; everybody else passes NULL. */
struct handshake_fixed {
    uint8_t ephemeral[KX_SIZE];
    uint8_t nonce[HANDSHAKE_NONCE];
};

struct handshake {
    enum handshake_mode mode;
    uint8_t ctx[HANDSHAKE_CTX]; // pair_id, or mailbox_id in mode 3
    uint8_t psk[HANDSHAKE_PSK];
    uint8_t ephemeral[KX_SIZE];
    uint8_t dh[KX_SIZE];
    uint8_t salt[32];
    uint8_t th[HANDSHAKE_HASH]; // the transcript so far: th1, th2, th3, th4
    uint8_t host_key[SIGN_PUB]; // H; known from read2 / write2 on
    const char *why;            // static; NULL until something failed
    size_t n_plain;
    uint8_t plain[HANDSHAKE_MAX]; // of the peer's encrypted part
};

void handshake_init(struct handshake *h, enum handshake_mode mode,
                    const uint8_t ctx[HANDSHAKE_CTX], const uint8_t psk[HANDSHAKE_PSK]);
void handshake_fini(struct handshake *h); // a zeroed object is fine

/* PSK of mode 1, from the QR secret. */
void handshake_qr_psk(const uint8_t secret[16], const uint8_t host_key[SIGN_PUB],
                      uint8_t psk[HANDSHAKE_PSK]);

/* ---- initiator: the controller --------------------------------------------- */

void handshake_write1(struct handshake *h, const struct handshake_fixed *fixed,
                      uint8_t out[HANDSHAKE_MSG1]);

/* `pinned` is H, and must be given in modes 1 and 3. */
NODISCARD enum err handshake_read2(struct handshake *h, struct bytes msg2,
                                   const uint8_t *pinned, struct handshake_peer *out);

/* Writes at most HANDSHAKE_MAX octets. */
NODISCARD enum err handshake_write3(struct handshake *h, const struct sign_key *key,
                                    struct bytes params, uint8_t *out, size_t *len,
                                    struct handshake_keys *keys);

/* ---- responder: the host ---------------------------------------------------- */

/* What msg1 claims, before anything is believed. False: not a msg1. */
bool handshake_peek(struct bytes msg1, enum handshake_mode *mode);

/* Constant time in the PSK: would this PSK have made this message's tag? */
bool handshake_tag_fits(struct bytes msg1, enum handshake_mode mode,
                        const uint8_t ctx[HANDSHAKE_CTX],
                        const uint8_t psk[HANDSHAKE_PSK]);

NODISCARD enum err handshake_read1(struct handshake *h, struct bytes msg1);
NODISCARD enum err handshake_write2(struct handshake *h, const struct sign_key *key,
                                    struct bytes params,
                                    const struct handshake_fixed *fixed, uint8_t *out,
                                    size_t *len);

/* Rule 4: is this the device that may speak here? */
typedef bool handshake_check_fn(void *user, const uint8_t device_key[SIGN_PUB]);

NODISCARD enum err handshake_read3(struct handshake *h, struct bytes msg3,
                                   handshake_check_fn *check, void *user,
                                   struct handshake_peer *out,
                                   struct handshake_keys *keys);

#endif
