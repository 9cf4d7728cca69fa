#include "store/store.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/db.h"

#define BUSY_MS 2000 // another process reads: wait this long, then fail

/* Steps from an empty file to today's, in order: user_version is how many were made.
 * A step that was released never changes; what is new is appended. */
static const char *const steps[] = {
    "CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS device (id BLOB PRIMARY KEY, d BLOB NOT NULL,"
    " dr BLOB NOT NULL, pair_root BLOB NOT NULL, name TEXT NOT NULL, app TEXT NOT NULL,"
    " role INTEGER NOT NULL, caps INTEGER NOT NULL, serial INTEGER NOT NULL,"
    " issued_s INTEGER NOT NULL, not_after_s INTEGER NOT NULL,"
    " paired_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tombstone (id BLOB PRIMARY KEY, serial INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS guess (time_ms INTEGER NOT NULL);",

    "CREATE TABLE lane (device_id BLOB PRIMARY KEY, last_recv INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE command (device_id BLOB NOT NULL, seq INTEGER NOT NULL,"
    " state INTEGER NOT NULL, method TEXT NOT NULL, thread TEXT NOT NULL,"
    " turn TEXT NOT NULL, client_id TEXT NOT NULL, error INTEGER NOT NULL,"
    " accepted_ms INTEGER NOT NULL, body BLOB, PRIMARY KEY (device_id, seq))"
    " WITHOUT ROWID;"
    "CREATE INDEX command_open ON command (state) WHERE state < 3;",

    "CREATE TABLE approval (id BLOB PRIMARY KEY, instance TEXT NOT NULL,"
    " upstream_id TEXT NOT NULL, method TEXT NOT NULL, thread TEXT NOT NULL,"
    " digest BLOB NOT NULL, params BLOB, request BLOB, material BLOB,"
    " state INTEGER NOT NULL, outcome INTEGER NOT NULL, result BLOB,"
    " decided_by TEXT NOT NULL, changed_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE approval_vote (request BLOB NOT NULL,"
    " local INTEGER NOT NULL, device BLOB NOT NULL, person TEXT NOT NULL,"
    " name TEXT NOT NULL, decision INTEGER NOT NULL, at_ms INTEGER NOT NULL, a BLOB,"
    " sig BLOB, audit_idx INTEGER NOT NULL);"
    "CREATE TABLE person (device BLOB PRIMARY KEY, name TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE presence (device BLOB NOT NULL, th4 BLOB NOT NULL,"
    " time_ms INTEGER NOT NULL, PRIMARY KEY (device, th4)) WITHOUT ROWID;",
    "ALTER TABLE device ADD COLUMN scope TEXT NOT NULL DEFAULT '';",

    // whose a device is belongs to the device, and an invitation may end
    "ALTER TABLE device ADD COLUMN person TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE device ADD COLUMN until_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE device SET person = coalesce("
    "(SELECT person.name FROM person WHERE person.device = device.id), '');"
    "DROP TABLE person;",

    "CREATE TABLE trust (path TEXT PRIMARY KEY, device INTEGER NOT NULL,"
    " inode INTEGER NOT NULL, born_ns INTEGER NOT NULL, trusted INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, by TEXT NOT NULL) WITHOUT ROWID;",
};

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

static enum err read_version(struct store *s, uint64_t *out, struct diag *d)
{
    sqlite3_stmt *q = db_prepare(s, "PRAGMA user_version");
    if (q == NULL || sqlite3_step(q) != SQLITE_ROW) {
        (void)sqlite3_finalize(q);
        diag_set(d, "the state file is damaged: %s", sqlite3_errmsg(s->db));
        return ERR_IO;
    }
    *out = db_read_u64(q, 0);
    (void)sqlite3_finalize(q);
    if (*out > COUNT(steps)) {
        diag_set(d, "the state was written by a newer farhand: update this one");
        return ERR_USAGE;
    }
    return OK;
}

/* One step and its number together: a crash leaves the one before or this one. */
static enum err migrate(struct store *s, uint64_t step)
{
    char version[48];
    enum err e = text_format(version, sizeof(version), "PRAGMA user_version=%u",
                             (unsigned)step + 1);
    if (e == OK) {
        e = store_begin(s);
    }
    if (e != OK) {
        return e;
    }
    e = db_exec(s, steps[step]);
    if (e == OK) {
        e = db_exec(s, version);
    }
    if (e == OK) {
        return store_commit(s);
    }
    store_rollback(s);
    return e;
}

static enum err prepare_file(struct store *s, struct diag *d)
{
    uint64_t version = 0;
    (void)sqlite3_busy_timeout(s->db, BUSY_MS);
    enum err e = read_version(s, &version, d);
    if (e != OK) {
        return e;
    }
    e = db_exec(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                   "PRAGMA secure_delete=ON; PRAGMA cache_size=-64;");
    for (; e == OK && version < COUNT(steps); version++) {
        e = migrate(s, version);
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

/* ---- transactions ------------------------------------------------------------- */

bool store_in_transaction(const struct store *s)
{
    return sqlite3_get_autocommit(s->db) == 0;
}

enum err store_begin(struct store *s)
{
    assert(!store_in_transaction(s));
    return db_exec(s, "BEGIN IMMEDIATE");
}

enum err store_commit(struct store *s)
{
    assert(store_in_transaction(s));
    const enum err e = db_exec(s, "COMMIT");
    if (e != OK) {
        store_rollback(s);
    }
    return e;
}

void store_rollback(struct store *s)
{
    // a full disk or a broken one has rolled it back already
    if (store_in_transaction(s) && db_exec(s, "ROLLBACK") != OK) {
        log_error("store.stuck", "reason=\"%s\"", sqlite3_errmsg(s->db));
    }
}
