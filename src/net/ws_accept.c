#include "net/ws_accept.h"

#include <string.h>

#include "crypto/hash.h"

void ws_accept(struct bytes key, char out[WS_HANDSHAKE_ACCEPT_LEN + 1])
{
    uint8_t text[WS_HANDSHAKE_KEY_LEN + sizeof(WS_HANDSHAKE_GUID) - 1];
    uint8_t digest[HASH_SHA1];
    const struct bytes shown = bytes_sub(key, 0, WS_HANDSHAKE_KEY_LEN);
    memset(text, 0, sizeof(text));
    if (shown.len != 0) {
        memcpy(text, shown.at, shown.len);
    }
    memcpy(text + WS_HANDSHAKE_KEY_LEN, WS_HANDSHAKE_GUID,
           sizeof(WS_HANDSHAKE_GUID) - 1);
    hash_sha1(BYTES_OF(text), digest);
    ws_handshake_accept(digest, out);
}
