#include "store/db.h"

enum err store_setting_get(struct store *s, const char *name, uint64_t *out)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT value FROM setting WHERE name = ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_text(q, 1, name);
    const int status = sqlite3_step(q);
    if (status == SQLITE_ROW) {
        *out = db_read_u64(q, 0);
    }
    (void)sqlite3_finalize(q);
    if (status == SQLITE_DONE) {
        return ERR_NOT_FOUND;
    }
    return status == SQLITE_ROW ? OK : ERR_IO;
}

enum err store_setting_put(struct store *s, const char *name, uint64_t value)
{
    sqlite3_stmt *q = db_prepare(s, "INSERT OR REPLACE INTO setting VALUES (?, ?)");
    if (q != NULL) {
        db_bind_text(q, 1, name);
        db_bind_u64(q, 2, value);
    }
    return db_run(s, q);
}
