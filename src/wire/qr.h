/*
 * qr: the pairing blob that a QR code, a link or `pairingCode` carries.
 *
 * Source     protocol.md 3.
 * Ownership  qr_decode() borrows nothing: struct qr holds everything. It contains
 *            a secret: wipe it with qr_fini().
 * Errors     ERR_PROTO  not a blob of version 1, or a URL in it is not one
 *            ERR_LIMIT  too many or too long URLs
 * Limits     QR_URLS_MAX addresses of QR_URL_MAX octets; QR_BLOB_MAX in all, which is
 *            2,048 characters of base64url: what a page accepts.
 * Tests      tests/unit/qr_test.c, tests/fuzz/qr_fuzz.c
 */
#ifndef WIRE_QR_H
#define WIRE_QR_H

#include "base/buf.h"

enum {
    QR_URLS_MAX = 8,
    QR_URL_MAX = 255, // the length is one octet
    QR_FIXED = 1 + 1 + 8 + 16 + 32 + 16,
    QR_BLOB_MAX = 1536,
    QR_TEXT_MAX = 4096, // a pasted link, in octets
};

enum qr_url_kind { QR_RELAY = 1, QR_DIRECT = 2 };

struct qr_url {
    enum qr_url_kind kind;
    char text[QR_URL_MAX + 1];
};

struct qr {
    uint64_t expires_s; // wall clock
    uint8_t pair_id[16];
    uint8_t host_key[32]; // H; the caller checks that it is a valid point
    uint8_t secret[16];   // wipe
    size_t n_urls;        // 1..QR_URLS_MAX
    struct qr_url urls[QR_URLS_MAX];
};

/* Appends the blob: the short form for one relay, else the list (flags bit 0). */
NODISCARD enum err qr_encode(const struct qr *qr, struct buf *out);
NODISCARD enum err qr_decode(struct bytes blob, struct qr *out);

/* As a person pastes it: a whole link (`…#p=BLOB`) or BLOB alone in base64url. */
NODISCARD enum err qr_decode_text(struct bytes text, struct qr *out);

void qr_fini(struct qr *qr);

#endif
