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

/* Four octets for the mask of a WebSocket frame (RFC 6455 section 5.3): nobody can
 * predict them, but they are drawn from a pool, so that a frame does not cost a system
 * call. Not for keys or nonces: the pool lies in ordinary memory. */
void random_mask(uint8_t out[4]);

/* Uniform in 0..below-1; below > 0. */
uint32_t random_below(uint32_t below);

#endif
