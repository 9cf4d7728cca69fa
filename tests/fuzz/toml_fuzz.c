#include <stdlib.h>

#include "wire/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: a document that is read prints as JSON that reads as the same value; one that
 * is refused says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag diag = {""};
    struct buf out;
    json_t *value = NULL;
    json_t *back = NULL;
    const enum err e = toml_parse((struct bytes){data, size}, &value, &diag);
    if (e != OK) {
        if (e == ERR_PROTO && diag.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    buf_init(&out, 16u << 20);
    if (json_print(value, &out) != OK || json_parse(buf_bytes(&out), &back) != OK ||
        !json_equal(value, back)) {
        abort();
    }
    json_decref(back);
    json_decref(value);
    buf_fini(&out);
    return 0;
}
