/*
 * audit_filter: which records of an audit log somebody wants to see.
 *
 * Source     docs/protocol.md section 7.1 (members of the payloads).
 * Ownership  borrows the texts of the command line.
 * Errors     ERR_USAGE  a time that is none; the sentence is in diag
 * Tests      tests/unit/audit_verify_test.c
 */
#ifndef CLI_AUDIT_FILTER_H
#define CLI_AUDIT_FILTER_H

#include "store/audit_line.h"

struct audit_filter {
    const char *thread; // an id, or the beginning of one; NULL: any
    const char *device; // an id, the beginning of one, or a name; NULL: any
    const char *type;   // NULL: any
    uint64_t since_ms;
    uint64_t until_ms; // 0: no end
};

/* "2026-11-22", "2026-11-22 17:05", "…:09" in local time, or "90s", "10m", "2h", "3d"
 * before now. */
NODISCARD enum err audit_time_read(const char *text, uint64_t now_ms, uint64_t *out,
                                   struct diag *d);

bool audit_filter_takes(const struct audit_filter *f, const struct audit_line *line);

#endif
