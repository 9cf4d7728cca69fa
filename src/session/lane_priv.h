/*
 * lane_priv: the inside of a lane, for lane.c and lane_io.c only.
 */
#ifndef SESSION_LANE_PRIV_H
#define SESSION_LANE_PRIV_H

#include "base/list.h"
#include "session/lane_io.h"
#include "wire/delta.h"

struct lane_stream {
    struct list node;
    uint16_t id;
    bool announce; // device: the next message of ours opens it
    bool opened;   // host: its first message has not been handed on yet
    struct assembly in;
};

struct lane_out { // one message of ours, queued until it is acknowledged
    struct list node;
    struct blob *message; // NULL: only flags, or void
    uint16_t stream;
    uint8_t flags;      // STREAM_OPEN on its first fragment, STREAM_CLOSE on its last
    bool is_delta;      // so it may be merged, as long as it has no number
    struct delta delta; // where its text stands
    size_t room;        // of a merged one: octets its blob has; else 0
    uint64_t first_seq; // 0: nothing of it has been sealed
    size_t n_fragments;
    size_t n_sealed; // fragments that have a number
};

struct lane {
    enum lane_side side;
    uint32_t epoch;
    const void *owner;

    struct list streams;
    size_t n_streams;
    uint16_t last_stream; // highest id ever opened in this epoch

    struct list out;
    size_t n_out;
    size_t n_unsent; // without a number
    size_t out_bytes;
    uint64_t last_sent;    // highest number sealed
    uint64_t acked;        // highest number acknowledged
    struct lane_out *next; // being sent in this session; NULL: nothing is left
    size_t next_fragment;

    uint64_t last_recv;
    bool recv_is_lost;
    bool is_durable;
    uint64_t committed;         // durable: last_recv as it is on disk
    uint64_t told;              // durable: the last ack that left
    uint64_t commit_from_ms;    // durable: a disk that refused is not asked before this
    size_t in_bytes;            // of unfinished messages
    struct assembly last_whole; // of a stream that is gone: its last message
    const void *claimant; // device: a handshake that has said `claimed`; NULL: none
    uint64_t claimed;
    unsigned owed; // messages received since the last ack left
    uint64_t owed_since_ms;

    bool must_tell;  // host: SNAPSHOT_REQUIRED has not been sealed yet
    bool await_echo; // host: acks are of the old numbering until the device answers
};

struct lane_stream *lane_stream_find(const struct lane *l, uint16_t id);
struct lane_stream *lane_stream_add(struct lane *l, uint16_t id); // NULL: no memory
void lane_stream_drop(struct lane *l, struct lane_stream *s);
void lane_streams_drop_all(struct lane *l);

void lane_out_drop(struct lane *l, struct lane_out *o);
void lane_out_drop_all(struct lane *l);

/* Forgets what has a number; the rest will get one. */
void lane_out_drop_sealed(struct lane *l);

/* Forgets what has no number yet; a message that is half numbered is cut there. */
void lane_out_drop_unsealed(struct lane *l);

/* The same, and what has a number goes on as empty fragments. */
void lane_out_void(struct lane *l);

/* Host: the next epoch, an empty queue, no streams. */
void lane_restart_at(struct lane *l, uint32_t epoch);

#endif
