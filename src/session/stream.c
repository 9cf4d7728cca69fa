#include "session/stream.h"

#include <string.h>

enum { FLAGS = STREAM_MORE | STREAM_OPEN | STREAM_CLOSE };

enum err fragment_read(struct bytes body, struct fragment *out)
{
    struct fragment f = {.stream = 0};
    struct cursor c = {body};
    if (cursor_u16(&c, &f.stream) != OK || cursor_u8(&c, &f.flags) != OK) {
        return ERR_PROTO;
    }
    if ((f.flags & ~FLAGS) != 0 || c.left.len > STREAM_FRAGMENT_MAX) {
        return ERR_PROTO;
    }
    f.octets = c.left;
    *out = f;
    return OK;
}

void fragment_write_header(const struct fragment *f, uint8_t *out)
{
    be16_write(out, f->stream);
    out[2] = f->flags;
}

size_t fragment_count(size_t len)
{
    return len == 0 ? 1 : (len + STREAM_FRAGMENT_MAX - 1) / STREAM_FRAGMENT_MAX;
}

struct bytes fragment_part(struct bytes message, size_t i)
{
    return bytes_sub(message, i * STREAM_FRAGMENT_MAX, STREAM_FRAGMENT_MAX);
}

static void start_over(struct assembly *a)
{
    buf_fini(&a->parts);
    buf_init(&a->parts, STREAM_MESSAGE_MAX);
    a->begun = false;
}

enum err assembly_take(struct assembly *a, const struct fragment *f,
                       struct bytes *message, bool *whole)
{
    const bool more = (f->flags & STREAM_MORE) != 0;
    if (!a->begun) {
        start_over(a); // what was borrowed from it is no longer in use
        if (!more) {
            *message = f->octets;
            *whole = true;
            return OK;
        }
    }
    const enum err e = buf_put(&a->parts, f->octets);
    if (e != OK) {
        return e;
    }
    a->begun = more;
    *whole = !more;
    *message = more ? BYTES_NONE : buf_bytes(&a->parts);
    return OK;
}

size_t assembly_len(const struct assembly *a)
{
    return buf_len(&a->parts);
}

void assembly_fini(struct assembly *a)
{
    buf_fini(&a->parts);
    *a = (struct assembly){.begun = false};
}
