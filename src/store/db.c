#include "store/db.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"

static void say(struct store *s, const char *sql)
{
    log_error("store.failed", "sql=\"%.40s\" reason=\"%s\"", sql,
              sqlite3_errmsg(s->db));
}

sqlite3_stmt *db_prepare(struct store *s, const char *sql)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK) {
        say(s, sql);
        return NULL;
    }
    return q;
}

void db_bind_u64(sqlite3_stmt *q, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(q, at, (sqlite3_int64)value);
}

void db_bind_bytes(sqlite3_stmt *q, int at, struct bytes value)
{
    (void)sqlite3_bind_blob64(q, at, value.at, value.len, SQLITE_TRANSIENT);
}

void db_bind_text(sqlite3_stmt *q, int at, const char *value)
{
    (void)sqlite3_bind_text(q, at, value, -1, SQLITE_TRANSIENT);
}

void db_read_bytes(sqlite3_stmt *q, int column, uint8_t *out, size_t size)
{
    memset(out, 0, size);
    const void *at = sqlite3_column_blob(q, column);
    if (at != NULL && (size_t)sqlite3_column_bytes(q, column) == size) {
        memcpy(out, at, size);
    }
}

void db_read_text(sqlite3_stmt *q, int column, char *out, size_t size)
{
    const unsigned char *at = sqlite3_column_text(q, column);
    const int len = sqlite3_column_bytes(q, column);
    text_sanitize((struct bytes){at, at == NULL ? 0 : (size_t)len}, out, size);
}

uint64_t db_read_u64(sqlite3_stmt *q, int column)
{
    return (uint64_t)sqlite3_column_int64(q, column);
}

enum err db_run(struct store *s, sqlite3_stmt *q)
{
    if (q == NULL) {
        return ERR_IO;
    }
    const int status = sqlite3_step(q);
    if (status != SQLITE_DONE) {
        say(s, sqlite3_sql(q));
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_DONE ? OK : ERR_IO;
}

uint64_t db_changes(struct store *s)
{
    return (uint64_t)sqlite3_changes(s->db);
}

enum err db_exec(struct store *s, const char *sql)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        say(s, sql);
        return ERR_IO;
    }
    return OK;
}
