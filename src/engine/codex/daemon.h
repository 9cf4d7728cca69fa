/*
 * daemon: is what answers on Codex's own socket Codex's own daemon?
 *
 * Source     Codex 0.169: `codex app-server daemon version` prints one JSON object, with
 *            "backend":"pid" when its daemon manages the server that answers there,
 *            and without "backend" when somebody else started it.
 * Shape      asked once for each connection to an agent that was joined there.
 * Ownership  daemon_ask() gives an object that frees itself after `done`; options are
 *            borrowed for the call.
 * Time       DAEMON_ASK_MS; who does not answer by then is nobody's daemon.
 * Reentry    `done` runs once, from the loop; not after daemon_cancel().
 * Tests      tests/unit/codex_test.c, tests/functional/engine.test.ts
 */
#ifndef ENGINE_CODEX_DAEMON_H
#define ENGINE_CODEX_DAEMON_H

#include <stdbool.h>

#include "base/bytes.h"

#define DAEMON_ASK_MS 10000u

struct loop;
struct daemon_query;

struct daemon_options {
    const char *codex_path;  // what the caller asked for, or NULL
    const char *last_resort; // or NULL
    const char *codex_home;
};

typedef void daemon_done_fn(void *user, bool managed);

/* NULL: there is no codex to ask; `done` does not come. */
struct daemon_query *daemon_ask(struct loop *l, const struct daemon_options *o,
                                daemon_done_fn *done, void *user);
void daemon_cancel(struct daemon_query *q); // NULL is fine

/* What it printed: true when it names the backend "pid". */
bool daemon_is_managed(struct bytes text);

#endif
