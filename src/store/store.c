#include "store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/db.h"

#define STORE_VERSION 1
#define BUSY_MS       2000 // another process reads: wait this long, then fail

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS device (id BLOB PRIMARY KEY, d BLOB NOT NULL,"
    " dr BLOB NOT NULL, pair_root BLOB NOT NULL, name TEXT NOT NULL, app TEXT NOT NULL,"
    " role INTEGER NOT NULL, caps INTEGER NOT NULL, serial INTEGER NOT NULL,"
    " issued_s INTEGER NOT NULL, not_after_s INTEGER NOT NULL,"
    " paired_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tombstone (id BLOB PRIMARY KEY, serial INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS guess (time_ms INTEGER NOT NULL);";

/* SQLite would make the file with the umask's mode: it holds pair_root. */
static enum err make_private(const char *path, struct diag *d)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        diag_set(d, "cannot open %s for writing", path);
        return ERR_IO;
    }
    const int failed = fchmod(fd, 0600);
    (void)close(fd);
    return failed == 0 ? OK : ERR_IO;
}

static enum err check_version(struct store *s, struct diag *d)
{
    sqlite3_stmt *q = db_prepare(s, "PRAGMA user_version");
    if (q == NULL || sqlite3_step(q) != SQLITE_ROW) {
        (void)sqlite3_finalize(q);
        diag_set(d, "the state file is damaged: %s", sqlite3_errmsg(s->db));
        return ERR_IO;
    }
    const uint64_t version = db_read_u64(q, 0);
    (void)sqlite3_finalize(q);
    if (version > STORE_VERSION) {
        diag_set(d, "the state was written by a newer farhand: update this one");
        return ERR_USAGE;
    }
    return OK;
}

static enum err prepare_file(struct store *s, struct diag *d)
{
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    enum err e = check_version(s, d);
    if (e == OK) {
        e = db_exec(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "PRAGMA secure_delete=ON; PRAGMA cache_size=-64;");
    }
    if (e == OK) {
        e = db_exec(s, schema);
    }
    if (e == OK) {
        e = db_exec(s, "PRAGMA user_version=1");
    }
    if (e != OK) {
        diag_set(d, "the state file cannot be used: %s", sqlite3_errmsg(s->db));
    }
    return e;
}

enum err store_open(const char *path, struct store **out, struct diag *d)
{
    struct store *s = NULL;
    enum err e = make_private(path, d);
    if (e != OK) {
        return e;
    }
    s = mem_new(sizeof(*s));
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        diag_set(d, "the state file %s cannot be opened: %s", path,
                 sqlite3_errmsg(s->db));
        e = ERR_IO;
        goto out;
    }
    e = prepare_file(s, d);
    if (e != OK) {
        goto out;
    }
    *out = s;
    s = NULL;
out:
    store_close(s);
    return e;
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    (void)sqlite3_close(s->db);
    mem_free(s);
}
