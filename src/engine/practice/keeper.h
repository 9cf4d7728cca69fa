/*
 * keeper: sees to it that a practice model runs, and that its home is written.
 *
 * Shape      a model that an earlier host left behind is used again; else one is
 *            started (`farhand practice-model`, detached, log and record in run/). A
 *            model that ends is started again, on the same port, since a running Codex
 *            knows no other.
 * Ownership  options are kept (borrowed). keeper_close() leaves the model alone.
 * Reentry    callbacks come from the loop only. `ready` comes once per keeper;
 *            `failed` may come again and again: it tries for ever.
 */
#ifndef ENGINE_PRACTICE_KEEPER_H
#define ENGINE_PRACTICE_KEEPER_H

#include "loop/child.h"

struct keeper;

struct keeper_options {
    const char *program;    // NULL: this one
    const char *run_dir;    //
    const char *codex_home; // the private one
    const char *trusted;    // a folder, or NULL
};

struct keeper_ops {
    void (*ready)(void *user, uint16_t port);
    void (*failed)(void *user, const char *sentence);
};

struct keeper *keeper_create(struct loop *l, const struct keeper_options *o,
                             const struct keeper_ops *ops, void *user);
void keeper_start(struct keeper *k); // once
void keeper_close(struct keeper *k);

#endif
