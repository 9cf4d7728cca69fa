/*
 * random: octets nobody can predict, from the system.
 *
 * Errors     none: without randomness the process cannot go on and aborts.
 * Threads    safe from any thread after crypto_init().
 */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Call once at the start of the program, before any other function of crypto/.
 * Idempotent. Aborts when the libraries refuse. */
void crypto_init(void);

void random_bytes(uint8_t *out, size_t len);

/* Uniform in 0..below-1; below > 0. */
uint32_t random_below(uint32_t below);

#endif
