/*
 * audit_read: the lines of an audit file, one after the other, in bounded memory.
 *
 * Ownership  audit_reader_create() takes `fd` (a file that can be read at an offset);
 *            a line is borrowed until the next call.
 * Errors     ERR_CLOSED  no more lines
 *            ERR_AGAIN   octets without a line break at the end: a torn line, or one
 *                        that is being written; the reader stays before them
 *            ERR_IO      the file cannot be read
 * Limits     a line over AUDIT_LINE_MAX is given as an empty one, which no parser
 *            takes for a record.
 * Tests      tests/unit/audit_test.c
 */
#ifndef STORE_AUDIT_READ_H
#define STORE_AUDIT_READ_H

#include "base/bytes.h"

struct audit_reader;

NODISCARD struct audit_reader *audit_reader_create(int fd, uint64_t offset);
void audit_reader_destroy(struct audit_reader *r); // NULL is fine; closes fd

/* *line without its line break, *offset where it begins. */
NODISCARD enum err audit_reader_next(struct audit_reader *r, struct bytes *line,
                                     uint64_t *offset);

/* Where the next line begins. */
uint64_t audit_reader_offset(const struct audit_reader *r);

#endif
