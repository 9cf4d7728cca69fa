#include <stdlib.h>

#include "wire/delta.h"
#include "wire/jsonrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool find(struct bytes text, struct delta *out)
{
    struct jsonrpc m;
    struct bytes inside;
    return jsonrpc_scan(text, &m) == OK && m.kind == JSONRPC_NOTIFICATION &&
           json_raw_get(m.params, "delta", &inside) == OK &&
           delta_find(text, inside, out);
}

/* The decoded text of the delta in a notification. */
static void text_of(struct bytes notification, struct buf *out)
{
    struct jsonrpc m;
    struct bytes raw;
    if (jsonrpc_scan(notification, &m) != OK ||
        json_raw_get(m.params, "delta", &raw) != OK) {
        abort();
    }
    if (json_raw_text(raw, out) != OK) {
        buf_clear(out);
    }
}

/* Property: two copies of whatever is found to be a delta join into a notification that
 * is a delta again, found where delta_join() says, with the text twice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes text = {data, size};
    struct delta at;
    struct delta again;
    size_t room = 0;
    if (!find(text, &at) || size > DELTA_MAX / 2) {
        return 0;
    }
    const struct delta one = at;
    struct blob *b = blob_copy(text);
    if (b == NULL || !delta_is_same(blob_bytes(b), &at, text, &one) ||
        !delta_join(&b, &room, &at, text, &one) || !find(blob_bytes(b), &again) ||
        again.text_at != at.text_at || again.text_len != at.text_len ||
        again.text_len != 2 * one.text_len || again.stamp_at != at.stamp_at ||
        again.stamp_len != at.stamp_len) {
        abort();
    }
    struct buf once;
    struct buf twice;
    buf_init(&once, 1 << 20);
    buf_init(&twice, 1 << 20);
    text_of(text, &once);
    text_of(blob_bytes(b), &twice);
    if (buf_len(&once) != 0 && buf_len(&twice) != 2 * buf_len(&once)) {
        abort();
    }
    buf_fini(&once);
    buf_fini(&twice);
    blob_unref(b);
    return 0;
}
