#include <stdlib.h>
#include <string.h>

#include "session/lane_io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: whatever fragments come, in whatever order, a lane hands on at most what it
 * was given, keeps the count of streams, and ends only by the errors it names.
 * Input: fragments, each `length u8 | body`; length 255 repeats the number before. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lane *l = lane_create(LANE_HOST, &(struct lane_state){.epoch = 1});
    uint64_t seq = 0;
    size_t given = 0;
    size_t handed = 0;
    for (size_t at = 0; at < size;) {
        const bool again = data[at] == 255;
        const size_t want = again ? 8 : data[at];
        const size_t n = want < size - at - 1 ? want : size - at - 1;
        struct lane_message m = {.stream = 0};
        seq += again ? 0 : 1;
        given += n;
        const enum err e =
            lane_receive(l, seq, (struct bytes){data + at + 1, n}, 0, &m);
        at += 1 + n;
        if (e == OK) {
            handed += m.octets.len;
        } else if (e == ERR_PROTO || e == ERR_LIMIT || e == ERR_NOMEM) {
            break;
        } else if (e != ERR_AGAIN) {
            abort();
        }
        if (lane_n_streams(l) > LANE_STREAMS_MAX || handed > given) {
            abort();
        }
    }
    lane_destroy(l);
    return 0;
}
