#include "store/audit_line.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "wire/json.h"

/* ---- hashes -------------------------------------------------------------------- */

#define LOG_LABEL   "fh1 log"
#define START_LABEL "fh1 log start"
#define POINT_LABEL "fh1 log cp"

static struct bytes lv_size(uint8_t out[4], size_t len)
{
    be32_write(out, (uint32_t)len);
    return (struct bytes){out, 4};
}

static struct bytes u64_octets(uint8_t out[8], uint64_t value)
{
    be64_write(out, value);
    return (struct bytes){out, 8};
}

void audit_head_start(const uint8_t host_id[16], uint64_t created_ms,
                      struct audit_head *out)
{
    uint8_t size[4];
    uint8_t created[8];
    const struct bytes parts[] = {
        lv_size(size, sizeof(START_LABEL) - 1),
        BYTES_LIT(START_LABEL),
        {host_id, 16},
        u64_octets(created, created_ms),
    };
    out->idx = 0;
    hash_sha256_parts(parts, COUNT(parts), out->h);
}

void audit_payload_hash(struct bytes payload, uint8_t out[AUDIT_HASH])
{
    hash_sha256(payload, out);
}

void audit_link(const uint8_t prev[AUDIT_HASH], uint64_t idx, uint64_t time_ms,
                struct bytes type, const uint8_t payload_hash[AUDIT_HASH],
                uint8_t out[AUDIT_HASH])
{
    uint8_t label_size[4];
    uint8_t type_size[4];
    uint8_t number[8];
    uint8_t time[8];
    const struct bytes parts[] = {
        lv_size(label_size, sizeof(LOG_LABEL) - 1),
        BYTES_LIT(LOG_LABEL),
        {prev, AUDIT_HASH},
        u64_octets(number, idx),
        u64_octets(time, time_ms),
        lv_size(type_size, type.len),
        type,
        {payload_hash, AUDIT_HASH},
    };
    hash_sha256_parts(parts, COUNT(parts), out);
}

enum audit_fault audit_head_check(struct audit_head *head,
                                  const struct audit_line *line)
{
    uint8_t payload[AUDIT_HASH];
    uint8_t h[AUDIT_HASH];
    enum audit_fault fault = AUDIT_FINE;
    audit_payload_hash(line->payload, payload);
    audit_link(line->prev, line->idx, line->time_ms, line->type, payload, h);
    if (line->idx != head->idx + 1) {
        fault = AUDIT_NUMBER;
    } else if (!bytes_equal(BYTES_OF(head->h), BYTES_OF(line->prev))) {
        fault = AUDIT_LINK;
    } else if (!bytes_equal(BYTES_OF(h), BYTES_OF(line->h))) {
        fault = AUDIT_CONTENT;
    }
    head->idx = line->idx;
    memcpy(head->h, line->h, AUDIT_HASH);
    return fault;
}

const char *audit_fault_text(enum audit_fault fault)
{
    switch (fault) {
    case AUDIT_FINE:
        return "it is as it was written";
    case AUDIT_FORM:
        return "it is not a record of an audit log";
    case AUDIT_NUMBER:
        return "its number is not the next one: records are missing or were added";
    case AUDIT_LINK:
        return "it does not follow the record before it: one was changed or taken out";
    case AUDIT_CONTENT:
        return "its content was changed after it was written";
    }
    return "";
}

void audit_checkpoint_octets(const struct audit_head *head,
                             uint8_t out[AUDIT_CHECKPOINT_SIZE])
{
    const size_t label = sizeof(POINT_LABEL) - 1;
    be32_write(out, (uint32_t)label);
    memcpy(out + 4, POINT_LABEL, label);
    be64_write(out + 4 + label, head->idx);
    memcpy(out + 12 + label, head->h, AUDIT_HASH);
}

/* ---- text ---------------------------------------------------------------------- */

static bool type_is_fit(struct bytes type)
{
    for (size_t i = 0; i < type.len; i++) {
        const uint8_t c = type.at[i];
        if ((c < 'a' || c > 'z') && c != ' ') {
            return false;
        }
    }
    return type.len != 0 && type.len <= AUDIT_TYPE_MAX;
}

static bool payload_is_fit(struct bytes payload)
{
    struct bytes value = BYTES_NONE;
    return payload.len >= 2 && payload.len <= AUDIT_PAYLOAD_MAX &&
           payload.at[0] == '{' && memchr(payload.at, '\n', payload.len) == NULL &&
           memchr(payload.at, '\r', payload.len) == NULL &&
           json_raw_value(payload, &value) == OK && value.len == payload.len;
}

bool audit_line_fits(const char *type, struct bytes payload)
{
    return type_is_fit(bytes_from_str(type)) && payload_is_fit(payload);
}

enum err audit_line_print(const struct audit_line *line, struct buf *out)
{
    const size_t before = buf_len(out);
    char prev[HEX_SIZE(AUDIT_HASH)];
    char h[HEX_SIZE(AUDIT_HASH)];
    hex_encode(BYTES_OF(line->prev), prev);
    hex_encode(BYTES_OF(line->h), h);
    enum err e =
        buf_putf(out,
                 "{\"idx\":%llu,\"time\":%llu,\"type\":\"%.*s\","
                 "\"payload\":",
                 (unsigned long long)line->idx, (unsigned long long)line->time_ms,
                 (int)line->type.len, (const char *)line->type.at);
    e = e != OK ? e : buf_put(out, line->payload);
    e = e != OK ? e : buf_putf(out, ",\"prev\":\"%s\",\"h\":\"%s\"}", prev, h);
    if (e != OK) {
        buf_truncate(out, before);
    }
    return e;
}

static bool skip(struct bytes *in, struct bytes literal)
{
    if (!bytes_equal(bytes_sub(*in, 0, literal.len), literal)) {
        return false;
    }
    *in = bytes_sub(*in, literal.len, SIZE_MAX);
    return true;
}

/* Everything before the next `end`, which is skipped too. */
static bool until(struct bytes *in, char end, struct bytes *out)
{
    const uint8_t *at = in->len == 0 ? NULL : memchr(in->at, end, in->len);
    if (at == NULL) {
        return false;
    }
    *out = bytes_sub(*in, 0, (size_t)(at - in->at));
    *in = bytes_sub(*in, out->len + 1, SIZE_MAX);
    return true;
}

/* One spelling: no leading zero. */
static bool number(struct bytes *in, uint64_t *out)
{
    struct bytes digits = BYTES_NONE;
    return until(in, ',', &digits) && (digits.len == 1 || digits.at[0] != '0') &&
           u64_parse(digits, INT64_MAX, out) == OK;
}

static bool hash(struct bytes *in, uint8_t out[AUDIT_HASH])
{
    struct bytes digits = BYTES_NONE;
    size_t len = 0;
    if (!until(in, '"', &digits) || digits.len != 2 * (size_t)AUDIT_HASH ||
        hex_decode(digits, out, AUDIT_HASH, &len) != OK) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] >= 'A' && digits.at[i] <= 'F') {
            return false;
        }
    }
    return true;
}

static bool payload(struct bytes *in, struct bytes *out)
{
    struct bytes value = BYTES_NONE;
    if (in->len == 0 || in->at[0] != '{' || json_raw_value(*in, &value) != OK ||
        value.len > AUDIT_PAYLOAD_MAX ||
        memchr(value.at, '\r', value.len) != NULL) { // no line has a line break
        return false;
    }
    *out = value;
    *in = bytes_sub(*in, value.len, SIZE_MAX);
    return true;
}

enum err audit_line_parse(struct bytes line, struct audit_line *out)
{
    struct audit_line l = {.idx = 0};
    struct bytes in = line;
    const bool fits =
        line.len <= AUDIT_LINE_MAX && memchr(line.at, '\n', line.len) == NULL &&
        skip(&in, BYTES_LIT("{\"idx\":")) && number(&in, &l.idx) &&
        skip(&in, BYTES_LIT("\"time\":")) && number(&in, &l.time_ms) &&
        skip(&in, BYTES_LIT("\"type\":\"")) && until(&in, '"', &l.type) &&
        type_is_fit(l.type) && skip(&in, BYTES_LIT(",\"payload\":")) &&
        payload(&in, &l.payload) && skip(&in, BYTES_LIT(",\"prev\":\"")) &&
        hash(&in, l.prev) && skip(&in, BYTES_LIT(",\"h\":\"")) && hash(&in, l.h) &&
        bytes_equal(in, BYTES_LIT("}"));
    if (!fits || l.idx == 0) {
        return ERR_PROTO;
    }
    *out = l;
    return OK;
}
