/*
 * pad: hides the exact length of a plaintext.
 *
 * Source     protocol.md 5.1: ISO 7816 padding (0x80, then zeros) to a length that
 *            the mode chooses; stripped in constant time for a given length.
 * Errors     pad_strip: ERR_PROTO, no 0x80 behind the last nonzero octet.
 * Tests      tests/unit/record_test.c
 */
#ifndef SESSION_PAD_H
#define SESSION_PAD_H

#include "base/bytes.h"

enum session_padding { PADDING_OFF = 0, PADDING_PADME = 1, PADDING_B1K = 2 };

enum { PAD_MIN = 64, PAD_BLOCK = 1024 };

/* The padded length of `len` octets of content; > len. */
size_t pad_size(enum session_padding mode, size_t len);

/* Writes the padding behind `len` octets of content at `at`, up to `size`. */
void pad_apply(uint8_t *at, size_t len, size_t size);

NODISCARD enum err pad_strip(struct bytes padded, struct bytes *out);

#endif
