/*
 * blob: one immutable run of octets with several owners.
 *
 * Shape      the hub fans one text out to many lanes; each keeps it until its own
 *            device has acknowledged it. So this is one of the few counted things.
 * Ownership  blob_try() and blob_ref() give a reference; blob_unref() ends one and
 *            accepts NULL. The octets are borrowed while a reference is held, and
 *            may be written only between blob_try() and the first blob_ref().
 * Errors     NULL: out of memory (a peer chose the size).
 * Threads    one thread only: the count is a plain integer.
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/bytes.h"

struct blob {
    unsigned refs;
    size_t len;
    uint8_t octets[];
};

NODISCARD struct blob *blob_try(size_t len);
NODISCARD struct blob *blob_copy(struct bytes octets);
NODISCARD struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b);
struct bytes blob_bytes(const struct blob *b); // NULL is empty

#endif
