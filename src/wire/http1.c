#include "wire/http1.h"

#include <string.h>

#include "base/text.h"

/* ---- characters ------------------------------------------------------------ */

/* RFC 9110 section 5.6.2: tchar. */
static bool is_tchar(uint8_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
        return true;
    }
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (!is_tchar(b.at[i])) {
            return false;
        }
    }
    return b.len != 0;
}

static bool is_field_octet(uint8_t c)
{
    return c == '\t' || (c >= ' ' && c != 0x7F);
}

static bool is_field_value(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (!is_field_octet(b.at[i])) {
            return false;
        }
    }
    return true;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same_word(struct bytes a, const char *word)
{
    const size_t len = strlen(word);
    if (a.len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (lower(a.at[i]) != lower((uint8_t)word[i])) {
            return false;
        }
    }
    return true;
}

static struct bytes trim(struct bytes b)
{
    while (b.len != 0 && (b.at[0] == ' ' || b.at[0] == '\t')) {
        b = bytes_sub(b, 1, b.len);
    }
    while (b.len != 0 && (b.at[b.len - 1] == ' ' || b.at[b.len - 1] == '\t')) {
        b.len--;
    }
    return b;
}

/* Up to and not including the first `c`; the rest (after it) goes to *rest. False when
 * there is none. */
static bool split(struct bytes b, char c, struct bytes *first, struct bytes *rest)
{
    const uint8_t *at = b.len == 0 ? NULL : memchr(b.at, c, b.len);
    if (at == NULL) {
        return false;
    }
    const size_t n = (size_t)(at - b.at);
    *first = (struct bytes){b.at, n};
    *rest = (struct bytes){at + 1, b.len - n - 1};
    return true;
}

/* ---- lines ------------------------------------------------------------------ */

/* Takes one line that ends in CRLF. A bare CR or LF is refused: another parser might
 * see another line. */
static enum err take_line(struct cursor *c, struct bytes *line)
{
    const struct bytes in = c->left;
    const uint8_t *lf = in.len == 0 ? NULL : memchr(in.at, '\n', in.len);
    if (lf == NULL) {
        return ERR_AGAIN;
    }
    const size_t n = (size_t)(lf - in.at);
    if (n == 0 || in.at[n - 1] != '\r' || memchr(in.at, '\r', n) != lf - 1) {
        return ERR_PROTO;
    }
    *line = (struct bytes){in.at, n - 1};
    c->left = (struct bytes){lf + 1, in.len - n - 1};
    return OK;
}

static enum err parse_version(struct bytes text, uint8_t *minor)
{
    if (bytes_equal_str(text, "HTTP/1.1")) {
        *minor = 1;
        return OK;
    }
    if (bytes_equal_str(text, "HTTP/1.0")) {
        *minor = 0;
        return OK;
    }
    return ERR_PROTO;
}

/* Origin form or "*"; visible ASCII only. */
static bool target_is_valid(struct bytes t)
{
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] <= ' ' || t.at[i] >= 0x7F || t.at[i] == '#') {
            return false;
        }
    }
    return t.len != 0 && (t.at[0] == '/' || bytes_equal_str(t, "*"));
}

static enum err parse_request_line(struct bytes line, struct http1_head *h)
{
    struct bytes rest;
    struct bytes version;
    if (!split(line, ' ', &h->method, &rest) ||
        !split(rest, ' ', &h->target, &version) || !is_token(h->method) ||
        !target_is_valid(h->target)) {
        return ERR_PROTO;
    }
    if (!split(h->target, '?', &h->path, &h->query)) {
        h->path = h->target;
        h->query = BYTES_NONE;
    }
    return parse_version(version, &h->minor);
}

static enum err parse_status_line(struct bytes line, struct http1_head *h)
{
    struct bytes version;
    struct bytes rest;
    uint64_t status = 0;
    if (!split(line, ' ', &version, &rest) || rest.len < 3 ||
        u64_parse(bytes_sub(rest, 0, 3), 999, &status) != OK || status < 100) {
        return ERR_PROTO;
    }
    if (rest.len > 3 && rest.at[3] != ' ') {
        return ERR_PROTO;
    }
    h->reason = bytes_sub(rest, 4, rest.len);
    h->status = (uint16_t)status;
    return is_field_value(h->reason) ? parse_version(version, &h->minor) : ERR_PROTO;
}

static enum err parse_header(struct bytes line, struct http1_head *h)
{
    struct http1_header header;
    if (!split(line, ':', &header.name, &header.value) || !is_token(header.name)) {
        return ERR_PROTO; // a folded line begins with a space: not a token
    }
    header.value = trim(header.value);
    if (!is_field_value(header.value)) {
        return ERR_PROTO;
    }
    if (h->n_headers == HTTP1_HEADERS_MAX) {
        return ERR_LIMIT;
    }
    h->headers[h->n_headers++] = header;
    return OK;
}

/* ---- what the headers mean --------------------------------------------------- */

struct bytes http1_get(const struct http1_head *h, const char *name)
{
    for (size_t i = 0; i < h->n_headers; i++) {
        if (same_word(h->headers[i].name, name)) {
            return h->headers[i].value;
        }
    }
    return BYTES_NONE;
}

size_t http1_count(const struct http1_head *h, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_headers; i++) {
        n += same_word(h->headers[i].name, name) ? 1 : 0;
    }
    return n;
}

static bool list_has(struct bytes list, const char *token)
{
    struct bytes item;
    struct bytes rest;
    while (split(list, ',', &item, &rest)) {
        if (same_word(trim(item), token)) {
            return true;
        }
        list = rest;
    }
    return same_word(trim(list), token);
}

bool http1_has_token(const struct http1_head *h, const char *name, const char *token)
{
    for (size_t i = 0; i < h->n_headers; i++) {
        if (same_word(h->headers[i].name, name) &&
            list_has(h->headers[i].value, token)) {
            return true;
        }
    }
    return false;
}

/* RFC 9112 section 6.3: one way to say how long the body is, or none. */
static enum err read_framing(struct http1_head *h)
{
    const size_t n_lengths = http1_count(h, "Content-Length");
    const size_t n_codings = http1_count(h, "Transfer-Encoding");
    if (n_lengths > 1 || n_codings > 1 || (n_lengths != 0 && n_codings != 0)) {
        return ERR_PROTO;
    }
    if (n_lengths != 0) {
        h->has_length = true;
        const struct bytes text = http1_get(h, "Content-Length");
        return u64_parse(text, INT64_MAX, &h->length) == OK ? OK : ERR_PROTO;
    }
    if (n_codings != 0) {
        h->chunked = true;
        const bool known = same_word(http1_get(h, "Transfer-Encoding"), "chunked");
        return known && h->minor == 1 ? OK : ERR_PROTO;
    }
    return OK;
}

static enum err read_meaning(struct http1_head *h)
{
    const enum err e = read_framing(h);
    if (e != OK) {
        return e;
    }
    h->keep_alive = h->minor == 1 ? !http1_has_token(h, "Connection", "close")
                                  : http1_has_token(h, "Connection", "keep-alive");
    h->expects_continue = h->minor == 1 && http1_has_token(h, "Expect", "100-continue");
    return OK;
}

static enum err require_host(struct http1_head *h)
{
    const size_t n = http1_count(h, "Host");
    if (n > 1 || (n == 0 && h->minor == 1)) {
        return ERR_PROTO;
    }
    h->host = http1_get(h, "Host");
    for (size_t i = 0; i < h->host.len; i++) {
        const uint8_t c = h->host.at[i];
        if (c <= ' ' || c >= 0x7F || strchr("/?#@\\,\"<>", c) != NULL) {
            return ERR_PROTO;
        }
    }
    return OK;
}

/* ---- whole heads --------------------------------------------------------------- */

typedef enum err first_line_fn(struct bytes line, struct http1_head *h);

static enum err parse_head(struct bytes in, first_line_fn *first, struct http1_head *h)
{
    struct cursor c = {bytes_sub(in, 0, HTTP1_HEAD_MAX)};
    struct bytes line;
    enum err e = take_line(&c, &line);
    if (e == OK) {
        e = first(line, h);
    }
    while (e == OK) {
        e = take_line(&c, &line);
        if (e == OK && line.len == 0) {
            h->size = (size_t)(c.left.at - in.at);
            return read_meaning(h);
        }
        if (e == OK) {
            e = parse_header(line, h);
        }
    }
    return e == ERR_AGAIN && in.len >= HTTP1_HEAD_MAX ? ERR_LIMIT : e;
}

enum err http1_parse_request(struct bytes in, struct http1_head *out)
{
    struct http1_head h = {.n_headers = 0};
    enum err e = parse_head(in, parse_request_line, &h);
    if (e == OK) {
        e = require_host(&h);
    }
    if (e == OK) {
        *out = h;
    }
    return e;
}

enum err http1_parse_response(struct bytes in, struct http1_head *out)
{
    struct http1_head h = {.n_headers = 0};
    const enum err e = parse_head(in, parse_status_line, &h);
    if (e == OK) {
        *out = h;
    }
    return e;
}

bool http1_host_is(struct bytes host, const char *name)
{
    const size_t len = strlen(name);
    if (host.len < len || !same_word(bytes_sub(host, 0, len), name)) {
        return false;
    }
    if (host.len == len) {
        return true;
    }
    uint64_t port;
    return host.at[len] == ':' &&
           u64_parse(bytes_sub(host, len + 1, host.len), UINT16_MAX, &port) == OK;
}

/* ---- building -------------------------------------------------------------------- */

static const struct {
    unsigned status;
    const char *text;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
};

const char *http1_reason(unsigned status)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Status";
}

enum err http1_put_status(struct buf *out, unsigned status)
{
    return buf_putf(out, "HTTP/1.1 %u %s\r\n", status, http1_reason(status));
}

enum err http1_put_header(struct buf *out, const char *name, struct bytes value)
{
    if (!is_field_value(value)) {
        return ERR_USAGE;
    }
    const size_t before = buf_len(out);
    enum err e = buf_put_str(out, name);
    if (e == OK) {
        e = buf_put(out, BYTES_LIT(": "));
    }
    if (e == OK) {
        e = buf_put(out, value);
    }
    if (e == OK) {
        e = buf_put(out, BYTES_LIT("\r\n"));
    }
    if (e != OK) {
        buf_truncate(out, before);
    }
    return e;
}
