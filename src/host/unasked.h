/*
 * unasked: what the agent runs without asking anybody.
 *
 * Shape      Codex's own rules that allow are found in their folders. Of a command that
 *            has no item (one that ends at once in the sandbox has none) only the
 *            thread's rollout tells: unasked_look() reads what came to it since the last
 *            look, and names the calls.
 * Ownership  everything is borrowed for the call.
 * Limits     UNASKED_READ octets of a rollout at a look, the rest at the next; a line that
 *            is not whole waits; one longer than that is passed over. UNASKED_THREADS.
 * Tests      tests/unit/unasked_test.c
 */
#ifndef HOST_UNASKED_H
#define HOST_UNASKED_H

#include <sys/types.h>

#include "wire/json.h"

#define UNASKED_READ    (1024u * 1024)
#define UNASKED_THREADS 64u

/* How many `prefix_rule`s that allow the `.rules` files of this folder have. */
size_t unasked_rules(const char *dir);

struct unasked_tail {
    char thread[64]; // "": free
    off_t offset;
};

struct unasked {
    struct unasked_tail tails[UNASKED_THREADS];
    size_t next;
    char since[32]; // calls before this (as the rollout writes times) are not ours
};

/* One command that the rollout tells of. */
typedef void unasked_fn(void *user, const char *call_id, const char *command);

void unasked_init(struct unasked *u, uint64_t now_ms);
/* `home`: of the agent; `thread`: its id. */
void unasked_look(struct unasked *u, const char *home, const char *thread,
                  unasked_fn *tell, void *user);

#endif
