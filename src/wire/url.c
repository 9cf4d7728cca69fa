#include "wire/url.h"

#include <string.h>

#include "base/text.h"

static const struct {
    const char *prefix;
    enum url_scheme scheme;
    uint16_t port;
} schemes[] = {
    {"ws://", URL_WS, 80},        {"wss://", URL_WSS, 443}, {"http://", URL_HTTP, 80},
    {"https://", URL_HTTPS, 443}, {"unix://", URL_UNIX, 0}, {"unix:", URL_UNIX, 0},
};

static bool has_prefix(struct bytes b, const char *prefix)
{
    const size_t len = strlen(prefix);
    if (b.len < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const uint8_t c = b.at[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != prefix[i]) {
            return false;
        }
    }
    return true;
}

/* Visible ASCII, nothing that ends or changes the meaning of what is before it. */
static bool is_plain(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if (b.at[i] <= ' ' || b.at[i] >= 0x7F || strchr("#\\\"<>", b.at[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool host_is_valid(struct bytes host, bool v6)
{
    for (size_t i = 0; i < host.len; i++) {
        const uint8_t c = host.at[i];
        const bool ok = v6 ? c == ':' || c == '.' || is_alnum(c)
                           : c == '-' || c == '.' || c == '_' || is_alnum(c);
        if (!ok) {
            return false;
        }
    }
    return host.len != 0 && host.len <= 253;
}

/* authority = host [":" port]; an IPv6 address stands in brackets. */
static enum err parse_authority(struct bytes text, struct url *u)
{
    const bool v6 = text.len != 0 && text.at[0] == '[';
    const uint8_t *end =
        text.len == 0 ? NULL : memchr(text.at, v6 ? ']' : ':', text.len);
    if (v6 && end == NULL) {
        return ERR_PROTO;
    }
    size_t at = end == NULL ? text.len : (size_t)(end - text.at);
    u->host = v6 ? bytes_sub(text, 1, at - 1) : bytes_sub(text, 0, at);
    u->authority = text;
    at += v6 ? 1 : 0;
    if (!host_is_valid(u->host, v6)) {
        return ERR_PROTO;
    }
    if (at == text.len) {
        return OK;
    }
    uint64_t port = 0;
    if (text.at[at] != ':' ||
        u64_parse(bytes_sub(text, at + 1, text.len), UINT16_MAX, &port) != OK ||
        port == 0) {
        return ERR_PROTO;
    }
    u->port = (uint16_t)port;
    return OK;
}

static enum err parse_unix(struct bytes rest, struct url *u)
{
    if (rest.len == 0 || rest.at[0] != '/' || memchr(rest.at, '\0', rest.len) != NULL) {
        return ERR_PROTO;
    }
    u->target = rest;
    return OK;
}

static enum err parse_net(struct bytes rest, struct url *u)
{
    size_t n = 0;
    while (n < rest.len && rest.at[n] != '/' && rest.at[n] != '?') {
        n++;
    }
    if (!is_plain(rest) || (n < rest.len && rest.at[n] == '?')) {
        return ERR_PROTO; // "ws://host?x" has no path: write "ws://host/?x"
    }
    u->target = n == rest.len ? BYTES_LIT("/") : bytes_sub(rest, n, rest.len);
    return parse_authority(bytes_sub(rest, 0, n), u);
}

enum err url_parse(struct bytes text, struct url *out)
{
    if (text.len > URL_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < COUNT(schemes); i++) {
        if (!has_prefix(text, schemes[i].prefix)) {
            continue;
        }
        struct url u = {.scheme = schemes[i].scheme, .port = schemes[i].port};
        const struct bytes rest = bytes_sub(text, strlen(schemes[i].prefix), text.len);
        const enum err e =
            u.scheme == URL_UNIX ? parse_unix(rest, &u) : parse_net(rest, &u);
        if (e == OK) {
            *out = u;
        }
        return e;
    }
    return ERR_PROTO;
}

bool url_is_tls(const struct url *u)
{
    return u->scheme == URL_WSS || u->scheme == URL_HTTPS;
}

bool url_is_loopback(struct bytes host)
{
    if ((host.len == 9 && has_prefix(host, "localhost")) ||
        bytes_equal_str(host, "::1")) {
        return true;
    }
    if (!has_prefix(host, "127.")) {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) { // not "127.evil.example"
        if (host.at[i] != '.' && (host.at[i] < '0' || host.at[i] > '9')) {
            return false;
        }
    }
    return true;
}
