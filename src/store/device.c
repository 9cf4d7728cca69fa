#include "base/secret.h"
#include "store/db.h"

enum err store_is_revoked(struct store *s, const uint8_t id[16], bool *out)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT 1 FROM tombstone WHERE id = ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, (struct bytes){id, 16});
    const int status = sqlite3_step(q);
    (void)sqlite3_finalize(q);
    if (status != SQLITE_ROW && status != SQLITE_DONE) {
        return ERR_IO;
    }
    *out = status == SQLITE_ROW;
    return OK;
}

static void bind_device(sqlite3_stmt *q, const struct store_device *v)
{
    db_bind_bytes(q, 1, BYTES_OF(v->id));
    db_bind_bytes(q, 2, BYTES_OF(v->d));
    db_bind_bytes(q, 3, BYTES_OF(v->dr));
    db_bind_bytes(q, 4, BYTES_OF(v->pair_root));
    db_bind_text(q, 5, v->name);
    db_bind_text(q, 6, v->app);
    db_bind_u64(q, 7, v->role);
    db_bind_u64(q, 8, v->caps);
    db_bind_u64(q, 9, v->serial);
    db_bind_u64(q, 10, v->issued_s);
    db_bind_u64(q, 11, v->not_after_s);
    db_bind_u64(q, 12, v->paired_ms);
    db_bind_u64(q, 13, v->last_seen_ms);
    db_bind_text(q, 14, v->scope);
    db_bind_text(q, 15, v->person);
    db_bind_u64(q, 16, v->until_ms);
}

enum err store_device_put(struct store *s, const struct store_device *device)
{
    bool revoked = true;
    const enum err e = store_is_revoked(s, device->id, &revoked);
    if (e != OK || revoked) {
        return e != OK ? e : ERR_EXISTS;
    }
    sqlite3_stmt *q = db_prepare(
        s, "INSERT OR REPLACE INTO device VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    if (q != NULL) {
        bind_device(q, device);
    }
    return db_run(s, q);
}

static void read_device(sqlite3_stmt *q, struct store_device *v)
{
    db_read_bytes(q, 0, v->id, sizeof(v->id));
    db_read_bytes(q, 1, v->d, sizeof(v->d));
    db_read_bytes(q, 2, v->dr, sizeof(v->dr));
    db_read_bytes(q, 3, v->pair_root, sizeof(v->pair_root));
    db_read_text(q, 4, v->name, sizeof(v->name));
    db_read_text(q, 5, v->app, sizeof(v->app));
    v->role = (uint8_t)db_read_u64(q, 6);
    v->caps = db_read_u64(q, 7);
    v->serial = db_read_u64(q, 8);
    v->issued_s = db_read_u64(q, 9);
    v->not_after_s = db_read_u64(q, 10);
    v->paired_ms = db_read_u64(q, 11);
    v->last_seen_ms = db_read_u64(q, 12);
    db_read_text(q, 13, v->scope, sizeof(v->scope));
    db_read_text(q, 14, v->person, sizeof(v->person));
    v->until_ms = db_read_u64(q, 15);
}

enum err store_device_each(struct store *s, store_device_fn *visit, void *user)
{
    sqlite3_stmt *q = db_prepare(
        s, "SELECT id, d, dr, pair_root, name, app, role, caps, serial, issued_s,"
           " not_after_s, paired_ms, last_seen_ms, scope, person,"
           " until_ms FROM device ORDER BY paired_ms, id");
    if (q == NULL) {
        return ERR_IO;
    }
    int status;
    while ((status = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_device device;
        read_device(q, &device);
        visit(user, &device);
        secret_wipe(device.pair_root, sizeof(device.pair_root));
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_DONE ? OK : ERR_IO;
}

enum err store_device_seen(struct store *s, const uint8_t id[16], uint64_t ms)
{
    sqlite3_stmt *q = db_prepare(s, "UPDATE device SET last_seen_ms = ? WHERE id = ?");
    if (q != NULL) {
        db_bind_u64(q, 1, ms);
        db_bind_bytes(q, 2, (struct bytes){id, 16});
    }
    return db_run(s, q);
}

static enum err bury(struct store *s, const uint8_t id[16], uint64_t serial,
                     uint64_t now_ms)
{
    sqlite3_stmt *q =
        db_prepare(s, "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)");
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){id, 16});
        db_bind_u64(q, 2, serial);
        db_bind_u64(q, 3, now_ms);
    }
    const enum err e = db_run(s, q);
    if (e != OK) {
        return e;
    }
    q = db_prepare(s, "DELETE FROM device WHERE id = ?");
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){id, 16});
    }
    return db_run(s, q);
}

/* Its lane goes with it: a key that was revoked never has another. */
static enum err forget_lane(struct store *s, const uint8_t id[16])
{
    static const char *const sql[] = {"DELETE FROM lane WHERE device_id = ?",
                                      "DELETE FROM command WHERE device_id = ?"};
    enum err e = OK;
    for (size_t i = 0; i < 2 && e == OK; i++) {
        sqlite3_stmt *q = db_prepare(s, sql[i]);
        if (q != NULL) {
            db_bind_bytes(q, 1, (struct bytes){id, 16});
        }
        e = db_run(s, q);
    }
    return e;
}

enum err store_device_revoke(struct store *s, const uint8_t id[16], uint64_t serial,
                             uint64_t now_ms)
{
    enum err e = store_begin(s);
    if (e != OK) {
        return e;
    }
    e = bury(s, id, serial, now_ms);
    if (e == OK) {
        e = forget_lane(s, id);
    }
    if (e == OK) {
        return store_commit(s);
    }
    store_rollback(s);
    return e;
}
