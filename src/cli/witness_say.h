/*
 * witness_say: says on stderr that a joined host's audit log was rewritten or cut.
 */
#ifndef CLI_WITNESS_SAY_H
#define CLI_WITNESS_SAY_H

#include "client/reach.h"

/* True when there was something to say. */
bool witness_say(const char *home, const struct target *target);

#endif
