#include "wire/ws_handshake.h"

#include <string.h>

/* RFC 4648 section 4, with padding: only the handshake needs this alphabet. */
static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64(const uint8_t *in, size_t len, char *out)
{
    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const uint32_t v = (uint32_t)in[i] << 16 |
                           (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                           (left > 2 ? (uint32_t)in[i + 2] : 0);
        *out++ = alphabet[v >> 18];
        *out++ = alphabet[v >> 12 & 63];
        *out++ = alphabet[v >> 6 & 63];
        *out++ = alphabet[v & 63];
        if (left < 3) {
            out[-1] = '=';
        }
        if (left < 2) {
            out[-2] = '=';
        }
    }
    *out = '\0';
}

void ws_handshake_key(const uint8_t random[16], char out[WS_HANDSHAKE_KEY_LEN + 1])
{
    base64(random, 16, out);
}

void ws_handshake_accept(const uint8_t digest[20],
                         char out[WS_HANDSHAKE_ACCEPT_LEN + 1])
{
    base64(digest, 20, out);
}

/* 22 characters of the alphabet, the last with four zero bits, and "==". */
static bool key_is_valid(struct bytes key)
{
    if (key.len != WS_HANDSHAKE_KEY_LEN || key.at[22] != '=' || key.at[23] != '=') {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        if (key.at[i] == '\0' || strchr(alphabet, key.at[i]) == NULL) {
            return false;
        }
    }
    return strchr("AQgw", key.at[21]) != NULL;
}

bool ws_handshake_is_upgrade(const struct http1_head *request)
{
    return http1_has_token(request, "Upgrade", "websocket") &&
           http1_has_token(request, "Connection", "upgrade");
}

enum err ws_handshake_check_request(const struct http1_head *request, struct bytes *key)
{
    const struct bytes found = http1_get(request, "Sec-WebSocket-Key");
    if (!bytes_equal_str(request->method, "GET") || request->minor != 1 ||
        !ws_handshake_is_upgrade(request) || request->length != 0 || request->chunked ||
        http1_count(request, "Sec-WebSocket-Key") != 1 || !key_is_valid(found) ||
        !bytes_equal_str(http1_get(request, "Sec-WebSocket-Version"), "13")) {
        return ERR_PROTO;
    }
    *key = found;
    return OK;
}

enum err ws_handshake_put_request(struct buf *out, struct bytes host,
                                  struct bytes target, const char *key,
                                  const char *headers)
{
    return buf_putf(out,
                    "GET %.*s HTTP/1.1\r\n"
                    "Host: %.*s\r\n"
                    "Upgrade: websocket\r\n"
                    "Connection: Upgrade\r\n"
                    "Sec-WebSocket-Key: %s\r\n"
                    "Sec-WebSocket-Version: 13\r\n"
                    "%s\r\n",
                    (int)target.len, (const char *)target.at, (int)host.len,
                    (const char *)host.at, key, headers != NULL ? headers : "");
}

enum err ws_handshake_put_response(struct buf *out, const char *accept,
                                   const char *headers)
{
    return buf_putf(out,
                    "HTTP/1.1 101 Switching Protocols\r\n"
                    "Upgrade: websocket\r\n"
                    "Connection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\n"
                    "%s\r\n",
                    accept, headers != NULL ? headers : "");
}

enum err ws_handshake_check_response(const struct http1_head *response,
                                     const char *accept)
{
    if (response->status != 101 || !ws_handshake_is_upgrade(response) ||
        !bytes_equal_str(http1_get(response, "Sec-WebSocket-Accept"), accept) ||
        http1_count(response, "Sec-WebSocket-Extensions") != 0 ||
        http1_count(response, "Sec-WebSocket-Protocol") != 0) {
        return ERR_PROTO;
    }
    return OK;
}
