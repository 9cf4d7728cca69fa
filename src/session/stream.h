/*
 * stream: messages cut into fragments, and put together again.
 *
 * Source     protocol.md 5.2. APP body = `stream u16 | flags u8 | octets`.
 * Shape      one struct assembly per stream collects an unfinished message.
 * Ownership  fragments borrow from the record they came in. assembly_fini() frees
 *            and accepts a zeroed object.
 * Errors     ERR_PROTO  malformed, or a fragment too long
 *            ERR_LIMIT  the message is longer than LANE_MESSAGE_MAX
 *            ERR_NOMEM
 * Tests      tests/unit/stream_test.c, tests/fuzz/stream_fuzz.c
 */
#ifndef SESSION_STREAM_H
#define SESSION_STREAM_H

#include <stdbool.h>

#include "base/buf.h"

enum {
    STREAM_HEADER = 3,
    STREAM_FRAGMENT_MAX = 60 * 1024,      // octets behind the header
    STREAM_MESSAGE_MAX = 8 * 1024 * 1024, // a device that hoards is stopped here
};

enum { STREAM_MORE = 1, STREAM_OPEN = 2, STREAM_CLOSE = 4 };

struct fragment {
    uint16_t stream;
    uint8_t flags;
    struct bytes octets;
};

NODISCARD enum err fragment_read(struct bytes body, struct fragment *out);

/* Writes the STREAM_HEADER octets. */
void fragment_write_header(const struct fragment *f, uint8_t *out);

/* How many fragments a message of `len` octets makes; at least one. */
size_t fragment_count(size_t len);

/* The octets of fragment `i` of `message`. */
struct bytes fragment_part(struct bytes message, size_t i);

struct assembly {
    struct buf parts; // holds the unfinished message, if `begun`
    bool begun;
};

/* Takes one fragment. *whole: a message is complete; it is borrowed from the fragment
 * or from the assembly, until the next call. */
NODISCARD enum err assembly_take(struct assembly *a, const struct fragment *f,
                                 struct bytes *message, bool *whole);
size_t assembly_len(const struct assembly *a); // octets held
void assembly_fini(struct assembly *a);

#endif
