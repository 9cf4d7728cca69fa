/*
 * world: what the attempts find around them, made anew before each.
 *
 * Ownership  one per process; everything it started ends with the process.
 */
#ifndef TESTS_ESCAPE_WORLD_H
#define TESTS_ESCAPE_WORLD_H

#include <limits.h>
#include <stdbool.h>

struct world {
    char base[PATH_MAX / 4];
    char work[PATH_MAX / 2];
    char state[PATH_MAX / 2];
    char escape[PATH_MAX]; // the program of attempts
};

/* Sockets, a program to attack, variables in our environment. Aborts when it cannot. */
void world_begin(struct world *w, const char *base, const char *escape);
void world_reset(struct world *w); // files only
void world_end(struct world *w);

#endif
