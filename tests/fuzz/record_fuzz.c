#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "session/pad.h"
#include "session/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Properties: no record opens that was not sealed; padding that comes off is 0x80 and
 * zeros, and is what was put on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[RECORD_SECRET] = {1};
    static uint8_t copy[RECORD_MAX];
    struct record rx;
    struct bytes plain;
    crypto_init();
    record_init(&rx, secret, 0);
    if (size <= sizeof(copy)) {
        memcpy(copy, data, size);
        if (record_open(&rx, copy, size, &plain) == OK) {
            abort();
        }
    }
    record_fini(&rx);
    if (pad_strip((struct bytes){data, size}, &plain) == OK) {
        if (plain.len >= size || data[plain.len] != 0x80) {
            abort();
        }
        for (size_t i = plain.len + 1; i < size; i++) {
            if (data[i] != 0) {
                abort();
            }
        }
    }
    return 0;
}
