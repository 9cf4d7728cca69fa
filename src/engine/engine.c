#include "engine/engine.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/random.h"
#include "engine/codex/record.h"
#include "engine/core.h"

#define DIAL_MS        5000  // a local socket answers at once or not at all
#define HELLO_MS       30000 // Codex reads its whole home before it answers
#define KNOCK_MS       25    // between two knocks at a new agent's socket
#define PAUSE_FIRST_MS 250
#define PAUSE_MOST_MS  15000
#define STEADY_MS      5000  // a connection that lasted this long begins anew
#define PING_MS        60000 // the proof that the agent lives
#define HELLO_OUT_MAX  4096

#define ALWAYS (MOVES_TO(HALTED) | MOVES_TO(CLOSING))

/*
 *   IDLE -> MODEL (practice) -> DIALING -> HELLO -> OPEN
 *                                |  ^                 |
 *                     BIRTH <----+  +---- PAUSE <-----+   (anything that fails)
 *                       +-> KNOCKING -> HELLO
 */
static const struct machine_state states[] = {
    [IDLE] = {"idle", MOVES_TO(MODEL) | MOVES_TO(DIALING) | MOVES_TO(PAUSE) | ALWAYS},
    [MODEL] = {"model", MOVES_TO(DIALING) | ALWAYS},
    [DIALING] = {"dialing",
                 MOVES_TO(BIRTH) | MOVES_TO(HELLO) | MOVES_TO(PAUSE) | ALWAYS},
    [BIRTH] = {"birth", MOVES_TO(KNOCKING) | MOVES_TO(PAUSE) | ALWAYS},
    [KNOCKING] = {"knocking",
                  MOVES_TO(HELLO) | MOVES_TO(PAUSE) | MOVES_TO(DIALING) | ALWAYS},
    [HELLO] = {"hello", MOVES_TO(OPEN) | MOVES_TO(PAUSE) | ALWAYS},
    [OPEN] = {"open", MOVES_TO(PAUSE) | ALWAYS},
    [PAUSE] = {"pause", MOVES_TO(DIALING) | ALWAYS},
    [HALTED] = {"halted", MOVES_TO(CLOSING)},
    [CLOSING] = {"closing", 0},
};

/* ---- telling -------------------------------------------------------------------------- */

void engine_tell(struct engine *e, enum engine_state state, const char *sentence)
{
    struct engine_status *s = &e->status;
    char error[sizeof(s->error)];
    text_sanitize(bytes_from_str(sentence), error, sizeof(error));
    if (s->state == state && strcmp(s->error, error) == 0) {
        return;
    }
    s->state = state;
    memcpy(s->error, error, sizeof(error));
    e->ops->on_state(e->user, s);
}

/* ---- PAUSE ----------------------------------------------------------------------------- */

static void on_pause_over(struct timer *t)
{
    engine_dial(CONTAINER_OF(t, struct engine, timer));
}

void engine_pause(struct engine *e, const char *sentence)
{
    uint64_t ms = PAUSE_FIRST_MS;
    for (unsigned i = 0; i < e->n_pauses && ms < PAUSE_MOST_MS; i++) {
        ms *= 2;
    }
    e->n_pauses++;
    machine_move(&e->m, PAUSE);
    timer_start(e->loop, &e->timer, ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS,
                on_pause_over);
    log_warn("engine.down", "reason=\"%s\"", sentence);
    engine_tell(e, ENGINE_DOWN, sentence);
}

/* ---- CLOSING ------------------------------------------------------------------------------ */

static void engine_free(struct engine *e)
{
    engine_done_fn *closed = e->closed;
    void *user = e->closed_user;
    const char *const owned[] = {e->options.codex_path, e->options.last_resort,
                                 e->options.codex_home, e->options.endpoint,
                                 e->options.cwd,        e->options.run_dir,
                                 e->options.home,       e->options.program};
    for (size_t i = 0; i < COUNT(owned); i++) {
        union {
            const char *from;
            void *to;
        } string = {.from = owned[i]};
        mem_free(string.to);
    }
    mem_free(e);
    if (closed != NULL) {
        closed(user);
    }
}

/* One of the ends that CLOSING waits for has come. */
static void on_part_ended(void *user)
{
    struct engine *e = user;
    if (--e->n_pending == 0) {
        engine_free(e);
    }
}

/* ---- OPEN ------------------------------------------------------------------------------------ */

static void ws_closed(struct ws_conn *c, void *user, enum err why, uint16_t code)
{
    struct engine *e = user;
    (void)c;
    e->ws = NULL;
    timer_stop(&e->timer);
    quiet_stop(&e->quiet); // what follows says it better
    log_info("engine.closed", "reason=\"%s\" code=%u", err_text(why), (unsigned)code);
    if (e->m.state == CLOSING) {
        on_part_ended(e);
        return;
    }
    if (e->m.state == HALTED) {
        engine_tell(e, ENGINE_DOWN, "the agent has been stopped");
        return;
    }
    if (e->m.state == OPEN && loop_now_ms(e->loop) - e->opened_ms > STEADY_MS) {
        e->n_pauses = 0;
    }
    e->status.version[0] = '\0';
    e->status.instance[0] = '\0';
    e->status.pid = 0;
    engine_forget_manager(e);
    engine_pause(e, e->hello.error[0] != '\0' ? e->hello.error
                    : why == ERR_EXPIRED      ? "the agent has fallen silent"
                                              : "the agent has closed the connection");
}

/* A process is known by its pid and start; a connection without one by a number. */
static void learn_instance(struct engine *e, pid_t pid)
{
    uint8_t octets[8];
    if (pid > 0 && process_name(pid, e->status.instance) == OK) {
        return;
    }
    random_bytes(octets, sizeof(octets));
    hex_encode(BYTES_OF(octets), e->status.instance);
}

/* Is it ours? Then its session is led by the process that our record names. */
static void learn_peer(struct engine *e)
{
    const struct stream_peer *peer = ws_conn_peer(e->ws);
    const pid_t pid = peer->is_unix && peer->has_pid ? peer->pid : 0;
    struct record r;
    const bool own = !e->place.joins_only && pid > 0 &&
                     record_read(e->options.run_dir, e->place.record, &r) == OK &&
                     process_session(pid) == r.pid;
    e->status.pid = pid;
    e->status.joined = !own;
    e->status.shared = e->place.shared || !own;
    learn_instance(e, pid);
}

static void engine_open(struct engine *e)
{
    const bool login = e->hello.state == HELLO_LOGIN;
    if (e->m.state == HELLO) {
        timer_stop(&e->timer);
        machine_move(&e->m, OPEN);
        e->opened_ms = loop_now_ms(e->loop);
        memcpy(e->status.version, e->hello.version, sizeof(e->status.version));
        learn_peer(e);
        engine_learn_manager(e);
    }
    log_info("engine.open", "version=%s joined=%d login=%d", e->status.version,
             e->status.joined, login);
    engine_tell(e, login ? ENGINE_LOGIN_REQUIRED : ENGINE_READY,
                login ? "Codex wants a login, and there is none" : "");
}

/* ---- HELLO -------------------------------------------------------------------------------------- */

static void on_hello_late(struct timer *t)
{
    struct engine *e = CONTAINER_OF(t, struct engine, timer);
    ws_conn_abort(e->ws);
}

static void hello_feed(struct engine *e, struct bytes text)
{
    struct buf out;
    buf_init(&out, HELLO_OUT_MAX);
    bool ours = false;
    enum err r = hello_input(&e->hello, text, &out, &ours);
    if (r == OK && buf_len(&out) > 0) {
        r = ws_conn_send_text(e->ws, buf_bytes(&out));
    }
    buf_fini(&out);
    if (r != OK || e->hello.state == HELLO_FAILED) {
        ws_conn_abort(e->ws);
    } else if (e->hello.state == HELLO_READY || e->hello.state == HELLO_LOGIN) {
        engine_open(e);
    }
}

static void on_silent(struct quiet *q, bool silent)
{
    struct engine *e = CONTAINER_OF(q, struct engine, quiet);
    log_warn("engine.silent", "silent=%d pid=%d", silent, (int)e->status.pid);
    if (e->ops->on_silent != NULL && e->m.state == OPEN) {
        e->ops->on_silent(e->user, silent);
    }
}

static void ws_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct engine *e = user;
    (void)c;
    quiet_heard(&e->quiet);
    if (!text) {
        return;
    }
    if (e->status.state == ENGINE_READY) {
        e->ops->on_message(e->user, payload); // also while it drains
    } else if (e->m.state == HELLO || e->m.state == OPEN) {
        hello_feed(e, payload);
    }
}

static void engine_hello(struct engine *e, struct ws_conn *ws)
{
    static const struct ws_conn_events events = {.message = ws_message,
                                                 .closed = ws_closed};
    struct buf out;
    buf_init(&out, HELLO_OUT_MAX);
    machine_move(&e->m, HELLO);
    e->taken = false;
    e->ws = ws;
    quiet_start(&e->quiet, e->loop, ws, on_silent);
    ws_conn_start(ws, &events, e);
    timer_start(e->loop, &e->timer, HELLO_MS, on_hello_late);
    enum err r = hello_begin(&e->hello, &out);
    if (r == OK) {
        r = ws_conn_send_text(ws, buf_bytes(&out));
    }
    if (r != OK) {
        ws_conn_abort(ws);
    }
    buf_fini(&out);
}

/* ---- DIALING and KNOCKING ------------------------------------------------------------------------- */

static void on_dialed(void *user, enum err r, const struct dial_result *result);

void engine_knock(struct engine *e)
{
    const struct dial_options o = {.url = e->place.endpoint,
                                   .timeout_ms = DIAL_MS,
                                   .ws = {.max_message = WS_CONN_MESSAGE_MAX,
                                          .max_queue = ENGINE_QUEUE_MAX,
                                          .ping_ms = PING_MS}};
    e->dial = dial_ws(e->loop, &o, on_dialed, e);
}

void engine_dial(struct engine *e)
{
    machine_move(&e->m, DIALING);
    engine_knock(e);
}

static void on_knock(struct timer *t)
{
    engine_knock(CONTAINER_OF(t, struct engine, timer));
}

static void not_dialed(struct engine *e, enum err r, const char *text)
{
    const bool nobody = r == ERR_NOT_FOUND || r == ERR_IO;
    if (e->m.state == KNOCKING && nobody && loop_now_ms(e->loop) < e->knock_until_ms) {
        timer_start(e->loop, &e->timer, KNOCK_MS, on_knock);
    } else if (e->m.state == DIALING && nobody && !e->place.joins_only) {
        engine_give_birth(e);
    } else {
        engine_pause(e, text);
    }
}

static void on_dialed(void *user, enum err r, const struct dial_result *result)
{
    struct engine *e = user;
    e->dial = NULL;
    if (e->m.state != DIALING && e->m.state != KNOCKING) { // nobody waits any more
        if (r == OK) {
            ws_conn_abort(result->ws);
        }
        if (e->m.state == CLOSING) {
            on_part_ended(e);
        }
        return;
    }
    if (r == OK) {
        engine_hello(e, result->ws);
    } else if (r == ERR_CANCELED) {
        machine_move(&e->m, DIALING); // another has the socket: on_agent_ended()
        engine_knock(e);
    } else {
        not_dialed(e, r, result->text);
    }
}

/* ---- the object ----------------------------------------------------------------------------------------- */

struct engine *engine_create(struct loop *l, const struct engine_options *o,
                             const struct engine_ops *ops, void *user)
{
    struct engine *e = mem_new(sizeof(*e));
    e->m = (struct machine){.what = "engine", .table = states, .state = IDLE};
    e->loop = l;
    e->ops = ops;
    e->user = user;
    e->options = *o;
    e->options.practice = o->practice && o->endpoint == NULL; // a given one wins
    e->options.codex_path = mem_strdup(o->codex_path);
    e->options.last_resort = mem_strdup(o->last_resort);
    e->options.codex_home = mem_strdup(o->codex_home);
    e->options.endpoint = mem_strdup(o->endpoint);
    e->options.cwd = mem_strdup(o->cwd);
    e->options.run_dir = mem_strdup(o->run_dir);
    e->options.home = mem_strdup(o->home);
    e->options.program = mem_strdup(o->program);
    e->status.practice = e->options.practice;
    if (place_make(&e->options, &e->misplaced, &e->place) == OK) {
        text_sanitize(bytes_from_str(e->place.endpoint), e->status.endpoint,
                      sizeof(e->status.endpoint));
        e->status.shared = e->place.shared;
        e->status.joined = e->place.joins_only;
    }
    return e;
}

static void on_start(struct loop_task *t)
{
    struct engine *e = CONTAINER_OF(t, struct engine, task);
    if (e->place.endpoint[0] == '\0') {
        engine_tell(e, ENGINE_DOWN, e->misplaced.text); // and so it stays
    } else if (e->options.practice) {
        engine_keep_model(e);
    } else {
        engine_dial(e);
    }
}

void engine_start(struct engine *e)
{
    loop_defer(e->loop, &e->task, on_start);
}

enum err engine_send(struct engine *e, struct bytes text)
{
    if (e->ws == NULL || e->status.state != ENGINE_READY || e->m.state == CLOSING) {
        return ERR_CLOSED;
    }
    quiet_sent(&e->quiet);
    return ws_conn_send_text(e->ws, text);
}

const struct engine_status *engine_status(const struct engine *e)
{
    return &e->status;
}

static void on_stopped(void *user)
{
    struct engine *e = user;
    engine_done_fn *stopped = e->stopped;
    e->stopper = NULL;
    e->stopped = NULL;
    if (stopped != NULL) {
        stopped(e->stopped_user);
    }
}

void engine_stop_agent(struct engine *e, engine_done_fn *done, void *user)
{
    e->stopped = done;
    e->stopped_user = user;
    if (e->stopper != NULL || e->m.state == CLOSING) {
        return;
    }
    machine_move(&e->m, HALTED);
    loop_task_cancel(&e->task);
    timer_stop(&e->timer);
    keeper_close(e->keeper); // or it would start the model again
    e->keeper = NULL;
    agent_close(e->agent); // or it might just be starting one
    e->agent = NULL;
    const enum stopper_what what = e->place.joins_only   ? STOPPER_NOTHING
                                   : e->options.practice ? STOPPER_PRACTICE
                                                         : STOPPER_CODEX;
    e->stopper = stopper_start(e->loop, e->options.run_dir, what, on_stopped, e);
}

static void on_closing(struct loop_task *t)
{
    on_part_ended(CONTAINER_OF(t, struct engine, task));
}

void engine_close(struct engine *e, engine_done_fn *done, void *user)
{
    e->closed = done;
    e->closed_user = user;
    machine_move(&e->m, CLOSING);
    timer_stop(&e->timer);
    stopper_cancel(e->stopper);
    keeper_close(e->keeper);
    agent_close(e->agent);
    engine_forget_manager(e);
    e->n_pending = 1; // for the task below: `done` never comes from inside
    if (e->dial != NULL) {
        e->n_pending++;
        dial_cancel(e->dial);
    }
    if (e->ws != NULL) {
        e->n_pending++;
        ws_conn_close(e->ws, 1000, NULL);
    }
    loop_defer(e->loop, &e->task, on_closing);
}
