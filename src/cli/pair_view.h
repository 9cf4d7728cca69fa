/*
 * pair_view: what a terminal shows of a pairing: code, digits, the question.
 *
 *     HELLO --> WAITING --> STARTING --> SHOWING --> ASKING --> ANSWERED --> ENDED
 *                  ^                        |           |          |
 *                  +------ renewed ---------+-----------+----------+
 *
 * Source     docs/architecture.md "farhand up"; docs/protocol.md 2.1, 3.
 * Shape      speaks JSON-RPC with a host, by any transport: texts in, texts out
 *            through `send`. Used by `farhand up` (in the same process) and by
 *            `farhand pair` (through run/host.sock).
 * Ownership  options are kept; the view is the caller's storage (zeroed, init, fini).
 * Reentry    `send` and `ended` are called from inside; neither may call the view.
 */
#ifndef CLI_PAIR_VIEW_H
#define CLI_PAIR_VIEW_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/machine.h"

#define PAIR_QUESTION_MAX \
    656 // names of 64 octets, digits, a role, limits, and the words

struct pair_view_options {
    const char *role;       // offered; NULL: operator
    struct json_t *limits;  // person, threads, until, as terms.h has them; or NULL
    bool json;              // one JSON object a line
    bool renew;             // a new code when one expires unused
    bool stay;              // go on after a device was paired (up)
    bool confirm;           // ask even where the protocol would not
    bool quiet_hints;       // no word about other ways to pair
    const char *reach_hint; // a paragraph about who can reach the code; may be NULL
    void (*send)(void *user, struct bytes text);
    void (*ended)(void *user, int exit_code); // not with `stay`
    void *user;
};

struct pair_view {
    const struct pair_view_options *o;
    struct machine m;
    char pairing_id[40];
    char question[PAIR_QUESTION_MAX];
    bool input_ended; // nobody can answer here
    bool shown;       // a code is on the screen
    bool relay_trouble_said;
};

void pair_view_start(struct pair_view *v, const struct pair_view_options *o);
void pair_view_message(struct pair_view *v, struct bytes text);

/* A line that the person typed: an answer when one is asked for. */
void pair_view_line(struct pair_view *v, const char *line);

/* No more lines will come: a question says who else can answer it. */
void pair_view_input_ended(struct pair_view *v);

/* A line about something else; a question that stands open is asked again below it. */
void pair_view_say(const struct pair_view *v, const char *text);

#endif
