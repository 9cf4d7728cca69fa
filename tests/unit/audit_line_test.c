#include "crypto/id.h"
#include "crypto/sign.h"
#include "store/audit_line.h"
#include "vectors.h"

static struct audit_line parsed(const char *text)
{
    struct audit_line line = {.idx = 0};
    EQ_INT(audit_line_parse(bytes_from_str(text), &line), OK);
    return line;
}

static void check_record(json_t *record, struct audit_head *head)
{
    struct buf printed;
    const struct bytes text = json_get_bytes(record, "line");
    const struct audit_line line = parsed(json_get_str(record, "line"));
    struct vector v;
    CASE(json_get_str(record, "type"));
    EQ_U64(line.idx, (uint64_t)json_get_int(record, "idx", 0));
    EQ_U64(line.time_ms, (uint64_t)json_get_int(record, "time", 0));
    EQ_BYTES(line.type, json_get_bytes(record, "type"));
    EQ_BYTES(line.payload, json_get_bytes(record, "payload"));
    EQ_BYTES(BYTES_OF(line.h), vector(record, "h", &v));
    uint8_t payload[AUDIT_HASH];
    audit_payload_hash(line.payload, payload);
    EQ_BYTES(BYTES_OF(payload), vector(record, "payloadHash", &v));
    EQ_INT(audit_head_check(head, &line), AUDIT_FINE);
    buf_init(&printed, AUDIT_LINE_MAX);
    EQ_INT(audit_line_print(&line, &printed), OK);
    EQ_BYTES(buf_bytes(&printed), text);
    buf_fini(&printed);
}

static void check_point(const json_t *root, const struct audit_line *line)
{
    json_t *payload = NULL;
    struct audit_head head = {.idx = 0};
    struct vector v;
    uint8_t message[AUDIT_CHECKPOINT_SIZE];
    uint8_t sig[SIGN_SIG];
    size_t len = 0;
    EQ_INT(json_parse(line->payload, &payload), OK);
    head.idx = (uint64_t)json_get_int(payload, "idx", 0);
    memcpy(head.h, vector(payload, "h", &v).at, AUDIT_HASH);
    EQ_INT(b64url_decode(json_get_bytes(payload, "sig"), sig, sizeof(sig), &len), OK);
    audit_checkpoint_octets(&head, message);
    EQ_INT(
        sign_verify(vector(root, "host_key", &v).at, BYTES_OF(message), BYTES_OF(sig)),
        OK);
    json_decref(payload);
}

TEST(the_vectors_are_a_chain_from_h0_to_a_signed_checkpoint)
{
    json_t *root = vectors_load("audit.json");
    struct audit_head head;
    struct vector v;
    uint8_t host_id[ID_SIZE];
    id_host(vector(root, "host_key", &v).at, host_id);
    EQ_BYTES(BYTES_OF(host_id), vector(root, "host_id", &v));
    audit_head_start(host_id, (uint64_t)json_get_int(root, "created", 0), &head);
    EQ_BYTES(BYTES_OF(head.h), vector(root, "h0", &v));
    json_t *records = json_get_arr(root, "records");
    for (size_t i = 0; i < json_array_size(records); i++) {
        check_record(json_array_get(records, i), &head);
    }
    const json_t *last = json_array_get(records, json_array_size(records) - 1);
    const struct audit_line line = parsed(json_get_str(last, "line"));
    check_point(root, &line);
    json_decref(root);
}

#define Z16 "0000000000000000"
#define Z64 Z16 Z16 Z16 Z16
#define END ",\"prev\":\"" Z64 "\",\"h\":\"" Z64 "\"}"

TEST(a_line_has_one_spelling)
{
    static const struct {
        const char *name;
        const char *text;
    } rows[] = {
        {"empty", ""},
        {"no object", "[]"},
        {"a space", "{\"idx\": 1,\"time\":2,\"type\":\"t\",\"payload\":{}" END},
        {"a leading zero", "{\"idx\":01,\"time\":2,\"type\":\"t\",\"payload\":{}" END},
        {"number zero", "{\"idx\":0,\"time\":2,\"type\":\"t\",\"payload\":{}" END},
        {"negative", "{\"idx\":-1,\"time\":2,\"type\":\"t\",\"payload\":{}" END},
        {"too large", "{\"idx\":9223372036854775808,\"time\":2,\"type\":\"t\","
                      "\"payload\":{}" END},
        {"no type", "{\"idx\":1,\"time\":2,\"type\":\"\",\"payload\":{}" END},
        {"a capital", "{\"idx\":1,\"time\":2,\"type\":\"T\",\"payload\":{}" END},
        {"an escape", "{\"idx\":1,\"time\":2,\"type\":\"\\u0074\",\"payload\":{}" END},
        {"payload no object",
         "{\"idx\":1,\"time\":2,\"type\":\"t\",\"payload\":[]" END},
        {"payload cut", "{\"idx\":1,\"time\":2,\"type\":\"t\",\"payload\":{" END},
        {"a line break", "{\"idx\":1,\"time\":2,\"type\":\"t\",\"payload\":{\n}" END},
        {"more after it",
         "{\"idx\":1,\"time\":2,\"type\":\"t\",\"payload\":{}" END " "},
        {"capital hex", "{\"idx\":1,\"time\":2,\"type\":\"t\",\"payload\":{},\"prev\":"
                        "\"A" Z16 Z16 Z16 "000000000000000\",\"h\":\"" Z64 "\"}"},
        {"short hash", "{\"idx\":1,\"time\":2,\"type\":\"t\",\"payload\":{},\"prev\":"
                       "\"00\",\"h\":\"" Z64 "\"}"},
    };
    (void)parsed("{\"idx\":1,\"time\":0,\"type\":\"t\",\"payload\":{}" END);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct audit_line line = {.idx = 77};
        CASE(rows[i].name);
        EQ_INT(audit_line_parse(bytes_from_str(rows[i].text), &line), ERR_PROTO);
        EQ_U64(line.idx, 77);
    }
}

/* Three records of a chain, one of which the test changes. */
static void make(struct audit_line lines[3])
{
    struct audit_head head = {.idx = 0};
    audit_head_start((const uint8_t[16]){1}, 5, &head);
    for (size_t i = 0; i < 3; i++) {
        uint8_t payload[AUDIT_HASH];
        lines[i] = (struct audit_line){.idx = i + 1,
                                       .time_ms = 9 - i, // the clock goes back
                                       .type = BYTES_LIT("turn"),
                                       .payload = BYTES_LIT("{\"a\":1}")};
        memcpy(lines[i].prev, head.h, AUDIT_HASH);
        audit_payload_hash(lines[i].payload, payload);
        audit_link(head.h, i + 1, lines[i].time_ms, lines[i].type, payload, lines[i].h);
        head.idx = i + 1;
        memcpy(head.h, lines[i].h, AUDIT_HASH);
    }
}

static enum audit_fault first_fault(const struct audit_line lines[3], uint64_t *at)
{
    struct audit_head head;
    audit_head_start((const uint8_t[16]){1}, 5, &head);
    for (size_t i = 0; i < 3; i++) {
        const enum audit_fault fault = audit_head_check(&head, &lines[i]);
        if (fault != AUDIT_FINE) {
            *at = i + 1;
            return fault;
        }
    }
    return AUDIT_FINE;
}

TEST(every_change_of_a_record_is_found_where_it_is)
{
    struct audit_line lines[3];
    uint64_t at = 0;
    make(lines);
    EQ_INT(first_fault(lines, &at), AUDIT_FINE);
    lines[1].payload = BYTES_LIT("{\"a\":2}");
    EQ_INT(first_fault(lines, &at), AUDIT_CONTENT);
    EQ_U64(at, 2);
    make(lines);
    lines[1].time_ms++;
    EQ_INT(first_fault(lines, &at), AUDIT_CONTENT);
    make(lines);
    lines[1].type = BYTES_LIT("pair");
    EQ_INT(first_fault(lines, &at), AUDIT_CONTENT);
    make(lines);
    lines[1] = lines[2]; // taken out
    EQ_INT(first_fault(lines, &at), AUDIT_NUMBER);
    EQ_U64(at, 2);
    make(lines);
    lines[1].prev[0] ^= 1;
    EQ_INT(first_fault(lines, &at), AUDIT_LINK);
    make(lines);
    lines[0].h[0] ^= 1; // written anew with a hash of its own: the next one tells
    EQ_INT(first_fault(lines, &at), AUDIT_CONTENT);
    EQ_U64(at, 1);
}

TEST(what_may_be_written)
{
    TRUE(audit_line_fits("outside decision", BYTES_LIT("{}")));
    FALSE(audit_line_fits("", BYTES_LIT("{}")));
    FALSE(audit_line_fits("a type of more than thirty-two letters", BYTES_LIT("{}")));
    FALSE(audit_line_fits("turn", BYTES_LIT("[]")));
    FALSE(audit_line_fits("turn", BYTES_LIT("{} ")));
    FALSE(audit_line_fits("turn", BYTES_LIT("{\n}")));
    struct bytes large = {.len = AUDIT_PAYLOAD_MAX + 1};
    uint8_t *octets = calloc(large.len, 1);
    TRUE(octets != NULL);
    memset(octets, ' ', large.len);
    octets[0] = '{';
    octets[large.len - 1] = '}';
    large.at = octets;
    FALSE(audit_line_fits("turn", large));
    octets[large.len - 2] = '}';
    large.len--;
    TRUE(audit_line_fits("turn", large));
    free(octets);
}

RUN_TESTS(T(the_vectors_are_a_chain_from_h0_to_a_signed_checkpoint),
          T(a_line_has_one_spelling), T(every_change_of_a_record_is_found_where_it_is),
          T(what_may_be_written))
