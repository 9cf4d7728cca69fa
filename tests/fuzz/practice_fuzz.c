#include <stdlib.h>

#include "engine/practice/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENTS_MAX 4096 // "deltas 1000000" is fine, but not for a fuzzer

/* Property: whatever the request, a script that opens gives events that have octets
 * where they should, and ends once, with nothing after the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct call_options options = {.image_path = "/i.png", .nonce = 1};
    struct script *s = NULL;
    if (script_open((struct bytes){data, size}, &options, &s) != OK) {
        return 0;
    }
    struct script_event ev;
    bool ended = false;
    for (size_t i = 0; i < EVENTS_MAX && script_next(s, &ev); i++) {
        const bool carries = ev.kind == SCRIPT_DATA || ev.kind == SCRIPT_STATUS;
        if (ended || (carries && ev.octets.len == 0) ||
            (ev.kind == SCRIPT_WAIT && ev.path == NULL)) {
            abort();
        }
        ended = ev.kind != SCRIPT_DATA && ev.kind != SCRIPT_WAIT;
    }
    script_close(s);
    return 0;
}
