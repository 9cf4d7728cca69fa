/*
 * ws_accept: the proof of the opening handshake, which needs SHA-1.
 *
 * Source     RFC 6455 section 4.2.2, item 5.4.
 */
#ifndef NET_WS_ACCEPT_H
#define NET_WS_ACCEPT_H

#include "wire/ws_handshake.h"

/* `key` is the Sec-WebSocket-Key as sent; WS_HANDSHAKE_KEY_LEN octets. */
void ws_accept(struct bytes key, char out[WS_HANDSHAKE_ACCEPT_LEN + 1]);

#endif
