/*
 * The four kinds of strings of TOML 1.0: basic, literal, and each over several lines.
 */
#include "wire/toml_read.h"

/* Never inside a string: control characters, but for the tab. */
static bool is_text(uint8_t c)
{
    return (c >= ' ' && c != 0x7F) || c == '\t';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const uint8_t low = c | 0x20;
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static enum err put_point(struct buf *out, uint32_t c)
{
    uint8_t raw[4];
    size_t n = 0;
    if (c < 0x80) {
        raw[n++] = (uint8_t)c;
    } else if (c < 0x800) {
        raw[n++] = (uint8_t)(0xC0 | c >> 6);
        raw[n++] = (uint8_t)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        raw[n++] = (uint8_t)(0xE0 | c >> 12);
        raw[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        raw[n++] = (uint8_t)(0x80 | (c & 0x3F));
    } else {
        raw[n++] = (uint8_t)(0xF0 | c >> 18);
        raw[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        raw[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        raw[n++] = (uint8_t)(0x80 | (c & 0x3F));
    }
    return buf_put(out, (struct bytes){raw, n});
}

static enum err read_point(struct toml *t, unsigned digits, struct buf *out)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        const int digit = hex_digit(toml_peek(t));
        if (digit < 0) {
            return toml_fail(t, "a \\u needs four and a \\U eight hexadecimal digits");
        }
        value = value << 4 | (uint32_t)digit;
        t->at++;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return toml_fail(t, "not a character of Unicode");
    }
    return put_point(out, value);
}

/* A backslash at the end of a line eats the blanks up to the next text. */
static bool eat_line_end(struct toml *t)
{
    const uint8_t *before = t->at;
    toml_skip_blank(t);
    if (!toml_take_newline(t)) {
        t->at = before;
        return false;
    }
    do {
        toml_skip_blank(t);
    } while (toml_take_newline(t));
    return true;
}

/* After the backslash. */
static enum err read_escape(struct toml *t, bool lines, struct buf *out)
{
    static const char names[] = "btnfr\"\\";
    static const char values[] = "\b\t\n\f\r\"\\";
    if (lines && eat_line_end(t)) {
        return OK;
    }
    const uint8_t c = toml_peek(t);
    if (c == 'u' || c == 'U') {
        t->at++;
        return read_point(t, c == 'u' ? 4 : 8, out);
    }
    for (size_t i = 0; i + 1 < sizeof(names); i++) {
        if (c == (uint8_t)names[i]) {
            t->at++;
            return buf_put_u8(out, (uint8_t)values[i]);
        }
    }
    return toml_fail(t, "an unknown escape in a string");
}

/* One octet, escape or newline of the inside. */
static enum err read_inside(struct toml *t, bool basic, bool lines, struct buf *out)
{
    const uint8_t *from = t->at;
    if (t->at == t->end) {
        return toml_fail(t, "a string is not closed");
    }
    if (basic && toml_take(t, '\\')) {
        return read_escape(t, lines, out);
    }
    if (lines && toml_take_newline(t)) {
        return buf_put(out, (struct bytes){from, (size_t)(t->at - from)});
    }
    if (!is_text(*t->at)) {
        return toml_fail(t, "a control character in a string, or it is not closed");
    }
    t->at++;
    return buf_put_u8(out, *from);
}

static enum err read_line(struct toml *t, uint8_t quote, struct buf *out)
{
    t->at++;
    while (!toml_take(t, quote)) {
        const enum err e = read_inside(t, quote == '"', false, out);
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

static size_t count_quotes(const struct toml *t, uint8_t quote)
{
    size_t n = 0;
    while ((size_t)(t->end - t->at) > n && t->at[n] == quote && n < 5) {
        n++;
    }
    return n;
}

/* Up to two quotes may stand before the three that close. */
static enum err read_lines(struct toml *t, uint8_t quote, struct buf *out)
{
    t->at += 3;
    (void)toml_take_newline(t); // right after the opening it is not part of the string
    for (;;) {
        const size_t n = count_quotes(t, quote);
        if (n >= 3) {
            const enum err e = buf_put(out, (struct bytes){t->at, n - 3});
            t->at += n;
            return e;
        }
        enum err e = OK;
        if (n != 0) {
            e = buf_put(out, (struct bytes){t->at, n});
            t->at += n;
        } else {
            e = read_inside(t, quote == '"', true, out);
        }
        if (e != OK) {
            return e;
        }
    }
}

enum err toml_read_string(struct toml *t, bool lines, struct buf *out)
{
    const uint8_t quote = *t->at;
    if (lines && count_quotes(t, quote) >= 3) {
        return read_lines(t, quote, out);
    }
    return read_line(t, quote, out);
}
