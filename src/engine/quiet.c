#include "engine/quiet.h"

#include "engine/engine.h"

static void set_silent(struct quiet *q, bool silent)
{
    if (q->silent != silent) {
        q->silent = silent;
        q->changed(q, silent);
    }
}

static void on_quiet(struct timer *t);

static void await_answer(struct quiet *q, uint64_t since_ms)
{
    const uint64_t now_ms = loop_now_ms(q->loop);
    const uint64_t due_ms = since_ms + ENGINE_SILENT_MS / 2;
    q->sent_ms = since_ms;
    q->asked = false;
    timer_start(q->loop, &q->timer, due_ms > now_ms ? due_ms - now_ms : 0, on_quiet);
}

static void on_quiet(struct timer *t)
{
    struct quiet *q = CONTAINER_OF(t, struct quiet, timer);
    const uint64_t heard_ms = ws_conn_last_heard_ms(q->ws);
    if (heard_ms >= q->sent_ms) {
        set_silent(q, false);
        if (q->last_sent_ms > heard_ms) { // the answer was to something before that
            await_answer(q, q->last_sent_ms);
        }
        return;
    }
    if (q->asked) {
        set_silent(q, true);
    } else {
        ws_conn_ping(q->ws);
    }
    q->asked = true;
    timer_start(q->loop, t, ENGINE_SILENT_MS / 2, on_quiet);
}

void quiet_start(struct quiet *q, struct loop *l, struct ws_conn *ws,
                 void (*changed)(struct quiet *q, bool silent))
{
    timer_stop(&q->timer);
    *q = (struct quiet){.loop = l, .ws = ws, .changed = changed};
}

void quiet_stop(struct quiet *q)
{
    timer_stop(&q->timer);
    q->ws = NULL;
    q->silent = false;
}

void quiet_sent(struct quiet *q)
{
    if (q->ws == NULL) {
        return;
    }
    q->last_sent_ms = loop_now_ms(q->loop);
    if (!timer_is_armed(&q->timer)) {
        await_answer(q, q->last_sent_ms);
    }
}

void quiet_heard(struct quiet *q)
{
    set_silent(q, false);
}
