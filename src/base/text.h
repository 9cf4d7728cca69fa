/*
 * text: hexadecimal, base64url, UTF-8, numbers.
 *
 * Errors     ERR_PROTO  the input is not what it claims; nothing is written that
 *                       the caller may use
 *            ERR_LIMIT  the output does not fit
 * Limits     output sizes are the caller's; the macros say how much is needed.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>

#include "base/bytes.h"

#define HEX_SIZE(n)    ((n)*2 + 1)           // with NUL
#define B64URL_SIZE(n) (((n)*4 + 2) / 3 + 1) // without padding, with NUL

void hex_encode(struct bytes in, char *out); // lower case; HEX_SIZE(in.len)
NODISCARD enum err hex_decode(struct bytes text, uint8_t *out, size_t out_size,
                              size_t *out_len);

/* RFC 4648 section 5, no padding. Decoding refuses padding, white space and
 * non-zero trailing bits, so that one value has one spelling. */
void b64url_encode(struct bytes in, char *out); // B64URL_SIZE(in.len)
NODISCARD enum err b64url_decode(struct bytes text, uint8_t *out, size_t out_size,
                                 size_t *out_len);

bool utf8_is_valid(struct bytes text); // RFC 3629: no overlongs, no surrogates

/* Copies for display: invalid UTF-8, control and bidirectional-control characters
 * become U+FFFD or '?'; cut at a character boundary to fit `size` with its NUL. */
void text_sanitize(struct bytes in, char *out, size_t size);

/* Decimal digits only, no sign, no space. ERR_LIMIT above `max`. */
NODISCARD enum err u64_parse(struct bytes text, uint64_t max, uint64_t *out);

/* snprintf that says when the text did not fit. */
NODISCARD PRINTF(3, 4) enum err
    text_format(char *out, size_t size, const char *format, ...);

/* The candidate nearest to `word` by edit distance, or NULL when none is close:
 * for "unknown option --fooo, did you mean --foo?". */
const char *text_nearest(const char *word, const char *const *candidates, size_t n);

#endif
