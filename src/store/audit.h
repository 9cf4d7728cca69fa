/*
 * audit: the host's append-only, hash-chained log: audit.jsonl.
 *
 * Source     docs/protocol.md section 7 (Log).
 * Shape      audit_open() reads the file (of a long one the end), drops a torn tail,
 *            remembers where the chain stands; audit_append() adds a record. The first record of a log is
 *            `start` and its payload says `created` (milliseconds), from which h_0
 *            follows. The file is never rewritten: of a changed record the host says
 *            where it is, and goes on after what is there.
 * Ownership  audit_open() gives the log; lines given to a visitor are borrowed.
 * Errors     ERR_IO     the disk refused (full, read-only, broken): audit_trouble()
 *                       says it in words, nothing was added, and whatever should have
 *                       been recorded MUST NOT happen
 *            ERR_LIMIT  the payload is too large or no object
 *            ERR_NOT_FOUND  no such record
 * Time       wall clock, passed in. The chain does not care which way it goes.
 * Limits     AUDIT_PAYLOAD_MAX a record; in memory 8 octets for 256 records.
 * Threads    one: the host's loop.
 * Tests      tests/unit/audit_test.c
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "store/audit_line.h"

struct audit;

/* Makes the file when it is not there. `created_ms`: now; of a log that exists its own
 * creation counts. `host_key` (NULL: the whole log is read): of a long log the end alone
 * is read, from before a checkpoint that this key has signed. */
NODISCARD enum err audit_open(const char *path, const uint8_t host_id[16],
                              const uint8_t *host_key, uint64_t created_ms,
                              struct audit **out, struct diag *d);
void audit_close(struct audit *a); // NULL is fine

/* One record, as one write. sync: on disk when it returns (and all before it).
 * *idx (NULL: not asked) is its number. Calls what audit_on_append() was given. */
NODISCARD enum err audit_append(struct audit *a, const char *type, struct bytes payload,
                                uint64_t wall_ms, bool sync, uint64_t *idx);
typedef void audit_appended_fn(void *user, const char *type);
void audit_on_append(struct audit *a, audit_appended_fn *fn, void *user);

void audit_head(const struct audit *a, struct audit_head *out);
uint64_t audit_created(const struct audit *a);  // milliseconds since 1970
NODISCARD enum err audit_sync(struct audit *a); // everything written is on disk
bool audit_is_synced(const struct audit *a);    // everything written is on disk

/* Why nothing can be written, "" when the last append went well. */
const char *audit_trouble(const struct audit *a);

/* Signs where the chain stands and appends that as a `checkpoint`, without a sync of
 * its own; nothing when the last record is one. */
typedef void audit_sign_fn(void *user, struct bytes message, uint8_t sig[64]);
NODISCARD enum err audit_checkpoint(struct audit *a, audit_sign_fn *sign, void *user,
                                    uint64_t wall_ms);

/* ---- what was found when it was opened --------------------------------------- */

struct audit_found {
    uint64_t torn;          // octets dropped at the end; 0: none
    uint8_t torn_hash[32];  // SHA256 of them
    uint64_t broken;        // number of the first record that does not fit; 0: none
    enum audit_fault fault; // what is wrong with it
    bool made;              // there was no file
};
const struct audit_found *audit_found(const struct audit *a);

/* ---- reading ------------------------------------------------------------------ */

/* Records from `from` on, at most `limit`, until `visit` says false. */
typedef bool audit_visit_fn(void *user, const struct audit_line *line);
NODISCARD enum err audit_each(struct audit *a, uint64_t from, uint64_t limit,
                              audit_visit_fn *visit, void *user);

/* Is this a place that this chain went through? Asked of what devices have seen. */
bool audit_holds(struct audit *a, uint64_t idx, const uint8_t h[AUDIT_HASH]);

#endif
