#include <stdlib.h>
#include <string.h>

#include "wire/qr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: what was accepted can be written, and reads back as the same. The text form
 * never crashes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qr one;
    struct qr two;
    struct buf b;
    if (qr_decode_text((struct bytes){data, size}, &one) == OK) {
        qr_fini(&one);
    }
    if (qr_decode((struct bytes){data, size}, &one) != OK) {
        return 0;
    }
    buf_init(&b, QR_BLOB_MAX);
    if (qr_encode(&one, &b) != OK || buf_len(&b) > size ||
        qr_decode(buf_bytes(&b), &two) != OK || memcmp(&one, &two, sizeof(one)) != 0) {
        abort();
    }
    buf_fini(&b);
    return 0;
}
