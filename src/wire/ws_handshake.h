/*
 * ws_handshake: the opening handshake of WebSocket, both sides, without I/O.
 *
 * Source     RFC 6455 sections 4.1, 4.2. No subprotocol, no extension is ever
 *            offered or accepted (x-codex-app-server-compression is never echoed).
 * Shape      SHA-1 is the caller's: wire/ has no cryptography. digest =
 *            SHA1(key text || WS_HANDSHAKE_GUID).
 * Errors     ERR_PROTO  not the handshake it should be
 * Tests      tests/unit/http1_test.c
 */
#ifndef WIRE_WS_HANDSHAKE_H
#define WIRE_WS_HANDSHAKE_H

#include "wire/http1.h"

#define WS_HANDSHAKE_GUID       "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WS_HANDSHAKE_KEY_LEN    24 // base64 of 16 octets
#define WS_HANDSHAKE_ACCEPT_LEN 28 // base64 of 20 octets

/* Does the request ask for an upgrade to WebSocket at all? */
bool ws_handshake_is_upgrade(const struct http1_head *request);

/* Checks everything of section 4.2.1; *key is borrowed from the request. */
NODISCARD enum err ws_handshake_check_request(const struct http1_head *request,
                                              struct bytes *key);

void ws_handshake_key(const uint8_t random[16], char out[WS_HANDSHAKE_KEY_LEN + 1]);
void ws_handshake_accept(const uint8_t digest[20],
                         char out[WS_HANDSHAKE_ACCEPT_LEN + 1]);

/* `headers` are more header lines, each with its CRLF, or NULL. */
NODISCARD enum err ws_handshake_put_request(struct buf *out, struct bytes host,
                                            struct bytes target, const char *key,
                                            const char *headers);
NODISCARD enum err ws_handshake_put_response(struct buf *out, const char *accept,
                                             const char *headers);
NODISCARD enum err ws_handshake_check_response(const struct http1_head *response,
                                               const char *accept);

#endif
