/*
 * secret: memory for keys and codes.
 *
 * Shape      a `struct secret` is a small fixed-size run of octets that is wiped
 *            when it ends. It has no printing function, on purpose.
 * Ownership  embed it or keep it on the stack; secret_fini() wipes.
 * Threads    none shared.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>

#include "base/bytes.h"

#define SECRET_MAX 64 // an expanded Ed25519 key is the largest

struct secret {
    uint8_t octets[SECRET_MAX];
    size_t len; // 0: holds nothing
};

void secret_set(struct secret *s, struct bytes octets); // len <= SECRET_MAX
void secret_fini(struct secret *s);                     // wipes; zeroed is fine
struct bytes secret_bytes(const struct secret *s);      // borrowed

/* Constant time for equal lengths; lengths are not secret. */
bool secret_equal(struct bytes a, struct bytes b);
void secret_wipe(void *at, size_t len);

/* Locked, never in a core dump; aborts when the system has none (we chose the
 * size). secret_page_free() wipes. */
NODISCARD void *secret_page_new(size_t size);
void secret_page_free(void *at, size_t size);

/* No core dumps, no ptrace by the same user: call once, before the first key. */
void secret_harden_process(void);

#endif
