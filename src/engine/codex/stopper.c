#include "engine/codex/stopper.h"

#include <limits.h>
#include <signal.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/codex/record.h"
#include "loop/timer.h"

#define HARD_MS 3000 // after the second SIGTERM

static const struct {
    const char *file;
    enum stopper_what what;
} files[] = {{RECORD_CODEX, STOPPER_CODEX},
             {RECORD_PRACTICE, STOPPER_PRACTICE},
             {RECORD_MODEL, STOPPER_PRACTICE}};
enum { N_FILES = COUNT(files), N_AGENTS = 2 };

struct target {
    struct stopper *stopper;
    struct child *child; // NULL: gone, or never there
    pid_t pid;
};

struct stopper {
    struct loop *loop;
    char run_dir[PATH_MAX];
    enum stopper_what what;
    struct target targets[N_FILES];
    size_t next; // the first file not yet begun with
    unsigned blows;
    struct timer timer;
    struct loop_task task;
    stopper_done_fn *done;
    void *user;
};

static void stopper_go_on(struct stopper *s);

static void on_gone(struct child *c, void *user, int code, int signum)
{
    struct target *t = user;
    (void)c;
    (void)code;
    (void)signum;
    child_close(t->child, NULL, NULL);
    t->child = NULL;
    stopper_go_on(t->stopper);
}

static bool any_left(const struct stopper *s)
{
    for (size_t i = 0; i < N_FILES; i++) {
        if (s->targets[i].child != NULL) {
            return true;
        }
    }
    return false;
}

static void strike(struct stopper *s)
{
    for (size_t i = 0; i < N_FILES; i++) {
        const struct target *t = &s->targets[i];
        if (t->child != NULL) {
            const pid_t whom = s->blows == 0 ? t->pid : -t->pid;
            (void)kill(whom, s->blows < 2 ? SIGTERM : SIGKILL);
            log_info("agent.stop", "pid=%ld blow=%u", (long)t->pid, s->blows + 1);
        }
    }
    s->blows++;
}

static void on_timer(struct timer *t)
{
    struct stopper *s = CONTAINER_OF(t, struct stopper, timer);
    strike(s);
    timer_start(s->loop, &s->timer, HARD_MS, on_timer);
}

/* Watches before it strikes, so that a quick end is not missed. */
static void begin_with(struct stopper *s, size_t i)
{
    struct record r;
    struct target *t = &s->targets[i];
    if ((s->what & files[i].what) == 0 ||
        record_read(s->run_dir, files[i].file, &r) != OK ||
        child_watch(s->loop, r.pid, on_gone, t, &t->child) != OK) {
        return;
    }
    t->pid = r.pid;
}

static void stopper_go_on(struct stopper *s)
{
    while (!any_left(s) && s->next < N_FILES) {
        const size_t until = s->next < N_AGENTS ? N_AGENTS : N_FILES;
        for (; s->next < until; s->next++) {
            begin_with(s, s->next);
        }
        s->blows = 0;
        strike(s);
        timer_start(s->loop, &s->timer, STOPPER_DRAIN_MS, on_timer);
    }
    if (!any_left(s)) {
        stopper_done_fn *done = s->done;
        void *user = s->user;
        stopper_cancel(s);
        done(user);
    }
}

static void on_start(struct loop_task *t)
{
    stopper_go_on(CONTAINER_OF(t, struct stopper, task));
}

struct stopper *stopper_start(struct loop *l, const char *run_dir,
                              enum stopper_what what, stopper_done_fn *done, void *user)
{
    struct stopper *s = mem_new(sizeof(*s));
    s->loop = l;
    s->what = what;
    s->done = done;
    s->user = user;
    if (text_format(s->run_dir, sizeof(s->run_dir), "%s", run_dir) != OK) {
        s->next = N_FILES; // nothing can have been recorded there
    }
    for (size_t i = 0; i < N_FILES; i++) {
        s->targets[i].stopper = s;
    }
    loop_defer(l, &s->task, on_start);
    return s;
}

void stopper_cancel(struct stopper *s)
{
    if (s == NULL) {
        return;
    }
    loop_task_cancel(&s->task);
    timer_stop(&s->timer);
    for (size_t i = 0; i < N_FILES; i++) {
        if (s->targets[i].child != NULL) {
            child_close(s->targets[i].child, NULL, NULL);
        }
    }
    mem_free(s);
}
