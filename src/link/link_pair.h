/*
 * link_pair: a controller pairs with a host, by link or by phrase.
 *
 *     DIALING --> CLAIMING --> [CODE] --> HANDSHAKE --> DECIDING --> LEAVING --> DONE
 *
 * Source     docs/protocol.md sections 2.1, 3, 4, 5.0.
 * Shape      the text is checked first (a typo costs nothing), then the box is claimed,
 *            for a phrase CPace is run, then the handshake. With a phrase the person on
 *            this side says whether the digits match: link_pair_confirm(). DONE when the
 *            host said READY and, for a phrase, this side confirmed.
 * Ownership  options are copied. `joined` in `done` is borrowed: store it, then wipe.
 * Errors     `done` has a cause and a sentence that says what to do.
 * Reentry    callbacks run from the loop, never from inside the call that caused them.
 * Tests      tests/unit/link_pair_test.c
 */
#ifndef LINK_LINK_PAIR_H
#define LINK_LINK_PAIR_H

#include <stdbool.h>

#include "link/link_joined.h"

struct loop;
struct link_pair;

struct link_pair_options {
    const char *text;    // URL with a fragment, bare blob, or phrase
    const char *relay;   // for phrases; NULL with a link: the addresses inside it
    const char *name;    // how this device calls itself
    const char *ca_file; // NULL: the system's authorities
    uint8_t role_asked;  // 0: what the pairing offers
};

struct link_pair_ops {
    /* "Reaching the relay", "Waiting for the host to confirm": for people. */
    void (*progress)(void *user, const char *step, const char *sentence);
    /* The six digits "482 913" to compare. `confirm`: link_pair_confirm() must be called
     * (phrase); else only the host's side confirms. */
    void (*digits)(void *user, const char *digits, const char *host_name, bool confirm);
    /* Once. joined is set for LINK_OK only. */
    void (*done)(void *user, enum link_cause cause, const char *sentence,
                 const struct link_joined *joined);
};

/* ERR_PROTO with the sentence in *d: the text is no link and no phrase, has a wrong
 * check digit, or names no relay. Nothing was sent. */
NODISCARD enum err link_pair_create(struct loop *loop,
                                    const struct link_pair_options *options,
                                    const struct link_pair_ops *ops, void *user,
                                    struct link_pair **out, struct diag *d);
void link_pair_start(struct link_pair *p);
void link_pair_confirm(struct link_pair *p, bool matches);
/* Ends a pairing that is not done (`done` with LINK_CANCELED does NOT run); frees. */
void link_pair_close(struct link_pair *p, void (*closed)(void *user));

#endif
