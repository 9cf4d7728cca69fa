/*
 * delta: the growing texts of an item, found in their notifications and joined.
 *
 * Source     protocol.md 5.3 ("adjacent deltas of one item may be merged"); the
 *            notifications item/.../delta of Codex's app-server.
 * Shape      delta_find() says where in a notification the growing text stands. Two
 *            of them are one when nothing else differs but the moment of sending
 *            (emittedAtMs); then delta_join() puts the newer text behind the older.
 * Ownership  spans are offsets. delta_join() takes the older blob and gives the
 *            joined one in its place.
 * Time       a join costs the newer text, not what has grown: room is doubled.
 * Errors     delta_find: false  the value is no string, the text too long, or the
 *                               moment stands before the value: it is sent as it is
 *            delta_join: false  no memory; nothing has changed
 * Limits     DELTA_MAX octets a notification, joined or not.
 * Tests      tests/unit/delta_test.c, tests/fuzz/delta_fuzz.c
 */
#ifndef WIRE_DELTA_H
#define WIRE_DELTA_H

#include <stdbool.h>

#include "base/blob.h"

#define DELTA_MAX (60u * 1024) // one record carries it

struct delta {
    size_t text_at; // the inside of the JSON string, still escaped
    size_t text_len;
    size_t stamp_at; // the value of emittedAtMs, or the end of the notification
    size_t stamp_len;
};

/* `inside` is the raw params.delta of the notification, a part of `text`. */
NODISCARD bool delta_find(struct bytes text, struct bytes inside, struct delta *out);

/* Everything but text and moment is the same. */
bool delta_is_same(struct bytes a, const struct delta *at_a, struct bytes b,
                   const struct delta *at_b);

/* `*room` is 0 for a blob that others may hold, else the octets that *older has. The
 * caller has asked delta_is_same() before. */
NODISCARD bool delta_join(struct blob **older, size_t *room, struct delta *at,
                          struct bytes newer, const struct delta *at_newer);

#endif
