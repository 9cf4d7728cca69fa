#include <stdlib.h>
#include <string.h>

#include "session/code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: an accepted phrase has one spelling, and that spelling is accepted as it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct code one;
    struct code two;
    if (code_parse((struct bytes){data, size}, &one) != OK) {
        return 0;
    }
    if (code_parse(bytes_from_str(one.shown), &two) != OK ||
        memcmp(&one, &two, sizeof(one)) != 0) {
        abort();
    }
    const size_t len = strlen(one.prs);
    if (strlen(one.shown) != len + 1 || strlen(one.digits) < CODE_DIGITS_MIN) {
        abort();
    }
    return 0;
}
