#include <stdlib.h>

#include "host/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: taking our keys out never makes a text longer, leaves a text without them as
 * it is, and makes of a JSON-RPC text another of the same kind. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes text = {data, size};
    struct jsonrpc before;
    struct jsonrpc after;
    struct buf out;
    buf_init(&out, size);
    if (command_unmap(text, &out) != OK) {
        abort();
    }
    const struct bytes own = buf_bytes(&out);
    if (!command_is_mapped(text) && !bytes_equal(own, text)) {
        abort();
    }
    if (jsonrpc_scan(text, &before) == OK &&
        (jsonrpc_scan(own, &after) != OK || after.kind != before.kind)) {
        abort();
    }
    buf_fini(&out);
    return 0;
}
