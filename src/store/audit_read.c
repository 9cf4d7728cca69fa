#include "store/audit_read.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/audit_line.h"

#define WINDOW (2u * AUDIT_LINE_MAX)

struct audit_reader {
    int fd;
    uint64_t offset; // of window[0] in the file
    size_t start;    // what was given to the caller ends here
    size_t end;
    bool skipping; // inside a line that is too long
    uint8_t window[WINDOW];
};

struct audit_reader *audit_reader_create(int fd, uint64_t offset)
{
    struct audit_reader *r = mem_new(sizeof(*r));
    r->fd = fd;
    r->offset = offset;
    return r;
}

void audit_reader_destroy(struct audit_reader *r)
{
    if (r != NULL) {
        (void)close(r->fd);
        mem_free(r);
    }
}

uint64_t audit_reader_offset(const struct audit_reader *r)
{
    return r->offset + r->start;
}

/* ERR_CLOSED: nothing more is there. */
static enum err fill(struct audit_reader *r)
{
    if (r->start != 0) {
        memmove(r->window, r->window + r->start, r->end - r->start);
        r->offset += r->start;
        r->end -= r->start;
        r->start = 0;
    }
    for (;;) {
        const ssize_t n = pread(r->fd, r->window + r->end, WINDOW - r->end,
                                (off_t)(r->offset + r->end));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? ERR_CLOSED : ERR_IO;
        }
        r->end += (size_t)n;
        return OK;
    }
}

/* Drops what is there of a line that is too long, and goes on to its end. */
static void drop_long(struct audit_reader *r)
{
    if (r->end - r->start > AUDIT_LINE_MAX) {
        r->skipping = true;
        r->start = r->end;
    }
}

enum err audit_reader_next(struct audit_reader *r, struct bytes *line, uint64_t *offset)
{
    for (;;) {
        const size_t len = r->end - r->start;
        const uint8_t *from = r->window + r->start;
        const uint8_t *at = len == 0 ? NULL : memchr(from, '\n', len);
        if (at != NULL) {
            const size_t n = (size_t)(at - from);
            *offset = r->offset + r->start;
            *line = (struct bytes){from, r->skipping || n > AUDIT_LINE_MAX ? 0 : n};
            r->skipping = false;
            r->start += n + 1;
            return OK;
        }
        drop_long(r);
        const enum err e = fill(r);
        if (e == ERR_CLOSED) {
            return r->end != r->start || r->skipping ? ERR_AGAIN : ERR_CLOSED;
        }
        if (e != OK) {
            return e;
        }
    }
}
