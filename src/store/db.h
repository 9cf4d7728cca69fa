/*
 * db: what the files of this folder share: the handle and short statements.
 *
 * Shape      db_prepare() … db_bind_*() … sqlite3_step() … db_done().
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "store/store.h"

struct store {
    sqlite3 *db;
};

/* NULL after a failure, which has been logged. */
sqlite3_stmt *db_prepare(struct store *s, const char *sql);
void db_bind_u64(sqlite3_stmt *q, int at, uint64_t value);
void db_bind_bytes(sqlite3_stmt *q, int at, struct bytes value);
void db_bind_text(sqlite3_stmt *q, int at, const char *value);

/* Copies a blob column of exactly `size` octets; zeroes when it has another. */
void db_read_bytes(sqlite3_stmt *q, int column, uint8_t *out, size_t size);
void db_read_text(sqlite3_stmt *q, int column, char *out, size_t size);
uint64_t db_read_u64(sqlite3_stmt *q, int column);

/* Steps a statement that returns no row, and finalises it. Accepts NULL. */
NODISCARD enum err db_run(struct store *s, sqlite3_stmt *q);

uint64_t db_changes(struct store *s); // rows that the last statement touched

/* Statements without parameters. */
NODISCARD enum err db_exec(struct store *s, const char *sql);

#endif
