/*
 * core: what the parts of one engine share. Only engine/ includes it.
 *
 * Source     engine.h. engine.c holds the connection, birth.c what it needs to live:
 *            an agent of our own, the practice model, the word for a joined one.
 */
#ifndef ENGINE_CORE_H
#define ENGINE_CORE_H

#include "base/machine.h"
#include "engine/codex/agent.h"
#include "engine/codex/daemon.h"
#include "engine/codex/hello.h"
#include "engine/codex/place.h"
#include "engine/codex/stopper.h"
#include "engine/engine.h"
#include "engine/practice/keeper.h"
#include "engine/quiet.h"
#include "loop/timer.h"
#include "net/dial.h"

enum { IDLE, MODEL, DIALING, BIRTH, KNOCKING, HELLO, OPEN, PAUSE, HALTED, CLOSING };

struct engine {
    struct machine m;
    struct loop *loop;
    const struct engine_ops *ops;
    void *user;
    struct engine_options options; // strings owned
    struct place place;
    struct diag misplaced; // why `place` could not be made
    struct engine_status status;
    struct keeper *keeper;
    struct agent *agent;
    bool agent_lives;
    bool taken;                  // our last one found the socket in use
    struct daemon_query *daemon; // asked whose the joined agent is
    struct dial *dial;
    struct ws_conn *ws;
    struct hello hello;
    struct timer timer;
    struct quiet quiet;
    struct loop_task task;
    uint64_t knock_until_ms;
    uint64_t opened_ms;
    unsigned n_pauses; // in a row
    struct stopper *stopper;
    unsigned n_pending; // ends that CLOSING waits for
    engine_done_fn *stopped;
    void *stopped_user;
    engine_done_fn *closed;
    void *closed_user;
};

/* engine.c */
void engine_tell(struct engine *e, enum engine_state state, const char *sentence);
void engine_pause(struct engine *e, const char *sentence);
void engine_knock(struct engine *e); // the outcome comes from the loop
void engine_dial(struct engine *e);

/* birth.c */
void engine_give_birth(struct engine *e);
void engine_keep_model(struct engine *e);
void engine_learn_manager(struct engine *e); // of a joined agent, a moment later
void engine_forget_manager(struct engine *e);

#endif
