#include "store/db.h"

/* Reads every page, changes nothing. */
enum err store_check(const char *path, struct diag *d)
{
    struct store s = {.db = NULL};
    enum err e = ERR_IO;
    sqlite3_stmt *q = NULL;
    if (sqlite3_open_v2(path, &s.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        diag_set(d, "it cannot be opened: %s", sqlite3_errmsg(s.db));
        goto out;
    }
    (void)sqlite3_busy_timeout(s.db, 2000);
    if (sqlite3_prepare_v2(s.db, "PRAGMA quick_check(1)", -1, &q, NULL) != SQLITE_OK ||
        sqlite3_step(q) != SQLITE_ROW) {
        diag_set(d, "it is damaged: %s", sqlite3_errmsg(s.db));
        goto out;
    }
    char answer[128];
    db_read_text(q, 0, answer, sizeof(answer));
    if (bytes_equal_str(bytes_from_str(answer), "ok")) {
        e = OK;
    } else {
        diag_set(d, "it is damaged: %s", answer);
    }
out:
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(s.db);
    return e;
}
