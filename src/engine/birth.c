#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/core.h"

#define KNOCK_LIMIT_MS 60000 // an old home with a large index took seconds

/* ---- BIRTH: an agent of our own --------------------------------------------------------------------- */

static void on_agent_started(void *user, pid_t pid)
{
    struct engine *e = user;
    (void)pid;
    if (e->m.state != BIRTH) {
        return;
    }
    machine_move(&e->m, KNOCKING);
    e->knock_until_ms = loop_now_ms(e->loop) + KNOCK_LIMIT_MS;
    engine_knock(e);
}

static void on_agent_failed(void *user, const char *sentence)
{
    struct engine *e = user;
    e->agent_lives = false;
    if (e->m.state == BIRTH) {
        e->status.unfit = true;
        engine_pause(e, sentence);
    }
}

static void on_agent_ended(void *user, const char *sentence, bool in_use)
{
    struct engine *e = user;
    e->agent_lives = false;
    if (e->m.state == OPEN || e->m.state == HELLO) { // its socket will close, too
        text_sanitize(bytes_from_str(sentence), e->hello.error, sizeof(e->hello.error));
    } else if (e->m.state == PAUSE || e->m.state == DIALING) {
        engine_tell(e, ENGINE_DOWN, sentence);
    }
    if (e->m.state != KNOCKING) {
        return;
    }
    timer_stop(&e->timer);
    const bool dials = e->dial != NULL;
    if (dials) {
        dial_cancel(e->dial);
    }
    const bool again = in_use && e->taken;
    e->taken = in_use;
    if (again) { // who has it does not answer: starting more of them would not help
        engine_pause(e, "another Codex holds this socket and does not answer: end that "
                        "process, then it is tried again");
    } else if (!in_use) {
        engine_pause(e, sentence);
    } else if (!dials) { // else on_dialed() goes on from here
        engine_dial(e);
    }
}

void engine_give_birth(struct engine *e)
{
    static const struct agent_ops ops = {.started = on_agent_started,
                                         .failed = on_agent_failed,
                                         .ended = on_agent_ended};
    machine_move(&e->m, BIRTH);
    e->status.unfit = false;
    if (e->agent == NULL) {
        const struct agent_options o = {
            .codex_path = e->options.codex_path,
            .last_resort = e->options.last_resort,
            .codex_home = e->place.sets_home ? e->place.codex_home : NULL,
            .listen = e->place.listen,
            .cwd = e->options.cwd,
            .run_dir = e->options.run_dir,
            .record = e->place.record,
            .log = e->place.log,
            .practice = e->options.practice};
        e->agent = agent_create(e->loop, &o, &ops, e);
    }
    if (e->agent_lives) { // it runs, and does not listen: wait for it
        on_agent_started(e, 0);
        return;
    }
    e->agent_lives = true;
    if (file_make_dir(e->place.codex_home, 0700) != OK) {
        log_warn("agent.home", "reason=\"cannot be made\""); // Codex says the rest
    }
    agent_start(e->agent);
}

/* ---- MODEL: the practice model comes first ------------------------------------------------------------ */

static void on_model_ready(void *user, uint16_t port)
{
    struct engine *e = user;
    (void)port;
    if (e->m.state == MODEL) {
        engine_dial(e);
    }
}

static void on_model_failed(void *user, const char *sentence)
{
    struct engine *e = user;
    if (e->m.state == MODEL) {
        engine_tell(e, ENGINE_DOWN, sentence);
    }
}

void engine_keep_model(struct engine *e)
{
    static const struct keeper_ops ops = {.ready = on_model_ready,
                                          .failed = on_model_failed};
    const struct keeper_options o = {.program = e->options.program,
                                     .run_dir = e->options.run_dir,
                                     .codex_home = e->place.codex_home,
                                     .trusted = e->options.cwd};
    machine_move(&e->m, MODEL);
    e->keeper = keeper_create(e->loop, &o, &ops, e);
    keeper_start(e->keeper);
}

/* ---- whose the joined agent is ------------------------------------------------------------- */

void engine_forget_manager(struct engine *e)
{
    daemon_cancel(e->daemon);
    e->daemon = NULL;
    e->status.managed = false;
}

static void on_manager(void *user, bool managed)
{
    struct engine *e = user;
    e->daemon = NULL;
    e->status.managed = managed;
    if (e->ops->on_managed != NULL) {
        e->ops->on_managed(e->user, managed);
    }
}

void engine_learn_manager(struct engine *e)
{
    const struct daemon_options o = {.codex_path = e->options.codex_path,
                                     .last_resort = e->options.last_resort,
                                     .codex_home = e->place.codex_home};
    if (e->status.joined && !e->place.joins_only) {
        e->daemon = daemon_ask(e->loop, &o, on_manager, e);
    }
}
