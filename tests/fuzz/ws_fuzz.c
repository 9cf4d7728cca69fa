#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 4096 };

struct digest {
    uint64_t sum;
    enum err end;
};

static void add(struct digest *d, const void *at, size_t len)
{
    const uint8_t *octets = at;
    for (size_t i = 0; i < len; i++) {
        d->sum = (d->sum ^ octets[i]) * 0x100000001b3u;
    }
}

static void note(struct digest *d, const struct ws_event *ev)
{
    if (ev->payload.len > MAX) {
        abort();
    }
    add(d, &ev->kind, sizeof(ev->kind));
    add(d, &ev->code, sizeof(ev->code));
    add(d, &ev->payload.len, sizeof(ev->payload.len));
    add(d, ev->payload.at, ev->payload.len);
}

static struct digest run(const uint8_t *data, size_t size, enum ws_role role,
                         size_t step)
{
    struct digest d = {.sum = 1, .end = ERR_AGAIN};
    struct ws w;
    ws_init(&w, role, MAX);
    for (size_t at = 0; at < size && d.end == ERR_AGAIN; at += step) {
        size_t len = size - at < step ? size - at : step;
        uint8_t *piece = mem_new(len);
        uint8_t *from = piece;
        memcpy(piece, data + at, len);
        do {
            struct ws_event ev;
            size_t used = 0;
            d.end = ws_next(&w, from, len, &used, &ev);
            if (used > len || (d.end == OK && used == 0)) {
                abort();
            }
            from += used;
            len -= used;
            if (d.end == OK) {
                note(&d, &ev);
                d.end = ERR_AGAIN;
            } else if (d.end == ERR_AGAIN && len != 0) {
                abort();
            }
        } while (len != 0 && d.end == ERR_AGAIN);
        mem_free(piece);
    }
    ws_fini(&w);
    return d;
}

/* Property: whole and in single octets, the same events come and the same end; no
 * message is over the maximum. The first octet chooses role and step. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const enum ws_role role = (data[0] & 1) != 0 ? WS_SERVER : WS_CLIENT;
    const struct digest whole = run(data + 1, size - 1, role, size);
    const struct digest split = run(data + 1, size - 1, role, 1 + (data[0] >> 1 & 15u));
    if (whole.sum != split.sum || whole.end != split.end) {
        abort();
    }
    return 0;
}
