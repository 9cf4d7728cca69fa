/*
 * machine: state machines as tables.
 *
 * Shape      a table of states, each with the set of states it may move to. The
 *            owner holds a `struct machine` and calls machine_move(); an illegal
 *            move is a bug of ours and aborts with both names in the log.
 */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <stdint.h>

#include "base/attr.h"

#define MOVES_TO(state) (UINT32_C(1) << (state))

struct machine_state {
    const char *name;
    uint32_t moves; // MOVES_TO(a) | MOVES_TO(b)
};

struct machine {
    const char *what; // static: what kind of object this is, for the log
    const struct machine_state *table;
    unsigned state; // index into table
};

void machine_move(struct machine *m, unsigned to);
const char *machine_name(const struct machine *m); // of the current state

#endif
