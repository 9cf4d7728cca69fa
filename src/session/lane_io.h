/*
 * lane_io: what the session of the moment does with a lane. For session/ only.
 *
 * Source     protocol.md 5.3.
 * Shape      lane_begin_*() after a handshake, when both ends have said what they
 *            have; then lane_take() for each record to be sealed and lane_receive()
 *            for each that was opened; lane_end() when the session is over.
 */
#ifndef SESSION_LANE_IO_H
#define SESSION_LANE_IO_H

#include "session/lane.h"
#include "session/stream.h"

/* What a device says in its parameters (TLV 09). */
struct lane_claim {
    bool known; // it said something
    uint32_t epoch;
    uint64_t last_recv;
};

/* What the host says in READY (TLV 03, 04). */
struct lane_offer {
    uint32_t epoch;
    bool recv_known;
    uint64_t last_recv;
};

struct lane_begun {
    bool resumed; // the streams of before live on
    bool reset;   // streams that were there are gone
    bool unknown; // device: messages of ours may or may not have arrived
};

/* `owner` names the session: a lane serves one at a time, the newest. */
struct lane_begun lane_begin_host(struct lane *l, const void *owner,
                                  const struct lane_claim *claim,
                                  struct lane_offer *offer);
struct lane_begun lane_begin_device(struct lane *l, const void *owner,
                                    const struct lane_offer *offer);
struct lane_claim lane_claim(const struct lane *l); // device

/* Device: the claim goes into a handshake. Until `owner` has begun or ended, no ack of
 * the session before says more than the claim: the host would take it for a device that
 * has lost what it acknowledged. */
struct lane_claim lane_claim_for(struct lane *l, const void *owner);
bool lane_serves(const struct lane *l, const void *owner);
void lane_end(struct lane *l, const void *owner);

/* The next fragment to seal, and its number. False: nothing waits. */
bool lane_take(struct lane *l, struct fragment *out, uint64_t *seq);

/* ERR_PROTO: more than we ever sent. */
NODISCARD enum err lane_acked(struct lane *l, uint64_t ack);

/* One opened APP record. OK: *out is a message; ERR_AGAIN: nothing to hand on (seen
 * before, unfinished, or of a stream that is gone). The octets are borrowed until the
 * next call. */
struct lane_message {
    uint16_t stream;
    bool opened;
    bool closed;
    struct bytes octets;
};
NODISCARD enum err lane_receive(struct lane *l, uint64_t seq, struct bytes body,
                                uint64_t now_ms, struct lane_message *out);

uint64_t lane_ack(struct lane *l);          // to put into a record: pays the debt
uint64_t lane_ack_at(const struct lane *l); // when one is due; UINT64_MAX: none

/* Host: a restart that the device must be told about. */
bool lane_must_tell(const struct lane *l, uint32_t *epoch);
void lane_told(struct lane *l);

/* SNAPSHOT_REQUIRED arrived. Host: the device's echo. Device: forget the streams;
 * false when this epoch is already ours. */
bool lane_snapshot(struct lane *l, uint32_t epoch, bool *unknown);

#endif
