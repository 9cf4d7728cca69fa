#include "client/witness.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/audit_line.h"
#include "wire/json.h"
#include "wire/jsonrpc.h"

#define FILE_MAX_OCTETS 4096
#define HEADERS_ID      2 // of our calls on the stream; 1 is initialize

struct witness {
    char path[PATH_MAX];
    struct audit_head seen; // durable
    struct audit_head at;   // how far the chain was followed
    struct audit_head said; // by the host, in READY
    char alarm[WITNESS_ALARM];
};

/* ---- the file ---------------------------------------------------------------------- */

static enum err path_of(const char *home, const char *host_id, char out[PATH_MAX])
{
    return text_format(out, PATH_MAX, "%s/hosts/%s/witness.json", home, host_id);
}

static void load(const char *path, struct audit_head *seen, char alarm[WITNESS_ALARM])
{
    struct buf text;
    json_t *value = NULL;
    size_t len = 0;
    buf_init(&text, FILE_MAX_OCTETS);
    *seen = (struct audit_head){.idx = 0};
    alarm[0] = '\0';
    if (file_read(path, &text) == OK && json_parse(buf_bytes(&text), &value) == OK) {
        text_sanitize(json_get_bytes(value, "alarm"), alarm, WITNESS_ALARM);
        if (!json_read_u64(value, "idx", &seen->idx) ||
            hex_decode(json_get_bytes(value, "head"), seen->h, sizeof(seen->h), &len) !=
                OK ||
            len != sizeof(seen->h)) {
            seen->idx = 0;
        }
    }
    json_decref(value);
    buf_fini(&text);
}

static void keep(struct witness *w, const struct audit_head *head)
{
    char hex[HEX_SIZE(AUDIT_HASH)];
    struct buf text;
    json_t *value = json_object();
    w->seen = *head;
    hex_encode(BYTES_OF(head->h), hex);
    json_set_int(value, "idx", (int64_t)head->idx);
    json_set_str(value, "head", hex);
    if (w->alarm[0] != '\0') {
        json_set_str(value, "alarm", w->alarm);
    }
    buf_init(&text, FILE_MAX_OCTETS);
    if (json_print(value, &text) != OK ||
        file_replace(w->path, buf_bytes(&text), 0600) != OK) {
        log_warn("witness.not_saved", "idx=%llu", (unsigned long long)head->idx);
    }
    buf_fini(&text);
    json_decref(value);
}

struct witness *witness_create(const char *home, const char *host_id)
{
    struct witness *w = mem_new(sizeof(*w));
    if (path_of(home, host_id, w->path) == OK) {
        load(w->path, &w->seen, w->alarm);
    }
    return w;
}

void witness_destroy(struct witness *w)
{
    mem_free(w);
}

void witness_alarm(const char *home, const char *host_id, char out[WITNESS_ALARM])
{
    char path[PATH_MAX];
    struct audit_head seen;
    out[0] = '\0';
    if (path_of(home, host_id, path) == OK) {
        load(path, &seen, out);
    }
}

void witness_forget(const char *home, const char *host_id)
{
    char path[PATH_MAX];
    if (path_of(home, host_id, path) == OK) {
        (void)unlink(path);
    }
}

/* From now on the new chain is watched; what was found is not forgotten. */
static enum err raise(struct witness *w, const char *what)
{
    if (text_format(w->alarm, sizeof(w->alarm),
                    "the host's audit log is not the one this device has seen: %s "
                    "(record %llu)",
                    what, (unsigned long long)w->seen.idx) != OK) {
        w->alarm[0] = '\0';
    }
    log_error("witness.alarm", "reason=\"%s\"", w->alarm);
    keep(w, &w->said);
    return OK;
}

/* ---- the conversation ----------------------------------------------------------------- */

static enum err ask(const struct witness *w, struct buf *out)
{
    const uint64_t left = w->said.idx - w->at.idx;
    const enum err e =
        buf_putf(out,
                 "{\"id\":%d,\"method\":\"farhand/audit/headers\",\"params\":"
                 "{\"fromIdx\":%llu,\"limit\":%llu}}",
                 HEADERS_ID, (unsigned long long)w->at.idx + 1,
                 (unsigned long long)(left < WITNESS_PAGE ? left : WITNESS_PAGE));
    return e == OK ? ERR_AGAIN : OK;
}

enum err witness_ready(struct witness *w, uint64_t idx, const uint8_t head[32],
                       struct buf *out)
{
    w->said.idx = idx;
    memcpy(w->said.h, head, sizeof(w->said.h));
    w->at = w->seen;
    if (w->seen.idx == 0) {
        keep(w, &w->said); // the first time there is nothing to compare with
        return OK;
    }
    if (idx < w->seen.idx) {
        return raise(w, "records are gone");
    }
    if (idx == w->seen.idx) {
        return bytes_equal(BYTES_OF(w->seen.h), BYTES_OF(w->said.h))
                   ? OK
                   : raise(w, "it was rewritten");
    }
    return buf_put_str(out, "{\"id\":1,\"method\":\"initialize\",\"params\":{"
                            "\"clientInfo\":{\"name\":\"farhand\",\"title\":null,"
                            "\"version\":\"" FARHAND_VERSION "\"}}}") == OK
               ? ERR_AGAIN
               : OK;
}

/* One header: the next link, or not. */
static bool follow(struct witness *w, const json_t *row)
{
    uint8_t payload[AUDIT_HASH];
    uint8_t said[AUDIT_HASH];
    uint8_t h[AUDIT_HASH];
    uint64_t idx = 0;
    uint64_t time_ms = 0;
    size_t len = 0;
    if (!json_read_u64(row, "idx", &idx) || !json_read_u64(row, "time", &time_ms) ||
        idx != w->at.idx + 1 ||
        hex_decode(json_get_bytes(row, "payloadHash"), payload, sizeof(payload),
                   &len) != OK ||
        len != sizeof(payload) ||
        hex_decode(json_get_bytes(row, "h"), said, sizeof(said), &len) != OK ||
        len != sizeof(said)) {
        return false;
    }
    audit_link(w->at.h, idx, time_ms, json_get_bytes(row, "type"), payload, h);
    if (!bytes_equal(BYTES_OF(h), BYTES_OF(said))) {
        return false;
    }
    w->at.idx = idx;
    memcpy(w->at.h, h, sizeof(h));
    return true;
}

static enum err take_page(struct witness *w, struct bytes result, struct buf *out)
{
    json_t *value = NULL;
    size_t i;
    json_t *row;
    bool chained = json_parse(result, &value) == OK;
    const json_t *rows = json_get_arr(value, "headers");
    chained = chained && json_array_size(rows) != 0;
    json_array_foreach(rows, i, row)
    {
        chained = chained && w->at.idx < w->said.idx && follow(w, row);
    }
    json_decref(value);
    if (!chained) {
        return raise(w, "it was rewritten");
    }
    if (w->at.idx < w->said.idx) {
        return ask(w, out);
    }
    if (!bytes_equal(BYTES_OF(w->at.h), BYTES_OF(w->said.h))) {
        return raise(w, "it was rewritten");
    }
    keep(w, &w->said);
    return OK;
}

enum err witness_text(struct witness *w, struct bytes text, struct buf *out)
{
    struct jsonrpc rpc;
    if (jsonrpc_scan(text, &rpc) != OK || rpc.kind == JSONRPC_NOTIFICATION ||
        rpc.kind == JSONRPC_REQUEST) {
        return ERR_AGAIN; // what every connection hears: not for us
    }
    if (rpc.kind == JSONRPC_ERROR) {
        return OK; // the host cannot say now; it is asked again at the next READY
    }
    return bytes_equal_str(rpc.id, "1") ? ask(w, out) : take_page(w, rpc.result, out);
}
