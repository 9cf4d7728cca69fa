#include "store/lane.h"

#include <string.h>

#include "base/log.h"
#include "store/db.h"

#define COLUMNS \
    "device_id, seq, state, method, thread, turn, client_id, error, accepted_ms"

/* ---- lanes --------------------------------------------------------------------- */

enum err store_lane_get(struct store *s, const uint8_t device_id[16],
                        struct store_lane *out)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT last_recv FROM lane WHERE device_id = ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, (struct bytes){device_id, 16});
    const int status = sqlite3_step(q);
    if (status == SQLITE_ROW) {
        out->last_recv = db_read_u64(q, 0);
        memcpy(out->device_id, device_id, sizeof(out->device_id));
    }
    (void)sqlite3_finalize(q);
    if (status == SQLITE_DONE) {
        return ERR_NOT_FOUND;
    }
    return status == SQLITE_ROW ? OK : ERR_IO;
}

enum err store_lane_put(struct store *s, const struct store_lane *lane)
{
    sqlite3_stmt *q = db_prepare(s, "INSERT OR REPLACE INTO lane VALUES (?, ?)");
    if (q != NULL) {
        db_bind_bytes(q, 1, BYTES_OF(lane->device_id));
        db_bind_u64(q, 2, lane->last_recv);
    }
    return db_run(s, q);
}

/* ---- commands ------------------------------------------------------------------- */

/* The number of a command is used once: a row that is there already stays. */
enum err store_command_put(struct store *s, const struct store_command *c)
{
    sqlite3_stmt *q =
        db_prepare(s, "INSERT OR IGNORE INTO command VALUES (?,?,?,?,?,?,?,?,?,?)");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, BYTES_OF(c->device_id));
    db_bind_u64(q, 2, c->seq);
    db_bind_u64(q, 3, c->state);
    db_bind_text(q, 4, c->method);
    db_bind_text(q, 5, c->thread);
    db_bind_text(q, 6, c->turn);
    db_bind_text(q, 7, c->client_id);
    db_bind_u64(q, 8, (uint64_t)c->error);
    db_bind_u64(q, 9, c->accepted_ms);
    if (c->body.len != 0 && c->body.len <= STORE_BODY_MAX) {
        db_bind_bytes(q, 10, c->body);
    }
    const enum err e = db_run(s, q);
    if (e == OK && db_changes(s) == 0) {
        return ERR_EXISTS;
    }
    return e;
}

static void set_sync(struct store *s, const char *sql)
{
    if (!store_in_transaction(s) && db_exec(s, sql) != OK) {
        log_warn("store.sync", "reason=\"the level stays\"");
    }
}

enum err store_command_moved(struct store *s, const struct store_command *c)
{
    sqlite3_stmt *q = db_prepare(s, "UPDATE command SET state = ?3, error = ?4,"
                                    " thread = CASE ?5 WHEN '' THEN thread ELSE ?5 END,"
                                    " turn = CASE ?6 WHEN '' THEN turn ELSE ?6 END,"
                                    " body = CASE WHEN ?3 < 3 THEN body ELSE NULL END"
                                    " WHERE device_id = ?1 AND seq = ?2");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, BYTES_OF(c->device_id));
    db_bind_u64(q, 2, c->seq);
    db_bind_u64(q, 3, c->state);
    db_bind_u64(q, 4, (uint64_t)c->error);
    db_bind_text(q, 5, c->thread);
    db_bind_text(q, 6, c->turn);
    set_sync(s, "PRAGMA synchronous=NORMAL");
    const enum err e = db_run(s, q);
    const bool none = e == OK && db_changes(s) == 0;
    set_sync(s, "PRAGMA synchronous=FULL");
    return none ? ERR_NOT_FOUND : e;
}

static void read_command(sqlite3_stmt *q, struct store_command *c)
{
    *c = (struct store_command){.seq = db_read_u64(q, 1)};
    db_read_bytes(q, 0, c->device_id, sizeof(c->device_id));
    c->state = (enum store_command_state)db_read_u64(q, 2);
    db_read_text(q, 3, c->method, sizeof(c->method));
    db_read_text(q, 4, c->thread, sizeof(c->thread));
    db_read_text(q, 5, c->turn, sizeof(c->turn));
    db_read_text(q, 6, c->client_id, sizeof(c->client_id));
    c->error = (int64_t)db_read_u64(q, 7);
    c->accepted_ms = db_read_u64(q, 8);
    if (sqlite3_column_count(q) > 9) {
        c->body = (struct bytes){sqlite3_column_blob(q, 9),
                                 (size_t)sqlite3_column_bytes(q, 9)};
    }
}

static enum err visit_all(sqlite3_stmt *q, store_command_fn *visit, void *user)
{
    int status;
    while ((status = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_command c;
        read_command(q, &c);
        visit(user, &c);
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_DONE ? OK : ERR_IO;
}

enum err store_command_each(struct store *s, const uint8_t device_id[16], uint64_t from,
                            uint64_t limit, store_command_fn *visit, void *user)
{
    sqlite3_stmt *q =
        db_prepare(s, "SELECT " COLUMNS " FROM command WHERE device_id = ? AND seq >= ?"
                      " ORDER BY seq LIMIT ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, (struct bytes){device_id, 16});
    db_bind_u64(q, 2, from);
    db_bind_u64(q, 3, limit);
    return visit_all(q, visit, user);
}

enum err store_command_open(struct store *s, store_command_fn *visit, void *user)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT " COLUMNS ", body FROM command"
                                    " WHERE state < 3 ORDER BY device_id, seq");
    return q == NULL ? ERR_IO : visit_all(q, visit, user);
}

enum err store_command_prune(struct store *s, const uint8_t device_id[16])
{
    sqlite3_stmt *q = db_prepare(
        s, "DELETE FROM command WHERE device_id = ?1 AND state >= 3 AND seq <="
           " (SELECT seq FROM command WHERE device_id = ?1 AND state >= 3"
           " ORDER BY seq DESC LIMIT 1 OFFSET ?2)");
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){device_id, 16});
        db_bind_u64(q, 2, STORE_COMMANDS_MAX);
    }
    return db_run(s, q);
}
