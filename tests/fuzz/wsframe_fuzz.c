#include <stdlib.h>
#include <string.h>

#include "wire/wsframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: an accepted header never claims more than was given, parsing exactly the
 * octets it claimed gives the same answer, and building it again gives the same octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wsframe whole;
    struct wsframe again;
    uint8_t built[WSFRAME_HEADER_MAX];
    if (wsframe_parse((struct bytes){data, size}, 1 << 20, &whole) != OK) {
        return 0;
    }
    if (whole.header_size > size || whole.header_size > WSFRAME_HEADER_MAX) {
        abort();
    }
    const struct bytes exact = {data, whole.header_size};
    if (wsframe_parse(exact, 1 << 20, &again) != OK || again.payload != whole.payload) {
        abort();
    }
    if (wsframe_build(&whole, built) != whole.header_size ||
        memcmp(built, data, whole.header_size) != 0) {
        abort();
    }
    return 0;
}
