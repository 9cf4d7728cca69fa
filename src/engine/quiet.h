/*
 * quiet: is the agent there, when something was sent to it?
 *
 * Shape      quiet_sent() for all that goes out, quiet_heard() for all that comes in.
 *            Sent and nothing heard for half of ENGINE_SILENT_MS: a ping; nothing for
 *            the other half: `changed(true)`. Nothing is dropped: an agent that hangs
 *            may come back, and its turns with it; then `changed(false)`.
 * Ownership  `ws` is kept until quiet_stop().
 * Time       one timer for all of it, none while nothing waits.
 * Tests      tests/functional/liveness.test.ts
 */
#ifndef ENGINE_QUIET_H
#define ENGINE_QUIET_H

#include "loop/timer.h"
#include "net/ws_conn.h"

struct quiet {
    struct loop *loop;
    struct ws_conn *ws; // NULL: stopped
    struct timer timer;
    uint64_t sent_ms; // since when something waits
    uint64_t last_sent_ms;
    bool asked;
    bool silent;
    void (*changed)(struct quiet *q, bool silent);
};

void quiet_start(struct quiet *q, struct loop *l, struct ws_conn *ws,
                 void (*changed)(struct quiet *q, bool silent));
void quiet_stop(struct quiet *q);
void quiet_sent(struct quiet *q);
void quiet_heard(struct quiet *q);

#endif
