/*
 * audit_line: one record of the audit log, and the chain it is a link of.
 *
 * Source     docs/protocol.md section 7 (Log), 5.4 (h_0).
 * Shape      one spelling a record, so that what parses prints as it was:
 *
 *     {"idx":7,"time":1760000000000,"type":"turn","payload":{…},"prev":"…","h":"…"}
 *
 *            time is milliseconds since 1970, prev and h are 64 lower-case hex digits,
 *            payload is any JSON object without a line break. Type: a-z and spaces.
 * Ownership  a parsed line borrows its text.
 * Errors     ERR_PROTO  not a line of this form
 * Limits     AUDIT_PAYLOAD_MAX octets of payload: a record is bounded, so that one
 *            question of an agent cannot fill a disk.
 * Threads    pure functions.
 * Tests      tests/unit/audit_line_test.c, tests/fuzz/audit_line_fuzz.c,
 *            tests/vectors/audit.json
 */
#ifndef STORE_AUDIT_LINE_H
#define STORE_AUDIT_LINE_H

#include "base/buf.h"

#define AUDIT_HASH        32
#define AUDIT_TYPE_MAX    32
#define AUDIT_PAYLOAD_MAX (1024u * 1024u) // a request of 512 KiB in base64url fits
#define AUDIT_LINE_MAX    (AUDIT_PAYLOAD_MAX + 512u) // without its line break

struct audit_line {
    uint64_t idx; // from 1
    uint64_t time_ms;
    struct bytes type;
    struct bytes payload; // exactly as written
    uint8_t prev[AUDIT_HASH];
    uint8_t h[AUDIT_HASH];
};

/* Where a chain stands: the last record's number and hash. */
struct audit_head {
    uint64_t idx; // 0: no record yet
    uint8_t h[AUDIT_HASH];
};

/* What is wrong with a line, as a link of its chain. */
enum audit_fault {
    AUDIT_FINE,
    AUDIT_FORM,    // not a line of the log at all
    AUDIT_NUMBER,  // its number is not the next one
    AUDIT_LINK,    // prev is not the hash of the record before it
    AUDIT_CONTENT, // its hash is not that of its content
};

NODISCARD enum err audit_line_parse(struct bytes line, struct audit_line *out);

/* Appends the line without its line break. */
NODISCARD enum err audit_line_print(const struct audit_line *line, struct buf *out);

/* May this be written: the type's letters, the payload's form and size? */
bool audit_line_fits(const char *type, struct bytes payload);

/* h_0 = SHA256(LV("fh1 log start")||host_id||u64 created_ms) */
void audit_head_start(const uint8_t host_id[16], uint64_t created_ms,
                      struct audit_head *out);

/* h_i from the record's number, time, type, and the hash of its payload. */
void audit_link(const uint8_t prev[AUDIT_HASH], uint64_t idx, uint64_t time_ms,
                struct bytes type, const uint8_t payload_hash[AUDIT_HASH],
                uint8_t out[AUDIT_HASH]);
void audit_payload_hash(struct bytes payload, uint8_t out[AUDIT_HASH]);

/* Is `line` the record after *head? *head moves on to what the line says it is,
 * fault or none, so that the next line is judged for itself. */
enum audit_fault audit_head_check(struct audit_head *head,
                                  const struct audit_line *line);
const char *audit_fault_text(enum audit_fault fault); // "its hash is not …"

/* What a checkpoint signs: LV("fh1 log cp")||u64 idx||h. */
#define AUDIT_CHECKPOINT_SIZE 54
void audit_checkpoint_octets(const struct audit_head *head,
                             uint8_t out[AUDIT_CHECKPOINT_SIZE]);

#endif
