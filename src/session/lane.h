/*
 * lane: nothing lost, nothing twice, between one host and one device.
 *
 * Source     protocol.md 5.2 (streams), 5.3 (lanes).
 * Shape      a lane outlives sessions. The program sends whole messages into it at
 *            any time, with or without a session; the session of the moment seals
 *            its fragments, and takes up again after a reconnection where the last
 *            one stopped. Two numberings, one each way.
 *
 *     program --> lane_send() --> (session seals) ..... (peer's lane) --> message
 *
 * Ownership  lane_send() takes a reference of its own to the blob; it is dropped
 *            when the peer has acknowledged the message. The session keeps the
 *            lane: destroy sessions first.
 * Errors     lane_send: ERR_NOT_FOUND the stream is not open (any more)
 *                       ERR_LIMIT     the bound is reached. Host: the lane has
 *                                     restarted itself (all streams are gone, the
 *                                     device is told). Device: refuse the caller.
 *                       ERR_NOMEM
 * Limits     LANE_BYTES_MAX, LANE_MESSAGES_MAX stop a reader that stalls;
 *            LANE_STREAMS_MAX, LANE_MESSAGE_MAX stop a device that hoards. A merged
 *            delta is one record, and may hold twice its octets in memory.
 * Tests      tests/unit/lane_test.c, tests/fuzz/stream_fuzz.c
 */
#ifndef SESSION_LANE_H
#define SESSION_LANE_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/err.h"

#define LANE_BYTES_MAX    (10u * 1024 * 1024)
#define LANE_MESSAGES_MAX 5000u
#define LANE_MESSAGE_MAX  (8u * 1024 * 1024) // one reassembled message
#define LANE_STREAMS_MAX  64u                // open at a time

enum lane_side { LANE_HOST, LANE_DEVICE };

/* What must be remembered across a restart of the program for the numbering to go
 * on. A zeroed one is a fresh lane (the host sets `epoch`, which is >= 1 and rises
 * at each start of the host). */
struct lane_state {
    uint32_t epoch;     // of the direction host->device; device: 0 = knows none
    uint64_t last_recv; // highest sequence number received in order
    uint64_t last_sent; // highest sequence number given to a message of ours
    bool recv_is_lost;  // host: last_recv was not kept: say so, take what comes
    bool is_durable;    // last_recv is kept: no ack says more than lane_committed() did
};

struct delta;
struct lane;

NODISCARD struct lane *lane_create(enum lane_side side, const struct lane_state *from);
void lane_destroy(struct lane *l); // NULL is fine
struct lane_state lane_state(const struct lane *l);

/* Device: a new stream, one app-server connection. ERR_LIMIT: too many are open. */
NODISCARD enum err lane_open(struct lane *l, uint16_t *out_stream);

/* Queues one whole message. */
NODISCARD enum err lane_send(struct lane *l, uint16_t stream, struct blob *message);

/* The same of a delta (wire/delta.h), which is joined to the youngest message of its
 * stream when that is a delta of the same text and has no number yet. */
NODISCARD enum err lane_send_delta(struct lane *l, uint16_t stream,
                                   struct blob *message, const struct delta *at);

/* Ends a stream, after what was sent on it before; it is over at once for us: later
 * messages of the peer on it are dropped in silence. An unknown one is no error. */
void lane_close(struct lane *l, uint16_t stream);

/* Host: forget every stream and restart host->device (10 minutes without a session;
 * state that cannot be replayed). A device that is connected is told. */
void lane_restart(struct lane *l);

/* What was received and is not known to be on disk: the highest number of it, 0 when
 * there is none; when it has to be there (an ack is due then, and no ack runs ahead of
 * the disk); and how that went. A lane that is not durable wants nothing. */
uint64_t lane_uncommitted(const struct lane *l);
uint64_t lane_commit_at(const struct lane *l); // UINT64_MAX: no need
void lane_committed(struct lane *l, uint64_t seq);
void lane_commit_failed(struct lane *l, uint64_t now_ms); // tried again in a second

bool lane_has_output(const struct lane *l); // something waits to be sealed
bool lane_awaits_ack(const struct lane *l); // something has a number and no ack
size_t lane_n_streams(const struct lane *l);
size_t lane_n_queued(const struct lane *l);     // messages not acknowledged
size_t lane_n_unsent(const struct lane *l);     // of these: without a number
size_t lane_bytes_queued(const struct lane *l); // their octets

#endif
