/*
 * The raw half of json.h: one forward pass over the text, no tree, no recursion (a peer
 * chooses the depth), eight octets at a time inside strings.
 */
#include <endian.h>
#include <string.h>

#include "base/text.h"
#include "wire/json.h"

#define ONES UINT64_C(0x0101010101010101)
#define TOPS UINT64_C(0x8080808080808080)

struct scan {
    const uint8_t *at;
    const uint8_t *end;
};

/* The top bit of every octet that is zero; above the first of them it may lie (the
 * borrow runs upwards), so only the lowest bit counts. */
static inline uint64_t zeros(uint64_t word)
{
    return (word - ONES) & ~word & TOPS;
}

/* Likewise for octets that are a quote, a backslash or a control character. */
static inline uint64_t specials(uint64_t word)
{
    return zeros(word ^ (ONES * '"')) | zeros(word ^ (ONES * '\\')) |
           ((word - ONES * 0x20) & ~word & TOPS);
}

static inline bool is_special(uint8_t c)
{
    return c == '"' || c == '\\' || c < 0x20;
}

static inline uint64_t load_little(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

/* The first special octet at or after `at`, or `end`. */
static const uint8_t *find_special(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        const uint64_t found = specials(load_little(at));
        if (found != 0) {
            return at + __builtin_ctzll(found) / 8;
        }
        at += 8;
    }
    while (at < end && !is_special(*at)) {
        at++;
    }
    return at;
}

static inline void skip_space(struct scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r')) {
        s->at++;
    }
}

/* The next octet, 0 at the end (a NUL is never right where this is used). */
static inline uint8_t peek(const struct scan *s)
{
    return s->at < s->end ? *s->at : 0;
}

static bool take(struct scan *s, uint8_t c)
{
    if (peek(s) != c) {
        return false;
    }
    s->at++;
    return true;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const uint8_t low = c | 0x20;
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const uint8_t *at, const uint8_t *end)
{
    int32_t value = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        const int digit = hex_value(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* After the backslash. */
static bool skip_escape(struct scan *s)
{
    const uint8_t c = peek(s);
    if (c == 'u') {
        if (hex4(s->at + 1, s->end) < 0) {
            return false;
        }
        s->at += 5;
        return true;
    }
    if (c == 0 || strchr("\"\\/bfnrt", c) == NULL) {
        return false;
    }
    s->at++;
    return true;
}

static bool skip_string(struct scan *s)
{
    if (!take(s, '"')) {
        return false;
    }
    for (;;) {
        s->at = find_special(s->at, s->end);
        if (s->at == s->end || *s->at < 0x20) {
            return false;
        }
        if (*s->at++ == '"') {
            return true;
        }
        if (!skip_escape(s)) {
            return false;
        }
    }
}

static bool skip_digits(struct scan *s)
{
    const uint8_t *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        s->at++;
    }
    return s->at != from;
}

static bool skip_number(struct scan *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !skip_digits(s)) {
        return false;
    }
    if (take(s, '.') && !skip_digits(s)) {
        return false;
    }
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) {
            (void)take(s, '-');
        }
        return skip_digits(s);
    }
    return true;
}

static bool skip_word(struct scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0) {
        return false;
    }
    s->at += len;
    return true;
}

static bool skip_scalar(struct scan *s)
{
    switch (peek(s)) {
    case '"':
        return skip_string(s);
    case 't':
        return skip_word(s, "true", 4);
    case 'f':
        return skip_word(s, "false", 5);
    case 'n':
        return skip_word(s, "null", 4);
    default:
        return skip_number(s);
    }
}

static bool skip_key(struct scan *s)
{
    skip_space(s);
    if (!skip_string(s)) {
        return false;
    }
    skip_space(s);
    return take(s, ':');
}

/* ---- one value, with its open containers on a small stack ------------------- */

struct stack {
    size_t depth;
    uint8_t closer[JSON_DEPTH_MAX]; // '}' or ']'
};

/* Enters a container. *empty: it closed at once, so a value has ended. */
static bool open_container(struct scan *s, struct stack *k, bool *empty)
{
    const uint8_t closer = *s->at == '{' ? '}' : ']';
    if (k->depth == JSON_DEPTH_MAX) {
        return false;
    }
    s->at++;
    skip_space(s);
    *empty = take(s, closer);
    if (*empty) {
        return true;
    }
    k->closer[k->depth++] = closer;
    return closer == ']' || skip_key(s);
}

/* After a value: leaves what it closes. *more: a comma, so a value follows. */
static bool after_value(struct scan *s, struct stack *k, bool *more)
{
    *more = false;
    while (k->depth != 0) {
        const uint8_t closer = k->closer[k->depth - 1];
        skip_space(s);
        if (take(s, ',')) {
            *more = true;
            return closer == ']' || skip_key(s);
        }
        if (!take(s, closer)) {
            return false;
        }
        k->depth--;
    }
    return true;
}

static bool skip_containers(struct scan *s)
{
    struct stack k;
    k.depth = 0;
    bool more = true;
    while (more) {
        skip_space(s);
        const uint8_t c = peek(s);
        bool ended = true;
        if (c == '{' || c == '[') {
            if (!open_container(s, &k, &ended)) {
                return false;
            }
        } else if (!skip_scalar(s)) {
            return false;
        }
        if (ended && !after_value(s, &k, &more)) {
            return false;
        }
    }
    return true;
}

/* Most values are scalars: no stack for them. */
static bool skip_value(struct scan *s)
{
    skip_space(s);
    const uint8_t c = peek(s);
    return c == '{' || c == '[' ? skip_containers(s) : skip_scalar(s);
}

static struct scan scan_of(struct bytes text)
{
    return (struct scan){text.at, text.len == 0 ? text.at : text.at + text.len};
}

static struct bytes span(const uint8_t *from, const uint8_t *to)
{
    return (struct bytes){from, (size_t)(to - from)};
}

enum err json_raw_value(struct bytes text, struct bytes *out)
{
    struct scan s = scan_of(text);
    skip_space(&s);
    const uint8_t *from = s.at;
    if (!skip_value(&s)) {
        return ERR_PROTO;
    }
    *out = span(from, s.at);
    return OK;
}

/* ---- members of an object ------------------------------------------------------ */

/* Moves to the key of the next member. ERR_CLOSED: the object ended. */
static enum err to_next_key(struct json_raw *r, struct scan *s)
{
    skip_space(s);
    if (!r->begun) {
        if (!take(s, '{')) {
            return ERR_PROTO;
        }
        skip_space(s);
        if (take(s, '}')) {
            return ERR_CLOSED;
        }
        return OK;
    }
    if (take(s, '}')) {
        return ERR_CLOSED;
    }
    if (!take(s, ',')) {
        return ERR_PROTO;
    }
    skip_space(s);
    return OK;
}

enum err json_raw_next(struct json_raw *r, struct bytes *key, struct bytes *value)
{
    struct scan s = scan_of(r->left);
    const enum err e = to_next_key(r, &s);
    r->begun = true;
    if (e == OK) {
        const uint8_t *from = s.at;
        if (!skip_string(&s)) {
            return ERR_PROTO;
        }
        *key = span(from, s.at);
        skip_space(&s);
        if (!take(&s, ':')) {
            return ERR_PROTO;
        }
        skip_space(&s);
        from = s.at;
        if (!skip_value(&s)) {
            return ERR_PROTO;
        }
        *value = span(from, s.at);
    }
    r->left = span(s.at, s.end);
    return e;
}

enum err json_raw_get(struct bytes object, const char *key, struct bytes *out)
{
    struct json_raw r = {.left = object};
    struct bytes name;
    struct bytes value;
    enum err e;
    while ((e = json_raw_next(&r, &name, &value)) == OK) {
        if (json_raw_is(name, key)) {
            *out = value;
            return OK;
        }
    }
    return e == ERR_CLOSED ? ERR_NOT_FOUND : e;
}

/* ---- strings -------------------------------------------------------------------- */

static bool is_string(struct bytes raw)
{
    return raw.len >= 2 && raw.at[0] == '"' && raw.at[raw.len - 1] == '"';
}

enum err json_raw_plain(struct bytes raw, struct bytes *out)
{
    if (!is_string(raw) || memchr(raw.at, '\\', raw.len) != NULL) {
        return ERR_USAGE;
    }
    *out = bytes_sub(raw, 1, raw.len - 2);
    return OK;
}

static size_t utf8_put(uint32_t c, uint8_t *to)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xC0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xE0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        to[2] = (uint8_t)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (uint8_t)(0xF0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    to[3] = (uint8_t)(0x80 | (c & 0x3F));
    return 4;
}

/* RFC 8259 section 7, after "\u": one code unit or a surrogate pair; a lone surrogate
 * becomes U+FFFD. */
static uint32_t read_unicode(struct scan *s)
{
    const uint32_t high = (uint32_t)hex4(s->at, s->end);
    s->at += 4;
    if (high < 0xD800 || high > 0xDFFF) {
        return high;
    }
    if (high < 0xDC00 && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u') {
        const int32_t low = hex4(s->at + 2, s->end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            s->at += 6;
            return 0x10000 + ((high - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
        }
    }
    return 0xFFFD;
}

/* After the backslash; the string is known to be well formed. */
static uint32_t read_escape(struct scan *s)
{
    const uint8_t c = *s->at++;
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        return read_unicode(s);
    default:
        return c; // quote, backslash, slash
    }
}

static bool is_well_formed(struct bytes raw)
{
    struct scan s = scan_of(raw);
    return is_string(raw) && skip_string(&s) && s.at == s.end;
}

enum err json_raw_text(struct bytes raw, struct buf *out)
{
    if (!is_well_formed(raw)) {
        return ERR_PROTO;
    }
    const size_t before = buf_len(out);
    struct scan s = scan_of(bytes_sub(raw, 1, raw.len - 2));
    enum err e = OK;
    while (e == OK && s.at != s.end) {
        const uint8_t *from = s.at;
        s.at = find_special(s.at, s.end);
        e = buf_put(out, span(from, s.at));
        if (e == OK && s.at != s.end) {
            uint8_t utf8[4];
            s.at++;
            const size_t len = utf8_put(read_escape(&s), utf8);
            e = buf_put(out, (struct bytes){utf8, len});
        }
    }
    if (e != OK) {
        buf_truncate(out, before);
    }
    return e;
}

bool json_raw_is(struct bytes raw, const char *text)
{
    if (raw.len > 2 && raw.at[1] != (uint8_t)text[0] && raw.at[1] != '\\') {
        return false; // the usual answer, at the first octet
    }
    const size_t len = strlen(text);
    if (!is_string(raw) || raw.len - 2 < len) {
        return false; // an escape never makes text longer than its spelling
    }
    if (raw.len - 2 == len) {
        return memcmp(raw.at + 1, text, len) == 0 &&
               memchr(raw.at + 1, '\\', len) == NULL;
    }
    if (memchr(raw.at, '\\', raw.len) == NULL) {
        return false;
    }
    struct buf decoded;
    buf_init(&decoded, len + 4);
    const bool same =
        json_raw_text(raw, &decoded) == OK &&
        bytes_equal(buf_bytes(&decoded), (struct bytes){(const uint8_t *)text, len});
    buf_fini(&decoded);
    return same;
}

/* ---- writing --------------------------------------------------------------------- */

static enum err put_special(struct buf *out, uint8_t c)
{
    static const char short_form[] = "btn\0fr"; // 0x08..0x0D; 0x0B has none
    if (c == '"' || c == '\\') {
        const uint8_t raw[2] = {'\\', c};
        return buf_put(out, BYTES_OF(raw));
    }
    if (c >= 0x08 && c <= 0x0D && c != 0x0B) {
        const uint8_t raw[2] = {'\\', (uint8_t)short_form[c - 0x08]};
        return buf_put(out, BYTES_OF(raw));
    }
    return buf_putf(out, "\\u%04x", c);
}

static enum err put_valid(struct buf *out, struct bytes text)
{
    struct scan s = scan_of(text);
    enum err e = OK;
    while (e == OK && s.at != s.end) {
        const uint8_t *from = s.at;
        s.at = find_special(s.at, s.end);
        e = buf_put(out, span(from, s.at));
        if (e == OK && s.at != s.end) {
            e = put_special(out, *s.at++);
        }
    }
    return e;
}

/* How many octets at the front are one valid character; 0: none are. */
static size_t valid_character(struct bytes text)
{
    for (size_t n = 1; n <= 4 && n <= text.len; n++) {
        if (utf8_is_valid(bytes_sub(text, 0, n))) {
            return n;
        }
    }
    return 0;
}

static enum err put_repaired(struct buf *out, struct bytes text)
{
    enum err e = OK;
    while (e == OK && text.len != 0) {
        const size_t n = valid_character(text);
        e = n == 0 ? buf_put(out, BYTES_LIT("\xEF\xBF\xBD"))
                   : put_valid(out, bytes_sub(text, 0, n));
        text = bytes_sub(text, n == 0 ? 1 : n, text.len);
    }
    return e;
}

enum err json_put_string(struct buf *out, struct bytes utf8)
{
    const size_t before = buf_len(out);
    enum err e = buf_put_u8(out, '"');
    if (e == OK) {
        e = utf8_is_valid(utf8) ? put_valid(out, utf8) : put_repaired(out, utf8);
    }
    if (e == OK) {
        e = buf_put_u8(out, '"');
    }
    if (e != OK) {
        buf_truncate(out, before);
    }
    return e;
}
