/*
 * sas: digits that two people compare.
 *
 * Source     protocol.md 2.1.
 */
#ifndef SESSION_SAS_H
#define SESSION_SAS_H

#include "base/bytes.h"

enum {
    SAS_HOST_RANDOM = 32,   // r_H
    SAS_DEVICE_RANDOM = 16, // r_I
    SAS_COMMIT = 32,        // c_H
    SAS_TEXT = 8,           // "482 913" and NUL
    FINGERPRINT_TEXT = 72,  // 60 digits in 12 groups of five, and NUL
};

void sas_commit(const uint8_t r_host[SAS_HOST_RANDOM], uint8_t out[SAS_COMMIT]);
void sas_digits(const uint8_t exporter[32], const uint8_t r_host[SAS_HOST_RANDOM],
                const uint8_t r_device[SAS_DEVICE_RANDOM], char out[SAS_TEXT]);

/* Comparable at any time after pairing; the same on both ends. */
void fingerprint_digits(const uint8_t host_key[32], const uint8_t device_key[32],
                        char out[FINGERPRINT_TEXT]);

#endif
