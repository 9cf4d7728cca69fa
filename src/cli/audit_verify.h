/*
 * audit_verify: is an audit log what its host wrote, and who signed the decisions?
 *
 * Source     docs/protocol.md sections 6 (grants), 7, 7.1.
 * Shape      reads the file once: every record is the next link of the chain; grants
 *            and checkpoints carry the host's signature, decisions their device's,
 *            under a grant that the log has, on the request that the log has, over a
 *            head that the log went through. The host key is that of the first
 *            record, unless one is given: then it must be that.
 * Ownership  plain values.
 * Errors     ERR_NOT_FOUND, ERR_DENIED, ERR_IO  the file cannot be read
 *            What is wrong with the log is no error: report->broken, report->fault.
 * Limits     memory: 32 octets a record, 100 a request.
 * Threads    as many as there are cores, for the signatures.
 * Tests      tests/unit/audit_verify_test.c
 */
#ifndef CLI_AUDIT_VERIFY_H
#define CLI_AUDIT_VERIFY_H

#include <stdbool.h>

#include "store/audit_line.h"

struct audit_report {
    uint64_t first; // number of the first record; over 1: an excerpt
    uint64_t records;
    uint64_t decisions; // signed by devices
    uint64_t unsigned_decisions;
    uint64_t grants;
    uint64_t checkpoints;
    uint64_t since_checkpoint; // records after the last one
    uint64_t unproved;         // decisions of an excerpt whose grant is not in it
    uint64_t torn;             // octets after the last whole record
    uint64_t broken;           // number of the first record that is wrong; 0: none
    char fault[160];           // what is wrong with it
    bool has_key;
    uint8_t host_key[32];
    struct audit_head head;
    uint64_t first_ms;
    uint64_t last_ms;
    uint64_t chain_us;     // reading, hashing and everything but the signatures
    uint64_t signature_us; // of decisions and checkpoints
    uint64_t signatures;
};

struct audit_verify_options {
    const uint8_t *host_key; // NULL: the one that the log names
    unsigned threads;        // 0: one for each core
    bool chain_only;
};

NODISCARD enum err audit_verify(const char *path,
                                const struct audit_verify_options *options,
                                struct audit_report *out);

#endif
