#include <stdlib.h>
#include <string.h>

#include "session/params.h"
#include "session/ready.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: parameters that were accepted can be written again, and then read as the
 * same; READY, PENDING and grants never make the reader touch what is not theirs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[SIGN_PUB] = {1};
    const struct bytes in = {data, size};
    struct device_params one;
    struct device_params two;
    struct host_params host;
    struct session_welcome welcome;
    struct lane_offer offer;
    struct pending_body pending;
    struct grant grant;
    if (ready_read(in, &welcome, &offer) == OK && welcome.n_urls > SESSION_URLS_MAX) {
        abort();
    }
    if (grant_read(in, key, &grant) == OK) {
        abort(); // nobody holds that key
    }
    const enum err ignored[] = {host_params_read(in, &host),
                                pending_read(in, &pending)};
    (void)ignored;
    if (device_params_read(in, &one) != OK) {
        return 0;
    }
    struct buf b;
    buf_init(&b, 4096);
    if (device_params_write(&one, &b) != OK ||
        device_params_read(buf_bytes(&b), &two) != OK ||
        !bytes_equal(one.name, two.name) || one.lane.epoch != two.lane.epoch ||
        one.grant_serial != two.grant_serial) {
        abort();
    }
    buf_fini(&b);
    return 0;
}
