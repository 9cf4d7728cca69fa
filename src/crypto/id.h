/*
 * id: the identifiers that are hashes of public keys. Source protocol.md 1.
 */
#ifndef CRYPTO_ID_H
#define CRYPTO_ID_H

#include "crypto/hash.h"
#include "crypto/sign.h"

enum { ID_SIZE = 16 };

void id_mailbox(const uint8_t host_relay_key[SIGN_PUB], uint8_t out[ID_SIZE]);
void id_host(const uint8_t host_key[SIGN_PUB], uint8_t out[ID_SIZE]);
void id_device(const uint8_t device_key[SIGN_PUB], uint8_t out[ID_SIZE]);

/* What an access list holds: SHA256(Dr). Its first ID_SIZE octets name the device
 * in OPEN frames (protocol.md 5.0). */
void id_relay_device(const uint8_t device_relay_key[SIGN_PUB],
                     uint8_t out[HASH_SHA256]);

#endif
