#include <stdlib.h>
#include <string.h>

#include "engine/codex/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: whatever an agent says, line by line, the handshake stays in a state it
 * has, claims only texts with an id of ours, and READY always knows a version. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hello h;
    struct buf out;
    buf_init(&out, 1 << 16);
    if (hello_begin(&h, &out) != OK) {
        abort();
    }
    struct bytes rest = {data, size};
    while (rest.len > 0) {
        const uint8_t *nl = memchr(rest.at, '\n', rest.len);
        const size_t n = nl == NULL ? rest.len : (size_t)(nl - rest.at);
        const struct bytes line = bytes_sub(rest, 0, n);
        bool ours = false;
        if (hello_input(&h, line, &out, &ours) != OK) {
            break;
        }
        if ((ours && memmem(line.at, line.len, "\"fh:", 4) == NULL) ||
            h.state > HELLO_FAILED ||
            (h.state == HELLO_READY && h.version[0] == '\0')) {
            abort();
        }
        rest = bytes_sub(rest, n + 1, rest.len);
    }
    buf_fini(&out);
    return 0;
}
