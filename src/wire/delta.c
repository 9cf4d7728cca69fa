#include "wire/delta.h"

#include <assert.h>
#include <string.h>

#include "wire/json.h"

enum { ROOM_FIRST = 1024 };

/* The moment stands behind the text, or nowhere. */
static bool find_stamp(struct bytes text, struct delta *d)
{
    struct bytes stamp;
    d->stamp_at = text.len;
    d->stamp_len = 0;
    if (json_raw_get(text, "emittedAtMs", &stamp) != OK) {
        return true;
    }
    d->stamp_at = (size_t)(stamp.at - text.at);
    d->stamp_len = stamp.len;
    return d->stamp_at > d->text_at + d->text_len;
}

bool delta_find(struct bytes text, struct bytes inside, struct delta *out)
{
    struct delta d;
    if (text.len > DELTA_MAX || inside.len < 2 || inside.at[0] != '"') {
        return false;
    }
    d.text_at = (size_t)(inside.at + 1 - text.at);
    d.text_len = inside.len - 2;
    if (!find_stamp(text, &d)) {
        return false;
    }
    *out = d;
    return true;
}

static struct bytes part(struct bytes text, size_t from, size_t to)
{
    return (struct bytes){text.at + from, to - from};
}

bool delta_is_same(struct bytes a, const struct delta *at_a, struct bytes b,
                   const struct delta *at_b)
{
    const size_t end_a = at_a->text_at + at_a->text_len;
    const size_t end_b = at_b->text_at + at_b->text_len;
    return bytes_equal(part(a, 0, at_a->text_at), part(b, 0, at_b->text_at)) &&
           bytes_equal(part(a, end_a, at_a->stamp_at),
                       part(b, end_b, at_b->stamp_at)) &&
           bytes_equal(part(a, at_a->stamp_at + at_a->stamp_len, a.len),
                       part(b, at_b->stamp_at + at_b->stamp_len, b.len));
}

/* A blob of our own, with room to grow, that begins with the older one's text. */
static struct blob *with_room(const struct blob *older, size_t keep, size_t size,
                              size_t *room)
{
    const size_t wanted = size * 2 < ROOM_FIRST ? ROOM_FIRST : size * 2;
    struct blob *b = blob_try(wanted);
    if (b != NULL) {
        memcpy(b->octets, older->octets, keep);
        *room = wanted;
    }
    return b;
}

bool delta_join(struct blob **older, size_t *room, struct delta *at, struct bytes newer,
                const struct delta *at_newer)
{
    const size_t keep = at->text_at + at->text_len;
    const struct bytes more = part(newer, at_newer->text_at, newer.len);
    const size_t size = keep + more.len;
    if (size > DELTA_MAX) {
        return false;
    }
    if (*room < size) {
        struct blob *b = with_room(*older, keep, size, room);
        if (b == NULL) {
            return false;
        }
        blob_unref(*older);
        *older = b;
    }
    assert((*older)->refs == 1);
    memcpy((*older)->octets + keep, more.at, more.len); // its text, and all behind it
    (*older)->len = size;
    at->text_len += at_newer->text_len;
    at->stamp_at = keep + (at_newer->stamp_at - at_newer->text_at);
    at->stamp_len = at_newer->stamp_len;
    return true;
}
