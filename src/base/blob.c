#include "base/blob.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct blob *blob_try(size_t len)
{
    if (len > SIZE_MAX - sizeof(struct blob)) {
        return NULL;
    }
    struct blob *b = mem_try(1, sizeof(*b) + len);
    if (b == NULL) {
        return NULL;
    }
    b->refs = 1;
    b->len = len;
    return b;
}

struct blob *blob_copy(struct bytes octets)
{
    struct blob *b = blob_try(octets.len);
    if (b != NULL && octets.len != 0) {
        memcpy(b->octets, octets.at, octets.len);
    }
    return b;
}

struct blob *blob_ref(struct blob *b)
{
    assert(b->refs != 0);
    b->refs++;
    return b;
}

void blob_unref(struct blob *b)
{
    if (b == NULL) {
        return;
    }
    assert(b->refs != 0);
    b->refs--;
    if (b->refs == 0) {
        mem_free(b);
    }
}

struct bytes blob_bytes(const struct blob *b)
{
    return b == NULL ? BYTES_NONE : (struct bytes){b->octets, b->len};
}
