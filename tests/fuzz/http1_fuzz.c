#include <stdlib.h>
#include <string.h>

#include "wire/http1.h"
#include "wire/ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct bytes part, const uint8_t *data, size_t size)
{
    if (part.len != 0 && (part.at < data || part.at + part.len > data + size)) {
        abort();
    }
}

/* Properties: every span lies in the input; what follows the head does not change how
 * it reads; every shorter input waits or fails, but is never a head of its own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http1_head h;
    struct http1_head again;
    struct bytes key;
    if (http1_parse_response((struct bytes){data, size}, &h) == OK &&
        (h.size > size || h.status < 100)) {
        abort();
    }
    if (http1_parse_request((struct bytes){data, size}, &h) != OK) {
        return 0;
    }
    if (h.size > size || h.size > HTTP1_HEAD_MAX || (h.chunked && h.has_length)) {
        abort();
    }
    for (size_t i = 0; i < h.n_headers; i++) {
        check_inside(h.headers[i].name, data, h.size);
        check_inside(h.headers[i].value, data, h.size);
    }
    check_inside(h.path, data, h.size);
    check_inside(h.query, data, h.size);
    if (http1_parse_request((struct bytes){data, h.size}, &again) != OK ||
        again.n_headers != h.n_headers || again.length != h.length) {
        abort();
    }
    if (http1_parse_request((struct bytes){data, h.size - 1}, &again) == OK) {
        abort();
    }
    if (ws_handshake_check_request(&h, &key) == OK) {
        check_inside(key, data, h.size);
    }
    return 0;
}
