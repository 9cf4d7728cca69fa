/*
 * script: what the practice model answers, event by event, without I/O.
 *
 * Source     the Responses API's server-sent events, as far as Codex 0.169 reads
 *            them: response.created, output_item.added/done, output_text.delta,
 *            reasoning_summary_*, response.completed, response.failed.
 * Shape      script_open() reads a request; then script_next() gives what to do, in
 *            order, until it gives nothing. Nothing is kept between two requests.
 *
 *     request --> script_open() --> script_next()* --> SCRIPT_END | SCRIPT_CUT | …
 *
 * Ownership  script_open() gives. An event's octets are borrowed until the next call.
 * Errors     ERR_PROTO  not a request of the Responses API: answer 400
 *            ERR_NOMEM
 * Time       none is read; pace_ms says how long to wait before an event.
 * Limits     SCRIPT_TEXT_MAX octets in one answer; what would exceed it is cut off.
 * Tests      tests/unit/practice_test.c, tests/fuzz/practice_fuzz.c
 */
#ifndef ENGINE_PRACTICE_SCRIPT_H
#define ENGINE_PRACTICE_SCRIPT_H

#include "engine/practice/call.h"

#define SCRIPT_TEXT_MAX (16u * 1024 * 1024)

struct script;

enum script_event_kind {
    SCRIPT_STATUS, // answer with this HTTP status and JSON body; nothing follows
    SCRIPT_DATA,   // send these octets
    SCRIPT_WAIT,   // go on when the file `path` exists
    SCRIPT_HANG,   // never send anything again; nothing follows
    SCRIPT_CUT,    // drop the connection in the middle; nothing follows
    SCRIPT_END,    // the response is complete; nothing follows
};

struct script_event {
    enum script_event_kind kind;
    unsigned status;
    struct bytes octets; // STATUS, DATA
    uint64_t pace_ms;    // DATA: wait this long first
    const char *path;    // WAIT
};

NODISCARD enum err script_open(struct bytes request, const struct call_options *o,
                               struct script **out);
void script_close(struct script *s); // NULL is fine

bool script_next(struct script *s, struct script_event *out);

#endif
