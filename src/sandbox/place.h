/*
 * place: holds the place of protected names that do not exist yet.
 *
 * Shape      nothing can be mounted upon a name that is not there, so an empty folder is
 *            made under each, read-only inside, and removed when the last sandbox of the
 *            workspace has ended. An empty folder means nothing to git or to an agent.
 *            Each sandbox holds a shared lock on it; who finds itself alone removes it.
 *            One left behind by a power cut is empty, and goes with the next sandbox.
 * Errors     ERR_IO  the folder cannot be made, and not because nobody could
 */
#ifndef SANDBOX_PLACE_H
#define SANDBOX_PLACE_H

#include "sandbox/plan.h"

struct places {
    int fds[PLAN_ITEMS_MAX]; // -1: the item needs none
};

/* *path is the item that failed. */
NODISCARD enum err places_hold(struct places *h, struct plan *p, const char **path);
void places_release(struct places *h, const struct plan *p);

#endif
