#include "store/trust.h"

#include "store/db.h"

#define COLUMNS "path, device, inode, born_ns, trusted, time_ms, by"

static void read_row(sqlite3_stmt *q, struct store_trust *out)
{
    db_read_text(q, 0, out->path, sizeof(out->path));
    out->device = db_read_u64(q, 1);
    out->inode = db_read_u64(q, 2);
    out->born_ns = db_read_u64(q, 3);
    out->trusted = db_read_u64(q, 4) != 0;
    out->time_ms = db_read_u64(q, 5);
    db_read_text(q, 6, out->by, sizeof(out->by));
}

static enum err count_rows(struct store *s, uint64_t *out)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT count(*) FROM trust");
    if (q == NULL) {
        return ERR_IO;
    }
    const int status = sqlite3_step(q);
    if (status == SQLITE_ROW) {
        *out = db_read_u64(q, 0);
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_ROW ? OK : ERR_IO;
}

enum err store_trust_put(struct store *s, const struct store_trust *row)
{
    uint64_t n = 0;
    const enum err e = count_rows(s, &n);
    if (e != OK || n >= STORE_TRUST_MAX) {
        return e != OK ? e : ERR_LIMIT;
    }
    sqlite3_stmt *q = db_prepare(s, "INSERT OR REPLACE INTO trust (" COLUMNS
                                    ") VALUES (?,?,?,?,?,?,?)");
    if (q != NULL) {
        db_bind_text(q, 1, row->path);
        db_bind_u64(q, 2, row->device);
        db_bind_u64(q, 3, row->inode);
        db_bind_u64(q, 4, row->born_ns);
        db_bind_u64(q, 5, row->trusted ? 1 : 0);
        db_bind_u64(q, 6, row->time_ms);
        db_bind_text(q, 7, row->by);
    }
    return db_run(s, q);
}

enum err store_trust_get(struct store *s, const char *path, struct store_trust *out)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT " COLUMNS " FROM trust WHERE path = ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_text(q, 1, path);
    const int status = sqlite3_step(q);
    if (status == SQLITE_ROW) {
        read_row(q, out);
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_ROW ? OK : status == SQLITE_DONE ? ERR_NOT_FOUND : ERR_IO;
}

enum err store_trust_remove(struct store *s, const char *path)
{
    sqlite3_stmt *q = db_prepare(s, "DELETE FROM trust WHERE path = ?");
    if (q != NULL) {
        db_bind_text(q, 1, path);
    }
    const enum err e = db_run(s, q);
    return e == OK && db_changes(s) == 0 ? ERR_NOT_FOUND : e;
}

enum err store_trust_each(struct store *s, store_trust_fn *visit, void *user)
{
    struct store_trust row;
    sqlite3_stmt *q = db_prepare(s, "SELECT " COLUMNS " FROM trust ORDER BY path");
    if (q == NULL) {
        return ERR_IO;
    }
    int status;
    while ((status = sqlite3_step(q)) == SQLITE_ROW) {
        read_row(q, &row);
        visit(user, &row);
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_DONE ? OK : ERR_IO;
}
