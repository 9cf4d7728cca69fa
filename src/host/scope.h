/*
 * scope: a grant for certain threads, and what that leaves of the rest.
 *
 * Source     docs/protocol.md section 6 (`scope`), docs/hub.md "Certain threads".
 * Shape      a scope is a text: thread ids separated by spaces; empty: every thread.
 *            Default deny: a controller with a scope may call what names a thread of
 *            it, and a short list besides; a list it gets has its threads alone.
 * Ownership  borrows everything; scope_filter() changes the result in place.
 * Tests      tests/unit/hub_scope_test.c
 */
#ifndef HOST_SCOPE_H
#define HOST_SCOPE_H

#include "host/controller.h"

/* An array of thread ids as the text of a scope; NULL or null: every thread. ERR_PROTO:
 * no such array, or it names none. ERR_LIMIT: more than a grant can hold. */
NODISCARD enum err scope_read(const json_t *threads, char out[HUB_SCOPE_SIZE]);
json_t *scope_json(const char *scope); // the array; null: every thread

bool scope_has(const char *scope, struct bytes thread_id);

static inline bool scope_is_all(const char *scope)
{
    return scope[0] == '\0';
}

/* May a controller with this scope make the call, as far as threads go? */
bool scope_allows(const char *scope, const struct method *m, const json_t *params);

/* Does the answer of this method list threads? */
bool scope_lists(const struct method *m);

/* Takes out of such a call what would ask about the contents of other threads. */
void scope_narrow(const char *scope, const struct method *m, json_t *params);

/* Takes the threads that `c` may not see out of such an answer. True: some were. */
bool scope_filter(const struct controller *c, json_t *result);

#endif
