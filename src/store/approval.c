#include "store/approval.h"

#include "store/db.h"

/* ---- one transaction --------------------------------------------------------------- */

/* Somebody who began it already wants it to end with ours. */
static enum err begin(struct store *s)
{
    return store_in_transaction(s) ? OK : store_begin(s);
}

static enum err end(struct store *s, enum err e)
{
    if (e == OK) {
        return store_commit(s);
    }
    store_rollback(s);
    return e;
}

/* In WAL mode a commit under NORMAL is written but not waited for. Inside a
 * transaction there is nothing to wait for anyway. */
static enum err lazily(struct store *s, sqlite3_stmt *q)
{
    if (store_in_transaction(s)) {
        return db_run(s, q);
    }
    if (q == NULL || db_exec(s, "PRAGMA synchronous=NORMAL") != OK) {
        (void)sqlite3_finalize(q);
        return ERR_IO;
    }
    const enum err e = db_run(s, q);
    const enum err again = db_exec(s, "PRAGMA synchronous=FULL");
    return e != OK ? e : again;
}

/* ---- requests ---------------------------------------------------------------------------- */

enum err store_approval_put(struct store *s, const struct store_approval *v)
{
    sqlite3_stmt *q = db_prepare(
        s, "INSERT OR REPLACE INTO approval VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    if (q != NULL) {
        db_bind_bytes(q, 1, BYTES_OF(v->id));
        db_bind_text(q, 2, v->instance);
        db_bind_text(q, 3, v->upstream_id);
        db_bind_text(q, 4, v->method);
        db_bind_text(q, 5, v->thread);
        db_bind_bytes(q, 6, BYTES_OF(v->digest));
        db_bind_bytes(q, 7, v->params);
        db_bind_bytes(q, 8, v->request);
        db_bind_bytes(q, 9, v->material);
        db_bind_u64(q, 10, v->state);
        db_bind_u64(q, 11, v->outcome);
        db_bind_bytes(q, 12, v->result);
        db_bind_text(q, 13, v->by);
        db_bind_u64(q, 14, v->changed_ms);
    }
    return db_run(s, q);
}

static enum err put_vote(struct store *s, const struct store_vote *v)
{
    sqlite3_stmt *q =
        db_prepare(s, "INSERT INTO approval_vote VALUES (?,?,?,?,?,?,?,?,?,?)");
    if (q != NULL) {
        db_bind_bytes(q, 1, BYTES_OF(v->request));
        db_bind_u64(q, 2, v->local ? 1 : 0);
        db_bind_bytes(q, 3, BYTES_OF(v->device));
        db_bind_text(q, 4, v->person);
        db_bind_text(q, 5, v->name);
        db_bind_u64(q, 6, v->decision);
        db_bind_u64(q, 7, v->at_ms);
        db_bind_bytes(q, 8, v->a);
        db_bind_bytes(q, 9, v->sig);
        db_bind_u64(q, 10, v->audit_idx);
    }
    return db_run(s, q);
}

static enum err set_decided(struct store *s, const struct store_approval *v)
{
    sqlite3_stmt *q =
        db_prepare(s, "UPDATE approval SET state = ?, outcome = ?, result = ?,"
                      " decided_by = ?, changed_ms = ? WHERE id = ?");
    if (q != NULL) {
        db_bind_u64(q, 1, v->state);
        db_bind_u64(q, 2, v->outcome);
        db_bind_bytes(q, 3, v->result);
        db_bind_text(q, 4, v->by);
        db_bind_u64(q, 5, v->changed_ms);
        db_bind_bytes(q, 6, BYTES_OF(v->id));
    }
    return db_run(s, q);
}

enum err store_approval_vote(struct store *s, const struct store_vote *vote,
                             const struct store_approval *after, uint64_t audit_idx)
{
    enum err e = begin(s);
    if (e != OK) {
        return e;
    }
    e = vote == NULL ? OK : put_vote(s, vote);
    e = e == OK ? set_decided(s, after) : e;
    e = e == OK ? store_setting_put(s, STORE_APPROVAL_IDX, audit_idx) : e;
    return end(s, e);
}

enum err store_approval_state(struct store *s, const uint8_t id[16], unsigned state,
                              unsigned outcome, const char *by, uint64_t now_ms)
{
    sqlite3_stmt *q = db_prepare(s, "UPDATE approval SET state = ?, outcome = ?,"
                                    " decided_by = ?, changed_ms = ? WHERE id = ?");
    if (q != NULL) {
        db_bind_u64(q, 1, state);
        db_bind_u64(q, 2, outcome);
        db_bind_text(q, 3, by);
        db_bind_u64(q, 4, now_ms);
        db_bind_bytes(q, 5, (struct bytes){id, 16});
    }
    return lazily(s, q);
}

static enum err trim(struct store *s)
{
    sqlite3_stmt *q = db_prepare(
        s, "DELETE FROM approval WHERE params IS NULL AND id NOT IN (SELECT id FROM"
           " approval WHERE params IS NULL ORDER BY changed_ms DESC LIMIT ?)");
    if (q != NULL) {
        db_bind_u64(q, 1, STORE_APPROVALS_OVER);
    }
    return lazily(s, q);
}

enum err store_approval_over(struct store *s, const uint8_t id[16])
{
    sqlite3_stmt *q = db_prepare(s, "UPDATE approval SET params = NULL, request = NULL,"
                                    " material = NULL, result = NULL WHERE id = ?");
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){id, 16});
    }
    enum err e = lazily(s, q);
    q = e == OK ? db_prepare(s, "DELETE FROM approval_vote WHERE request = ?") : NULL;
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){id, 16});
    }
    e = e == OK ? lazily(s, q) : e;
    return e == OK ? trim(s) : e;
}

enum err store_approval_forget(struct store *s, const uint8_t id[16],
                               const uint8_t device[16], bool reopens)
{
    enum err e = begin(s);
    if (e != OK) {
        return e;
    }
    sqlite3_stmt *q =
        db_prepare(s, "DELETE FROM approval_vote WHERE request = ? AND device = ?"
                      " AND local = 0");
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){id, 16});
        db_bind_bytes(q, 2, (struct bytes){device, 16});
    }
    e = db_run(s, q);
    if (e != OK || !reopens) {
        return end(s, e);
    }
    q = db_prepare(s, "UPDATE approval SET state = 0, outcome = 0, result = NULL,"
                      " decided_by = '' WHERE id = ?");
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){id, 16});
    }
    return end(s, db_run(s, q));
}

/* ---- reading ------------------------------------------------------------------------------ */

static struct bytes blob_of(sqlite3_stmt *q, int column)
{
    const void *at = sqlite3_column_blob(q, column);
    return (struct bytes){at, at == NULL ? 0 : (size_t)sqlite3_column_bytes(q, column)};
}

static const char *text_of(sqlite3_stmt *q, int column)
{
    const unsigned char *at = sqlite3_column_text(q, column);
    return at == NULL ? "" : (const char *)at;
}

#define COLUMNS                                                                     \
    "id, instance, upstream_id, method, thread, digest, params, request, material," \
    " state, outcome, result, decided_by, changed_ms"

static void visit_row(sqlite3_stmt *q, store_approval_fn *visit, void *user)
{
    struct store_approval v = {
        .instance = text_of(q, 1),
        .upstream_id = text_of(q, 2),
        .method = text_of(q, 3),
        .thread = text_of(q, 4),
        .params = blob_of(q, 6),
        .request = blob_of(q, 7),
        .material = blob_of(q, 8),
        .state = (unsigned)db_read_u64(q, 9),
        .outcome = (unsigned)db_read_u64(q, 10),
        .result = blob_of(q, 11),
        .by = text_of(q, 12),
        .changed_ms = db_read_u64(q, 13),
    };
    db_read_bytes(q, 0, v.id, sizeof(v.id));
    db_read_bytes(q, 5, v.digest, sizeof(v.digest));
    visit(user, &v);
}

enum err store_approval_get(struct store *s, const uint8_t id[16],
                            store_approval_fn *visit, void *user)
{
    sqlite3_stmt *q = db_prepare(s, "SELECT " COLUMNS " FROM approval WHERE id = ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, (struct bytes){id, 16});
    const int status = sqlite3_step(q);
    if (status == SQLITE_ROW) {
        visit_row(q, visit, user);
    }
    (void)sqlite3_finalize(q);
    if (status == SQLITE_DONE) {
        return ERR_NOT_FOUND;
    }
    return status == SQLITE_ROW ? OK : ERR_IO;
}

enum err store_approval_each(struct store *s, store_approval_fn *visit, void *user)
{
    sqlite3_stmt *q =
        db_prepare(s, "SELECT " COLUMNS " FROM approval ORDER BY changed_ms, id");
    if (q == NULL) {
        return ERR_IO;
    }
    int status;
    while ((status = sqlite3_step(q)) == SQLITE_ROW) {
        visit_row(q, visit, user);
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_DONE ? OK : ERR_IO;
}

enum err store_vote_each(struct store *s, const uint8_t request[16],
                         store_vote_fn *visit, void *user)
{
    sqlite3_stmt *q =
        db_prepare(s, "SELECT local, device, person, name, decision, at_ms, a, sig,"
                      " audit_idx FROM approval_vote WHERE request = ? ORDER BY rowid");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, (struct bytes){request, 16});
    int status;
    while ((status = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_vote v = {
            .local = db_read_u64(q, 0) != 0,
            .person = text_of(q, 2),
            .name = text_of(q, 3),
            .decision = (unsigned)db_read_u64(q, 4),
            .at_ms = db_read_u64(q, 5),
            .a = blob_of(q, 6),
            .sig = blob_of(q, 7),
            .audit_idx = db_read_u64(q, 8),
        };
        db_read_bytes(q, 1, v.device, sizeof(v.device));
        for (size_t i = 0; i < sizeof(v.request); i++) {
            v.request[i] = request[i];
        }
        visit(user, &v);
    }
    (void)sqlite3_finalize(q);
    return status == SQLITE_DONE ? OK : ERR_IO;
}

/* ---- presence ------------------------------------------------------------------------------- */

#define PRESENCE_KEPT_MS (UINT64_C(25) * 3600 * 1000) // asked for 24 h

enum err store_presence_put(struct store *s, const uint8_t device[16],
                            const uint8_t th4[32], uint64_t now_ms)
{
    sqlite3_stmt *q = db_prepare(s, "INSERT OR REPLACE INTO presence VALUES (?, ?, ?)");
    if (q != NULL) {
        db_bind_bytes(q, 1, (struct bytes){device, 16});
        db_bind_bytes(q, 2, (struct bytes){th4, 32});
        db_bind_u64(q, 3, now_ms);
    }
    const enum err e = lazily(s, q);
    q = e == OK ? db_prepare(s, "DELETE FROM presence WHERE time_ms < ?") : NULL;
    if (q != NULL) {
        db_bind_u64(q, 1, now_ms > PRESENCE_KEPT_MS ? now_ms - PRESENCE_KEPT_MS : 0);
    }
    return e == OK ? lazily(s, q) : e;
}

enum err store_presence_find(struct store *s, const uint8_t device[16],
                             const uint8_t th4[32], uint64_t since_ms, bool *out)
{
    sqlite3_stmt *q = db_prepare(
        s, "SELECT 1 FROM presence WHERE device = ? AND th4 = ? AND time_ms >= ?");
    if (q == NULL) {
        return ERR_IO;
    }
    db_bind_bytes(q, 1, (struct bytes){device, 16});
    db_bind_bytes(q, 2, (struct bytes){th4, 32});
    db_bind_u64(q, 3, since_ms);
    const int status = sqlite3_step(q);
    (void)sqlite3_finalize(q);
    if (status != SQLITE_ROW && status != SQLITE_DONE) {
        return ERR_IO;
    }
    *out = status == SQLITE_ROW;
    return OK;
}
