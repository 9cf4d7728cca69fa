#include "crypto/id.h"

#include <string.h>

static void id_of(const char *label, const uint8_t key[SIGN_PUB], uint8_t out[ID_SIZE])
{
    uint8_t label_len[4];
    uint8_t digest[HASH_SHA256];
    const struct bytes text = bytes_from_str(label);
    be32_write(label_len, (uint32_t)text.len);
    const struct bytes parts[] = {BYTES_OF(label_len), text, {key, SIGN_PUB}};
    hash_sha256_parts(parts, COUNT(parts), digest);
    memcpy(out, digest, ID_SIZE);
}

void id_mailbox(const uint8_t host_relay_key[SIGN_PUB], uint8_t out[ID_SIZE])
{
    id_of("fh1 mailbox", host_relay_key, out);
}

void id_host(const uint8_t host_key[SIGN_PUB], uint8_t out[ID_SIZE])
{
    id_of("fh1 host", host_key, out);
}

void id_device(const uint8_t device_key[SIGN_PUB], uint8_t out[ID_SIZE])
{
    id_of("fh1 device", device_key, out);
}

void id_relay_device(const uint8_t device_relay_key[SIGN_PUB], uint8_t out[HASH_SHA256])
{
    hash_sha256((struct bytes){device_relay_key, SIGN_PUB}, out);
}
