#include "store/db.h"

enum err store_guess_add(struct store *s, uint64_t now_ms)
{
    sqlite3_stmt *q = db_prepare(s, "INSERT INTO guess VALUES (?)");
    if (q != NULL) {
        db_bind_u64(q, 1, now_ms);
    }
    return db_run(s, q);
}

enum err store_guess_count(struct store *s, uint64_t since_ms, uint64_t *out)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT COUNT(*) FROM guess WHERE time_ms >= ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_u64(q, 1, since_ms);
    const int status = sqlite3_step(q);
    if (status == SQLITE_ROW) {
        *out = db_read_u64(q, 0);
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_ROW ? OK : ERR_IO;
}

enum err store_guess_clear(struct store *s)
{
    return db_exec(s, "DELETE FROM guess");
}
