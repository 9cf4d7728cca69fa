/*
 * item: the accumulator of one thread: open items and their text so far.
 *
 * Shape      text is kept as the octets of the JSON strings it came in: deltas are
 *            appended without being decoded, and decoded once when an item has to be
 *            closed by us.
 * Limits     ITEMS_EACH open items of a thread, ITEM_TEXT_MAX octets of text of one
 *            item: a command that prints for ever must not fill the host. What is
 *            over is live only, and the item says farhand:{partial:true}.
 */
#ifndef HOST_ITEM_H
#define HOST_ITEM_H

#include "host/thread.h"

#define ITEMS_EACH    64
#define ITEM_RUNS_MAX 64 // parts of a reasoning
#define ITEM_TEXT_MAX (4u * 1024 * 1024)

/* The members of a delta, raw. */
struct item_delta {
    struct bytes item; // inside of the quotes
    struct bytes turn; // likewise
    struct bytes text; // likewise, escapes untouched
    struct bytes part; // raw number, or empty
};

/* An item/started: spans of the text. */
struct item_start {
    struct bytes id;   // inside of the quotes
    struct bytes turn; // likewise
    struct bytes type; // raw
    struct bytes text; // all of it
};

void item_started(struct thread *t, const struct item_start *start);
void item_completed(struct thread *t, struct bytes id, struct bytes text);

/* True: it was the first sign of an item whose start we did not see, and `*start`
 * (give) is the start to be delivered before it. */
bool item_delta(struct thread *t, const struct notice *n, const struct item_delta *d,
                struct blob **start);
void item_patch(struct thread *t, struct bytes id, struct bytes text);

/* The changes of an open fileChange, newest first known: give; NULL: not known. */
json_t *item_changes(struct thread *t, struct bytes id);

void items_snapshot(struct thread *t, struct controller *c, uint64_t joined_at);

/* Items of this turn (empty: of all) get an item/completed from us. `orderly`: the
 * turn ended well, so a command may be running on. */
void items_close(struct thread *t, struct bytes turn, bool orderly);
void items_free(struct thread *t);
void items_forget_closed(struct thread *t);

#endif
