#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char b64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void hex_encode(struct bytes in, char *out)
{
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = hex_digits[in.at[i] >> 4];
        out[2 * i + 1] = hex_digits[in.at[i] & 15];
    }
    out[2 * in.len] = '\0';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

enum err hex_decode(struct bytes text, uint8_t *out, size_t out_size, size_t *out_len)
{
    if (text.len % 2 != 0) {
        return ERR_PROTO;
    }
    if (text.len / 2 > out_size) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < text.len; i += 2) {
        const int high = hex_value(text.at[i]);
        const int low = hex_value(text.at[i + 1]);
        if (high < 0 || low < 0) {
            return ERR_PROTO;
        }
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *out_len = text.len / 2;
    return OK;
}

void b64url_encode(struct bytes in, char *out)
{
    size_t o = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < in.len; i++) {
        bits = bits << 8 | in.at[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            out[o++] = b64_digits[bits >> have & 63];
        }
    }
    if (have != 0) {
        out[o++] = b64_digits[bits << (6 - have) & 63];
    }
    out[o] = '\0';
}

static int b64_value(uint8_t c)
{
    const char *at = c == '\0' ? NULL : strchr(b64_digits, c);
    return at == NULL ? -1 : (int)(at - b64_digits);
}

enum err b64url_decode(struct bytes text, uint8_t *out, size_t out_size,
                       size_t *out_len)
{
    if (text.len % 4 == 1) {
        return ERR_PROTO;
    }
    if (text.len / 4 * 3 + text.len % 4 * 3 / 4 > out_size) {
        return ERR_LIMIT;
    }
    uint32_t bits = 0;
    unsigned have = 0;
    size_t o = 0;
    for (size_t i = 0; i < text.len; i++) {
        const int value = b64_value(text.at[i]);
        if (value < 0) {
            return ERR_PROTO;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[o++] = (uint8_t)(bits >> have);
        }
    }
    if ((bits & ((UINT32_C(1) << have) - 1)) != 0) {
        return ERR_PROTO;
    }
    *out_len = o;
    return OK;
}

/* Octets of the well-formed character at the front, with its code point; 0 when
 * there is none (RFC 3629 section 4). */
static size_t utf8_next(struct bytes in, uint32_t *point)
{
    static const struct {
        uint8_t mask, lead, size;
        uint32_t least;
    } shapes[] = {{0x80, 0x00, 1, 0},
                  {0xe0, 0xc0, 2, 0x80},
                  {0xf0, 0xe0, 3, 0x800},
                  {0xf8, 0xf0, 4, 0x10000}};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        if ((in.at[0] & shapes[i].mask) != shapes[i].lead) {
            continue;
        }
        if (in.len < shapes[i].size) {
            return 0;
        }
        uint32_t value = in.at[0] & (uint8_t)~shapes[i].mask;
        for (size_t k = 1; k < shapes[i].size; k++) {
            if ((in.at[k] & 0xc0) != 0x80) {
                return 0;
            }
            value = value << 6 | (in.at[k] & 0x3f);
        }
        *point = value;
        const bool surrogate = value >= 0xd800 && value <= 0xdfff;
        return value < shapes[i].least || value > 0x10ffff || surrogate
                   ? 0
                   : shapes[i].size;
    }
    return 0;
}

/* How many octets at the front are ASCII, counted in words of eight. */
static size_t ascii_run(struct bytes text)
{
    size_t n = 0;
    uint64_t word;
    while (text.len - n >= sizeof(word)) {
        memcpy(&word, text.at + n, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        n += sizeof(word);
    }
    return n;
}

bool utf8_is_valid(struct bytes text)
{
    uint32_t point;
    while (text.len != 0) {
        const size_t run = ascii_run(text);
        if (run != 0) {
            text = bytes_sub(text, run, SIZE_MAX);
            continue;
        }
        const size_t n = utf8_next(text, &point);
        if (n == 0) {
            return false;
        }
        text = bytes_sub(text, n, SIZE_MAX);
    }
    return true;
}

static bool is_printable(uint32_t point)
{
    const bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
    const bool bidi = (point >= 0x200e && point <= 0x200f) ||
                      (point >= 0x202a && point <= 0x202e) ||
                      (point >= 0x2066 && point <= 0x2069) || point == 0x061c;
    return !control && !bidi;
}

void text_sanitize(struct bytes in, char *out, size_t size)
{
    size_t o = 0;
    while (in.len != 0) {
        uint32_t point = 0;
        const size_t n = utf8_next(in, &point);
        const bool keep = n != 0 && is_printable(point);
        const size_t need = keep ? n : 1;
        if (o + need >= size) {
            break;
        }
        if (keep) {
            memcpy(out + o, in.at, n);
        } else {
            out[o] = '?';
        }
        o += need;
        in = bytes_sub(in, n == 0 ? 1 : n, SIZE_MAX);
    }
    out[o] = '\0';
}

enum err u64_parse(struct bytes text, uint64_t max, uint64_t *out)
{
    if (text.len == 0) {
        return ERR_PROTO;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return ERR_PROTO;
        }
        const uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return ERR_LIMIT;
        }
        value = value * 10 + digit;
    }
    if (value > max) {
        return ERR_LIMIT;
    }
    *out = value;
    return OK;
}

enum err text_format(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(out, size, format, args);
    va_end(args);
    return n >= 0 && (size_t)n < size ? OK : ERR_LIMIT;
}

#define NEAREST_WORD_MAX 32 // longer words are not typing mistakes of ours

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance of two short words. */
static size_t distance(const char *a, const char *b)
{
    const size_t n = strlen(b);
    size_t row[NEAREST_WORD_MAX + 1];
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            const size_t replace = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
            corner = row[j];
            row[j] = least(replace, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;
    if (strlen(word) > NEAREST_WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (strlen(candidates[i]) > NEAREST_WORD_MAX) {
            continue;
        }
        const size_t d = distance(word, candidates[i]);
        if (d < best_distance) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}
