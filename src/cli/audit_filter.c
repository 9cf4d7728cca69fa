#include "cli/audit_filter.h"

#include <string.h>
#include <time.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/jsonrpc.h"

static const struct {
    char unit;
    uint64_t ms;
} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};

static bool read_age(const char *text, uint64_t now_ms, uint64_t *out)
{
    const size_t len = strlen(text);
    uint64_t n = 0;
    for (size_t i = 0; len > 1 && i < COUNT(units); i++) {
        if (text[len - 1] == units[i].unit &&
            u64_parse((struct bytes){(const uint8_t *)text, len - 1}, 1000000, &n) ==
                OK) {
            *out = n * units[i].ms < now_ms ? now_ms - n * units[i].ms : 0;
            return true;
        }
    }
    return false;
}

enum err audit_time_read(const char *text, uint64_t now_ms, uint64_t *out,
                         struct diag *d)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"};
    if (read_age(text, now_ms, out)) {
        return OK;
    }
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &tm);
        if (end != NULL && *end == '\0') {
            const time_t at = mktime(&tm);
            *out = at > 0 ? (uint64_t)at * 1000 : 0;
            return OK;
        }
    }
    diag_set(
        d, "%s is no time: write 2026-11-22, \"2026-11-22 17:05\", or 10m, 2h, 3d ago",
        text);
    return ERR_USAGE;
}

static bool begins(struct bytes raw, const char *text)
{
    struct bytes plain = BYTES_NONE;
    const size_t len = strlen(text);
    return raw.len != 0 && json_raw_plain(raw, &plain) == OK && plain.len >= len &&
           memcmp(plain.at, text, len) == 0;
}

static bool is_device(struct bytes object, const char *text)
{
    static const char *const keys[] = {"clientId", "name"};
    struct bytes found[COUNT(keys)];
    return object.len != 0 && jsonrpc_pick(object, keys, COUNT(keys), found) == OK &&
           (begins(found[0], text) ||
            (found[1].len != 0 && json_raw_is(found[1], text)));
}

bool audit_filter_takes(const struct audit_filter *f, const struct audit_line *line)
{
    static const char *const keys[] = {"threadId", "by"};
    struct bytes found[COUNT(keys)] = {BYTES_NONE};
    if (line->time_ms < f->since_ms ||
        (f->until_ms != 0 && line->time_ms > f->until_ms) ||
        (f->type != NULL && !bytes_equal_str(line->type, f->type))) {
        return false;
    }
    if (f->thread == NULL && f->device == NULL) {
        return true;
    }
    if (jsonrpc_pick(line->payload, keys, COUNT(keys), found) != OK) {
        return false;
    }
    if (f->thread != NULL && !begins(found[0], f->thread)) {
        return false;
    }
    return f->device == NULL || is_device(line->payload, f->device) ||
           is_device(found[1], f->device);
}
