/*
 * store: the host's durable state, in one SQLite file.
 *
 * Source     docs/protocol.md sections 4 (guess accounting), 6 (devices,
 *            tombstones), 8 (relay counter).
 * Shape      one idea a file: setting.c, device.c, guess.c, lane.c. This is the only
 *            folder that sees SQLite. Every write is durable when it returns
 *            (WAL, synchronous=FULL), unless a transaction is open.
 * Ownership  store_open() gives the store; rows passed to a visitor are borrowed.
 * Errors     ERR_IO      the file cannot be used: errno or the log says why
 *            ERR_EXISTS  the key is a revoked one (tombstone)
 * Threads    one: the host's loop.
 * Tests      tests/unit/store_test.c
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct store;

NODISCARD enum err store_open(const char *path, struct store **out, struct diag *d);
void store_close(struct store *s); // NULL is fine

/* Is the file whole? Also while a host has it open. */
NODISCARD enum err store_check(const char *path, struct diag *d);

/* ---- transactions ----------------------------------------------------------- */

/* Everything that is put between begin and commit is durable together when the commit
 * returns OK, with one fsync; else nothing of it is. One is open at a time: to begin
 * another inside it is a mistake of the program. Outside of one each put commits
 * itself. */
NODISCARD enum err store_begin(struct store *s);
NODISCARD enum err store_commit(struct store *s); // not OK: it was rolled back
void store_rollback(struct store *s);             // without one open: nothing
bool store_in_transaction(const struct store *s);

/* ---- settings: small numbers by name -------------------------------------- */

NODISCARD enum err store_setting_get(struct store *s, const char *name, uint64_t *out);
NODISCARD enum err store_setting_put(struct store *s, const char *name, uint64_t value);

/* ---- devices --------------------------------------------------------------- */

#define STORE_SCOPE_MAX 1025 // as a grant has it, and a NUL
#define STORE_NAME_MAX  65   // 64 octets of UTF-8 and a NUL (protocol.md section 2)

struct store_device {
    uint8_t id[16];        // SHA256(LV("fh1 device")||D)[0..16]
    uint8_t d[32];         // Ed25519 identity key of the device
    uint8_t dr[32];        // Ed25519 relay key of the device
    uint8_t pair_root[32]; // secret: PSK of mode 3
    char name[STORE_NAME_MAX];
    char app[STORE_NAME_MAX]; // what it said it is: "farhand 0.1.0", "web 0.1.0"
    uint8_t role;
    uint64_t caps;
    uint64_t serial;             // of its newest grant
    uint64_t issued_s;           // of its newest grant
    uint64_t not_after_s;        // 0: none
    uint64_t paired_ms;          // wall clock
    uint64_t last_seen_ms;       // wall clock; 0: never since pairing
    char scope[STORE_SCOPE_MAX]; // thread ids and spaces; "": every thread
    char person[STORE_NAME_MAX]; // whose it is; "": nobody was named
    uint64_t until_ms;           // wall clock: the end of its invitation; 0: none
};

typedef void store_device_fn(void *user, const struct store_device *device);

/* Inserts or replaces. ERR_EXISTS when the key carries a tombstone. */
NODISCARD enum err store_device_put(struct store *s, const struct store_device *device);
NODISCARD enum err store_device_each(struct store *s, store_device_fn *visit,
                                     void *user);
NODISCARD enum err store_device_seen(struct store *s, const uint8_t id[16],
                                     uint64_t ms);

/* One transaction: the row goes, the tombstone comes. */
NODISCARD enum err store_device_revoke(struct store *s, const uint8_t id[16],
                                       uint64_t serial, uint64_t now_ms);
NODISCARD enum err store_is_revoked(struct store *s, const uint8_t id[16], bool *out);

/* ---- wrong guesses of phrases ----------------------------------------------- */

NODISCARD enum err store_guess_add(struct store *s, uint64_t now_ms);
NODISCARD enum err store_guess_count(struct store *s, uint64_t since_ms, uint64_t *out);
NODISCARD enum err store_guess_clear(struct store *s);

#endif
