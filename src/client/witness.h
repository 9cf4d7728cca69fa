/*
 * witness: what this device remembers of a host's audit log, and whether it still fits.
 *
 * Source     docs/protocol.md section 7 ("Devices remember (idx, head)").
 * Shape      one file a joined host, hosts/<host_id>/witness.json. At each READY the
 *            host says where its log stands; what lies between is asked for on a stream
 *            of our own, record by record, and must be a chain from what we remember to
 *            what the host says:
 *
 *     READY --> witness_ready() --> texts to send --> witness_text() … until it is done
 *
 *            A log that was rewritten or cut is remembered as an alarm, which stays
 *            until the host is joined anew, and is said by every command.
 * Ownership  witness_create() copies its strings; texts are borrowed, `out` is the
 *            caller's.
 * Errors     witness_ready: ERR_AGAIN   *out is to be sent on a new stream
 *                           OK          nothing to ask: it fits, or the alarm is raised
 *            witness_text:  ERR_AGAIN   *out is to be sent, or more is to come when empty
 *                           OK          done: close the stream
 * Limits     WITNESS_PAGE records an answer.
 * Tests      tests/unit/witness_test.c
 */
#ifndef CLIENT_WITNESS_H
#define CLIENT_WITNESS_H

#include "base/buf.h"

#define WITNESS_PAGE     1000
#define WITNESS_ALARM    200
#define WITNESS_TEXT_MAX 1024 // of a text to be sent

struct witness;

NODISCARD struct witness *witness_create(const char *home, const char *host_id);
void witness_destroy(struct witness *w); // NULL is fine

NODISCARD enum err witness_ready(struct witness *w, uint64_t idx,
                                 const uint8_t head[32], struct buf *out);
NODISCARD enum err witness_text(struct witness *w, struct bytes text, struct buf *out);

/* The host was joined anew: what was seen, and the alarm, begin again. */
void witness_forget(const char *home, const char *host_id);

/* What a command says before all else; "" when all is well. */
void witness_alarm(const char *home, const char *host_id, char out[WITNESS_ALARM]);

#endif
