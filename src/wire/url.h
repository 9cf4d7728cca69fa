/*
 * url: the few addresses the program dials and listens on.
 *
 * Source     RFC 3986, the parts needed: ws, wss, http, https with host, port and
 *            target; unix://PATH (or unix:PATH) with an absolute path.
 *            User information, fragments, white space and control characters are
 *            refused; scheme and host without case.
 * Ownership  spans are borrowed from the text.
 * Errors     ERR_PROTO  not such a URL
 *            ERR_LIMIT  longer than URL_MAX
 * Tests      tests/unit/http1_test.c, tests/fuzz/url_fuzz.c
 */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include "base/buf.h"

#define URL_MAX 1024

enum url_scheme { URL_WS, URL_WSS, URL_HTTP, URL_HTTPS, URL_UNIX };

struct url {
    enum url_scheme scheme;
    struct bytes host;      // without the brackets of an IPv6 address; empty for unix
    struct bytes authority; // host[:port] as written, for the Host header
    uint16_t port;          // the scheme's own when none was written; 0 for unix
    struct bytes target;    // "/path?query", at least "/"; unix: the path of the socket
};

NODISCARD enum err url_parse(struct bytes text, struct url *out);

bool url_is_tls(const struct url *u);

/* Does this host name the machine itself (localhost, 127.0.0.0/8, ::1)? */
bool url_is_loopback(struct bytes host);

#endif
