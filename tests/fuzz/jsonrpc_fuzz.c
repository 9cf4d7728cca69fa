#include <stdlib.h>
#include <string.h>

#include "wire/jsonrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The raw span, read by jansson, is the value that jansson finds under that key. */
static void same_value(const json_t *root, const char *key, struct bytes raw)
{
    const json_t *want = json_object_get(root, key);
    if (want == NULL) {
        if (raw.len != 0) {
            abort();
        }
        return;
    }
    json_error_t error;
    if (raw.len == 0) {
        return; // "params":null and "id":null read as absent
    }
    json_t *got =
        json_loadb((const char *)raw.at, raw.len,
                   JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (got == NULL || !json_equal(got, want)) {
        abort();
    }
    json_decref(got);
}

static void check_strings(struct bytes raw)
{
    struct buf text;
    struct buf again;
    struct buf back;
    if (raw.len == 0 || raw.at[0] != '"') {
        return;
    }
    buf_init(&text, 1 << 20);
    buf_init(&again, 1 << 22);
    buf_init(&back, 1 << 20);
    if (json_raw_text(raw, &text) != OK ||
        json_put_string(&again, buf_bytes(&text)) != OK ||
        json_raw_text(buf_bytes(&again), &back) != OK ||
        !bytes_equal(buf_bytes(&text), buf_bytes(&back))) {
        abort();
    }
    buf_fini(&text);
    buf_fini(&again);
    buf_fini(&back);
}

/* Properties: whatever jansson reads, the scanner reads, and finds the same values in it;
 * decoded strings survive being written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"threadId", "turnId", "itemId", "delta"};
    const struct bytes text = {data, size};
    struct bytes span;
    struct jsonrpc m;
    json_t *root = NULL;
    const bool parsed = json_parse(text, &root) == OK;
    if (parsed && json_raw_value(text, &span) != OK) {
        abort();
    }
    if (jsonrpc_scan(text, &m) == OK && parsed) {
        same_value(root, "id", m.id);
        same_value(root, "params", m.params);
        same_value(root, "result", m.result);
        same_value(root, "error", m.error);
        check_strings(m.id);
        struct bytes got[COUNT(keys)];
        if (m.params.len != 0 && m.params.at[0] == '{') {
            if (jsonrpc_pick(m.params, keys, COUNT(keys), got) != OK) {
                abort();
            }
            for (size_t i = 0; i < COUNT(keys); i++) {
                same_value(json_object_get(root, "params"), keys[i], got[i]);
            }
        }
    }
    json_decref(root);
    return 0;
}
