#include "engine/practice/keeper.h"

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/codex/record.h"
#include "engine/practice/home.h"
#include "loop/timer.h"

#define LOOK_MS  10    // between two looks for the record of a new model
#define START_MS 10000 // a model that has not listened by then never will
#define PAUSE_MS 500   // before a model that ended is started again

struct keeper {
    struct loop *loop;
    struct keeper_options options;
    const struct keeper_ops *ops;
    void *user;
    struct child *child; // the model, ours or found
    struct timer timer;  // START, LOOK or PAUSE, never two
    uint64_t give_up_ms; // of a start
    bool told;           // `ready` has been called
    bool starting;       // a child of ours that has left no record yet, for all we know
    struct loop_task task; // for a start
};

static void keeper_begin(struct keeper *k);

static void keeper_fail(struct keeper *k, const char *sentence);

static void on_pause(struct timer *t)
{
    keeper_begin(CONTAINER_OF(t, struct keeper, timer));
}

/* One that just starts is ended: without a record no `farhand stop` would find it. */
static void drop_child(struct keeper *k)
{
    if (k->child != NULL && k->starting) {
        (void)kill(child_pid(k->child), SIGTERM);
    }
    k->starting = false;
    if (k->child != NULL) {
        child_close(k->child, NULL, NULL);
        k->child = NULL;
    }
}

static void keeper_fail(struct keeper *k, const char *sentence)
{
    log_warn("practice.failed", "reason=\"%s\"", sentence);
    drop_child(k);
    timer_start(k->loop, &k->timer, PAUSE_MS, on_pause);
    k->ops->failed(k->user, sentence);
}

static void on_model_ended(struct child *c, void *user, int code, int signum)
{
    struct keeper *k = user;
    (void)c;
    log_warn("practice.ended", "code=%d signal=%d", code, signum);
    k->starting = false;
    drop_child(k);
    timer_start(k->loop, &k->timer, PAUSE_MS, on_pause);
}

/* The model listens: write the home that leads Codex to it. */
static void keeper_ready(struct keeper *k, const struct record *r)
{
    timer_stop(&k->timer);
    k->starting = false;
    const enum err e = home_write(k->options.codex_home, r->port, k->options.trusted);
    if (e != OK) {
        keeper_fail(k, "the home of the practice model cannot be written");
        return;
    }
    log_info("practice.ready", "pid=%ld port=%u", (long)r->pid, (unsigned)r->port);
    if (!k->told) {
        k->told = true;
        k->ops->ready(k->user, r->port);
    }
}

static void on_look(struct timer *t)
{
    struct keeper *k = CONTAINER_OF(t, struct keeper, timer);
    struct record r;
    if (k->child != NULL && record_read(k->options.run_dir, RECORD_MODEL, &r) == OK &&
        r.pid == child_pid(k->child)) {
        keeper_ready(k, &r);
    } else if (loop_now_ms(k->loop) > k->give_up_ms) {
        keeper_fail(k, "the practice model does not listen");
    } else {
        timer_start(k->loop, &k->timer, LOOK_MS, on_look);
    }
}

static enum err own_program(const struct keeper *k, char out[PATH_MAX])
{
    if (k->options.program != NULL) {
        return text_format(out, PATH_MAX, "%s", k->options.program);
    }
    return stream_peer_exe(getpid(), out, PATH_MAX);
}

static void keeper_spawn(struct keeper *k)
{
    char program[PATH_MAX];
    char image[PATH_MAX];
    char log[PATH_MAX];
    struct diag diag = {.text = ""};
    enum err e = own_program(k, program);
    if (e == OK) {
        e = text_format(image, sizeof(image), "%s/" HOME_IMAGE, k->options.codex_home);
    }
    if (e == OK) {
        e = text_format(log, sizeof(log), "%s/practice-model.log", k->options.run_dir);
    }
    if (e == OK) {
        const char *const argv[] = {
            program, "practice-model", "--run", k->options.run_dir, "--image", image,
            NULL};
        const struct child_options o = {
            .file = program, .argv = argv, .stderr_path = log, .detached = true};
        e = child_spawn(k->loop, &o, on_model_ended, k, &diag, &k->child);
    }
    if (e != OK) {
        keeper_fail(k, diag.text[0] != '\0' ? diag.text : "a path is too long");
        return;
    }
    k->starting = true;
    k->give_up_ms = loop_now_ms(k->loop) + START_MS;
    timer_start(k->loop, &k->timer, LOOK_MS, on_look);
}

static void keeper_begin(struct keeper *k)
{
    struct record r;
    if (record_read(k->options.run_dir, RECORD_MODEL, &r) == OK && r.port != 0 &&
        child_watch(k->loop, r.pid, on_model_ended, k, &k->child) == OK) {
        keeper_ready(k, &r);
        return;
    }
    keeper_spawn(k);
}

static void on_start(struct loop_task *t)
{
    keeper_begin(CONTAINER_OF(t, struct keeper, task));
}

struct keeper *keeper_create(struct loop *l, const struct keeper_options *o,
                             const struct keeper_ops *ops, void *user)
{
    struct keeper *k = mem_new(sizeof(*k));
    k->loop = l;
    k->options = *o;
    k->ops = ops;
    k->user = user;
    return k;
}

void keeper_start(struct keeper *k)
{
    loop_defer(k->loop, &k->task, on_start);
}

void keeper_close(struct keeper *k)
{
    if (k == NULL) {
        return;
    }
    loop_task_cancel(&k->task);
    timer_stop(&k->timer);
    drop_child(k);
    mem_free(k);
}
