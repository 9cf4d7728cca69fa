/*
 * http1: heads of HTTP/1.1 requests and responses, strictly, without I/O.
 *
 * Source     RFC 9112 sections 2-6; RFC 9110 section 5.
 * Shape      give it what has arrived; it answers ERR_AGAIN until the blank line is
 *            there. CRLF only, no folded lines, no space before the colon, one Host
 *            (required in a request), one Content-Length, never together with
 *            Transfer-Encoding: whatever two parsers could read differently is
 *            refused (request smuggling).
 * Ownership  everything in the result is borrowed from `in`.
 * Errors     ERR_AGAIN  the head is incomplete
 *            ERR_PROTO  malformed: answer 400 and close
 *            ERR_LIMIT  over HTTP1_HEAD_MAX octets or HTTP1_HEADERS_MAX lines: 431
 * Tests      tests/unit/http1_test.c, tests/fuzz/http1_fuzz.c
 */
#ifndef WIRE_HTTP1_H
#define WIRE_HTTP1_H

#include "base/buf.h"

#define HTTP1_HEAD_MAX    (16u * 1024) // a head that never ends fills memory
#define HTTP1_HEADERS_MAX 64

struct http1_header {
    struct bytes name; // as sent; compare without case
    struct bytes value;
};

struct http1_head {
    struct bytes method; // request
    struct bytes target; // request: origin form "/path?query", or "*"
    struct bytes path;   // request: target up to '?'
    struct bytes query;  // request: after '?', empty when none
    struct bytes host;   // request: the Host header (may be empty, never missing)
    uint16_t status;     // response: 100..999
    struct bytes reason; // response
    uint8_t minor;       // HTTP/1.minor: 0 or 1
    bool keep_alive;     // what the version and Connection say together
    bool chunked;
    bool expects_continue;
    bool has_length;
    uint64_t length; // Content-Length
    size_t size;     // octets of the head, blank line included
    size_t n_headers;
    struct http1_header headers[HTTP1_HEADERS_MAX];
};

NODISCARD enum err http1_parse_request(struct bytes in, struct http1_head *out);
NODISCARD enum err http1_parse_response(struct bytes in, struct http1_head *out);

/* The value of the first header of that name; BYTES_NONE (at == NULL) when there is
 * none. Name without case. */
struct bytes http1_get(const struct http1_head *h, const char *name);
size_t http1_count(const struct http1_head *h, const char *name);

/* Is `token` (no case) in the comma-separated list of that header? */
bool http1_has_token(const struct http1_head *h, const char *name, const char *token);

/* Is the Host (or an Origin's authority) this name, with any or no port? */
bool http1_host_is(struct bytes host, const char *name);

/* The standard phrase, or "Status". */
const char *http1_reason(unsigned status);

/* Appends "HTTP/1.1 code phrase CRLF". */
NODISCARD enum err http1_put_status(struct buf *out, unsigned status);

/* Appends "name: value CRLF"; ERR_USAGE when the value has a control character. */
NODISCARD enum err http1_put_header(struct buf *out, const char *name,
                                    struct bytes value);

#endif
