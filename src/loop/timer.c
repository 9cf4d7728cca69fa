/*
 * A pairing heap, linked through the timers themselves: arming allocates nothing, and a
 * relay with a hundred thousand idle connections has one entry in the system's clock.
 */
#include "loop/timer.h"

#include "loop/loop_uv.h"

/* ---- the heap ------------------------------------------------------------------ */

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

/* Joins two heaps; each root has neither `next` nor `prev`. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (is_before(b, a)) {
        struct timer *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child != NULL) {
        a->child->prev = b;
    }
    a->child = b;
    return a;
}

static struct timer *cut_first(struct timer **list)
{
    struct timer *t = *list;
    if (t != NULL) {
        *list = t->next;
        t->next = NULL;
        t->prev = NULL;
    }
    return t;
}

/* The two passes of a pairing heap: join in pairs, then join the pairs from the last. */
static struct timer *join_children(struct timer *first)
{
    struct timer *pairs = NULL;
    while (first != NULL) {
        struct timer *a = cut_first(&first);
        struct timer *pair = meld(a, cut_first(&first));
        pair->next = pairs;
        pairs = pair;
    }
    struct timer *root = NULL;
    while (pairs != NULL) {
        root = meld(root, cut_first(&pairs));
    }
    return root;
}

static void heap_remove(struct loop *l, struct timer *t)
{
    struct timer *below = join_children(t->child);
    if (t == l->timers) {
        l->timers = below;
    } else {
        if (t->prev->child == t) {
            t->prev->child = t->next;
        } else {
            t->prev->next = t->next;
        }
        if (t->next != NULL) {
            t->next->prev = t->prev;
        }
        l->timers = meld(l->timers, below);
    }
    t->child = NULL;
    t->next = NULL;
    t->prev = NULL;
}

/* ---- the alarm ------------------------------------------------------------------- */

/* An alarm that rings too early is harmless and set again then; re-setting it at every
 * change would cost more. None rings when nothing is armed. */
static void set_alarm(struct loop *l)
{
    const bool active = uv_is_active((uv_handle_t *)&l->alarm) != 0;
    if (l->timers == NULL) {
        uv_timer_stop(&l->alarm);
        return;
    }
    const uint64_t due = l->timers->due_ms;
    if (active && l->alarm_due_ms <= due) {
        return;
    }
    const uint64_t now = uv_now(&l->uv);
    l->alarm_due_ms = due;
    uv_timer_start(&l->alarm, loop_timers_due, due > now ? due - now : 0, 0);
}

void loop_timers_due(uv_timer_t *alarm)
{
    struct loop *l = alarm->data;
    const uint64_t now = uv_now(&l->uv);
    const uint64_t newer = l->timer_order; // armed from now on: not in this round
    while (l->timers != NULL && l->timers->due_ms <= now && l->timers->order < newer) {
        struct timer *t = l->timers;
        heap_remove(l, t);
        t->loop = NULL;
        t->fn(t);
    }
    set_alarm(l);
}

/* ---- use --------------------------------------------------------------------------- */

void timer_start(struct loop *l, struct timer *t, uint64_t after_ms, timer_fn *fn)
{
    if (t->loop != NULL) {
        heap_remove(t->loop, t);
    }
    *t = (struct timer){
        .loop = l,
        .fn = fn,
        .due_ms = uv_now(&l->uv) + after_ms,
        .order = l->timer_order++,
    };
    l->timers = meld(l->timers, t);
    set_alarm(l);
}

void timer_stop(struct timer *t)
{
    if (t->loop == NULL) {
        return;
    }
    struct loop *l = t->loop;
    heap_remove(l, t);
    t->loop = NULL;
    set_alarm(l);
}

bool timer_is_armed(const struct timer *t)
{
    return t->loop != NULL;
}
