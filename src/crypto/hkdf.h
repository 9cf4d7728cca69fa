/*
 * hkdf: HKDF-SHA256, extract and expand. Source RFC 5869.
 *
 * Limits     HKDF_MAX octets of output; more is a bug of ours and aborts.
 */
#ifndef CRYPTO_HKDF_H
#define CRYPTO_HKDF_H

#include "base/bytes.h"

#define HKDF_MAX (255 * 32)

void hkdf_sha256(struct bytes ikm, struct bytes salt, struct bytes info, uint8_t *out,
                 size_t len);

/* The form the protocol uses: info = LV(label) || tail (protocol.md, head). */
void hkdf_label(struct bytes ikm, struct bytes salt, const char *label,
                struct bytes tail, uint8_t *out, size_t len);

#endif
