#include "host/upcall.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/acted.h"
#include "host/answer.h"
#include "host/command.h"
#include "host/pager.h"
#include "host/window.h"

#define OVERLOADED      "-32001" // Codex's: try again later
#define SLOT_BITS       6
#define SLOT_MASK       ((UINT64_C(1) << SLOT_BITS) - 1)
#define CODEX_FRAME_MAX (64u * 1024 * 1024)

_Static_assert(HUB_IN_FLIGHT == 1 << SLOT_BITS, "a slot number fits its bits");

/* ---- life -------------------------------------------------------------------- */

static const char *why_not(const struct hub *hub)
{
    return hub->engine.state == ENGINE_LOGIN_REQUIRED ? "the agent needs a login"
                                                      : "the agent is down";
}

/* The work behind a call of ours. */
static struct upcall *take_held(struct upcall *u)
{
    struct upcall *work = u->then;
    u->then = NULL;
    if (work != NULL && work->by != NULL) {
        work->by->n_waiting--;
    }
    return work;
}

void upcall_destroy(struct upcall *u)
{
    if (u == NULL) {
        return;
    }
    struct upcall *work = take_held(u);
    if (work != NULL) { // never with weaker settings than the host's
        upcall_fail(work, HUB_ERR_AGENT,
                    u->hub->ready ? "the agent did not take the host's settings: "
                                    "nothing was started"
                                  : why_not(u->hub));
        upcall_destroy(work);
    }
    json_decref(u->params);
    json_decref(u->clamped);
    window_free(u->window);
    pager_free(u->pager);
    mem_free(u->id);
    mem_free(u->thread_id);
    mem_free(u->handle);
    mem_free(u);
}

char *upcall_text(struct bytes text)
{
    char *out = mem_try(text.len + 1, 1);
    if (out != NULL && text.len > 0) {
        memcpy(out, text.at, text.len);
    }
    return out;
}

struct upcall *upcall_create(struct controller *c, const struct method *m,
                             struct bytes id, json_t *params)
{
    struct upcall *u = NULL;
    if (c->n_waiting + c->n_in_flight >= HUB_WAITING_EACH ||
        c->hub->n_waiting >= HUB_WAITING) {
        controller_error(c, id, HUB_ERR_LIMIT, "too many requests at once");
        goto out;
    }
    u = mem_try(1, sizeof(*u));
    if (u == NULL) {
        controller_error(c, id, HUB_ERR_LIMIT, "out of memory");
        goto out;
    }
    u->hub = c->hub;
    u->by = c;
    u->name = m->name;
    u->method = m;
    u->who = c->info;
    u->params = json_incref(params);
    u->waits_long = (m->flags & METHOD_LONG) != 0;
    u->id = upcall_text(id);
    if (u->id == NULL) {
        controller_error(c, id, HUB_ERR_LIMIT, "out of memory");
        upcall_destroy(u);
        u = NULL;
    }
out:
    json_decref(params);
    return u;
}

static void enqueue(struct upcall *u)
{
    list_append(&u->hub->waiting, &u->node);
    u->hub->n_waiting++;
    u->hub->calls_changed = true;
    if (u->by != NULL) {
        u->by->n_waiting++;
    }
}

static void dequeue(struct upcall *u)
{
    list_remove(&u->node);
    u->hub->n_waiting--;
    if (u->by != NULL) {
        u->by->n_waiting--;
    }
}

static void free_slot(struct upcall *u)
{
    if (u->serial == 0) {
        return;
    }
    u->hub->in_flight[u->serial & SLOT_MASK] = NULL;
    u->hub->n_in_flight--;
    u->serial = 0;
    if (u->by != NULL) {
        u->by->n_in_flight--;
    }
}

void upcall_submit(struct upcall *u)
{
    struct hub *hub = u->hub;
    if (!hub->ready && hub->engine.state != ENGINE_STARTING) {
        upcall_fail(u, HUB_ERR_AGENT, why_not(hub));
        upcall_destroy(u);
        return;
    }
    u->deadline_ms =
        hub->now_ms + (hub->ready ? UPCALL_TIMEOUT_MS : UPCALL_STARTING_MS);
    enqueue(u);
    upcalls_pump(hub);
}

static struct upcall *own_create(struct hub *hub, enum own_call own, const char *name,
                                 json_t *params, const char *thread_id)
{
    struct upcall *u = mem_new(sizeof(*u));
    u->hub = hub;
    u->own = own;
    u->name = name;
    u->params = params;
    u->thread_id = mem_strdup(thread_id);
    return u;
}

void upcall_own(struct hub *hub, enum own_call own, const char *name, json_t *params,
                const char *thread_id)
{
    if (!hub->ready) {
        json_decref(params); // READY begins with all of these anew
        return;
    }
    upcall_submit(own_create(hub, own, name, params, thread_id));
}

void upcall_before(struct upcall *work, enum own_call own, const char *name,
                   json_t *params, const char *thread_id)
{
    struct upcall *u = own_create(work->hub, own, name, params, thread_id);
    u->then = work;
    work->by->n_waiting++; // held is waiting: a flood is its sender's loss
    upcall_submit(u);
}

void upcall_release(struct upcall *u)
{
    struct upcall *work = take_held(u);
    if (work != NULL) {
        upcall_submit(work);
    }
}

void upcall_recover(struct hub *hub, enum own_call own, const char *name,
                    json_t *params, const struct hub_key *key)
{
    struct upcall *u = mem_new(sizeof(*u));
    u->hub = hub;
    u->own = own;
    u->name = name;
    u->params = params;
    u->recovers = *key;
    upcall_submit(u);
}

void upcall_again(struct upcall *u, uint64_t after_ms)
{
    free_slot(u);
    u->not_before_ms = after_ms > 0 ? u->hub->now_ms + after_ms : 0;
    enqueue(u);
    upcalls_pump(u->hub);
}

void upcall_fail(struct upcall *u, int code, const char *message)
{
    if (u->serial != 0) { // it went to the agent
        acted_tell(u, "unknown", BYTES_NONE);
    }
    if (u->by != NULL) {
        controller_error(u->by, bytes_from_str(u->id), code, message);
    }
    command_moved(u->hub, &u->key,
                  code == HUB_ERR_UNKNOWN ? HUB_COMMAND_UNKNOWN : HUB_COMMAND_ANSWERED,
                  code);
    answer_failed(u);
}

/* ---- sending ------------------------------------------------------------------ */

static enum err put_text(struct upcall *u, struct buf *out)
{
    struct buf params;
    buf_init(&params, CODEX_FRAME_MAX);
    enum err e = json_print(u->params, &params);
    if (e == OK) {
        e = jsonrpc_put_request_u64(out, u->serial, u->name, buf_bytes(&params));
    }
    buf_fini(&params);
    return e;
}

/* Would one more call without deadline leave the others, and other callers, a place? */
static bool may_wait_long(const struct upcall *u)
{
    unsigned all = 0;
    unsigned own = 0;
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        const struct upcall *other = u->hub->in_flight[i];
        if (other != NULL && other->waits_long) {
            all++;
            own += other->by == u->by ? 1 : 0;
        }
    }
    return all < UPCALL_LONG_MAX && own < UPCALL_LONG_EACH;
}

static bool may_go(const struct upcall *u)
{
    if (u->not_before_ms > u->hub->now_ms) {
        return false;
    }
    if (u->waits_long && !may_wait_long(u)) {
        return false;
    }
    return u->by == NULL || u->by->n_in_flight < UPCALL_SHARE;
}

static void set_deadline(struct upcall *u)
{
    const bool slow = u->own == OWN_RESUME || u->own == OWN_LOADED ||
                      u->own == OWN_OPEN_AGAIN || u->own == OWN_LOOK ||
                      (u->method != NULL && (u->method->flags & METHOD_SLOW) != 0);
    u->deadline_ms = u->waits_long
                         ? 0
                         : u->hub->now_ms + (slow ? UPCALL_SLOW_MS : UPCALL_TIMEOUT_MS);
}

static void launch(struct upcall *u)
{
    struct hub *hub = u->hub;
    struct buf out;
    uint64_t slot = 0;
    while (hub->in_flight[slot] != NULL) {
        slot++;
    }
    u->serial = (++hub->call_serial << SLOT_BITS) | slot;
    hub->in_flight[slot] = u;
    hub->calls_changed = true;
    hub->n_in_flight++;
    if (u->by != NULL) {
        u->by->n_in_flight++;
    }
    set_deadline(u);
    buf_init(&out, CODEX_FRAME_MAX + 1024);
    enum err e = put_text(u, &out);
    if (e == OK) {
        e = hub->ops.upstream(hub->user, buf_bytes(&out));
    }
    buf_fini(&out);
    if (e == OK) {
        command_moved(hub, &u->key, HUB_COMMAND_SENT, 0);
    } else {
        log_warn("hub.upstream_failed", "method=%s reason=\"%s\"", u->name,
                 err_text(e));
        free_slot(u);
        upcall_fail(u, e == ERR_LIMIT || e == ERR_NOMEM ? HUB_ERR_LIMIT : HUB_ERR_AGENT,
                    e == ERR_LIMIT ? "the request is too large" : why_not(hub));
        upcall_destroy(u);
    }
}

static struct upcall *next_to_go(struct hub *hub)
{
    struct upcall *u;
    if (!hub->ready || hub->n_in_flight >= HUB_IN_FLIGHT) {
        return NULL;
    }
    list_each (u, &hub->waiting, node) {
        if (may_go(u)) {
            return u;
        }
    }
    return NULL;
}

void upcalls_pump(struct hub *hub)
{
    struct upcall *u;
    if (hub->pumping) {
        return; // the caller further up the stack goes on until nothing can go
    }
    hub->pumping = true;
    while ((u = next_to_go(hub)) != NULL) {
        dequeue(u);
        launch(u);
    }
    hub->pumping = false;
}

/* ---- answers -------------------------------------------------------------------- */

static struct upcall *find(const struct hub *hub, struct bytes id)
{
    uint64_t serial = 0;
    if (u64_parse(id, INT64_MAX, &serial) != OK) {
        return NULL;
    }
    struct upcall *u = hub->in_flight[serial & SLOT_MASK];
    return u != NULL && u->serial == serial ? u : NULL;
}

static bool is_overloaded(const struct jsonrpc *rpc)
{
    struct bytes code;
    return rpc->kind == JSONRPC_ERROR &&
           json_raw_get(rpc->error, "code", &code) == OK &&
           bytes_equal_str(code, OVERLOADED);
}

void upcalls_answer(struct hub *hub, const struct jsonrpc *rpc)
{
    struct upcall *u = find(hub, rpc->id);
    if (u == NULL) {
        hub->n_unknown++; // timed out meanwhile
        return;
    }
    if (is_overloaded(rpc) && ++u->tries < UPCALL_TRIES_MAX) {
        upcall_again(u, (uint64_t)UPCALL_FIRST_MS << u->tries);
        return;
    }
    if (!answer_apply(u, rpc)) {
        return; // asked again in another way
    }
    acted_tell(u, rpc->kind == JSONRPC_RESPONSE ? "done" : "failed",
               rpc->kind == JSONRPC_RESPONSE ? rpc->result : rpc->error);
    command_answered(hub, &u->key, rpc);
    free_slot(u);
    upcall_destroy(u);
    upcalls_pump(hub);
}

/* ---- time, death, departure -------------------------------------------------------- */

static bool is_over(const struct upcall *u)
{
    return u->deadline_ms != 0 && u->deadline_ms <= u->hub->now_ms;
}

static void time_out(struct upcall *u, const char *message)
{
    log_warn("hub.timeout", "method=%s", u->name);
    upcall_fail(u, u->serial != 0 ? HUB_ERR_UNKNOWN : HUB_ERR_AGENT, message);
    free_slot(u);
    upcall_destroy(u);
}

void upcalls_tick(struct hub *hub)
{
    struct upcall *u;
    struct upcall *tmp;
    hub->pumping = true; // nothing leaves the list while we walk it
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        if (hub->in_flight[i] != NULL && is_over(hub->in_flight[i])) {
            time_out(hub->in_flight[i], "the agent did not answer: outcome unknown");
        }
    }
    list_each_safe (u, tmp, &hub->waiting, node) {
        if (is_over(u)) {
            dequeue(u);
            time_out(u, "the agent was too busy to take the request");
        }
    }
    hub->pumping = false;
    upcalls_pump(hub);
}

void upcalls_fail_all(struct hub *hub, const char *message)
{
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        struct upcall *u = hub->in_flight[i];
        if (u != NULL) {
            const bool acts = u->method != NULL && method_is_effect(u->method);
            upcall_fail(u, acts ? HUB_ERR_UNKNOWN : HUB_ERR_AGENT,
                        acts ? "the agent went away: outcome unknown" : message);
            free_slot(u);
            upcall_destroy(u);
        }
    }
    while (!list_is_empty(&hub->waiting)) {
        struct upcall *u = list_first(&hub->waiting, struct upcall, node);
        dequeue(u);
        upcall_fail(u, HUB_ERR_AGENT, message);
        upcall_destroy(u);
    }
}

static void drop(struct upcall *u)
{
    u->by = NULL;
    command_moved(u->hub, &u->key, HUB_COMMAND_ANSWERED, HUB_ERR_AGENT);
    answer_failed(u);
    upcall_destroy(u);
}

static void drop_held(struct upcall *u, const struct controller *c)
{
    if (u->then != NULL && u->then->by == c) {
        drop(take_held(u));
    }
}

void upcalls_forget(struct controller *c)
{
    struct hub *hub = c->hub;
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        if (hub->in_flight[i] != NULL && hub->in_flight[i]->by == c) {
            hub->in_flight[i]->by = NULL;
            hub->in_flight[i]->waits_long = false; // its handle is killed
            set_deadline(hub->in_flight[i]);
        }
    }
    upcalls_drop_waiting(c);
    upcalls_pump(hub);
}

void upcalls_drop_waiting(struct controller *c)
{
    struct hub *hub = c->hub;
    struct upcall *u;
    struct upcall *tmp;
    const bool was = hub->pumping;
    hub->pumping = true; // nothing else leaves the list while we walk it
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        if (hub->in_flight[i] != NULL) {
            drop_held(hub->in_flight[i], c);
        }
    }
    list_each_safe (u, tmp, &hub->waiting, node) {
        drop_held(u, c);
        if (u->by == c) { // what has not been sent is not sent for nobody
            dequeue(u);
            drop(u);
        }
    }
    hub->pumping = was;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

uint64_t upcalls_deadline(const struct hub *hub)
{
    uint64_t at = 0;
    const struct upcall *u;
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        if (hub->in_flight[i] != NULL) {
            at = sooner(at, hub->in_flight[i]->deadline_ms);
        }
    }
    list_each (u, &hub->waiting, node) {
        at = sooner(at, u->deadline_ms);
        if (u->not_before_ms > hub->now_ms) { // else it waits for a slot
            at = sooner(at, u->not_before_ms);
        }
    }
    return at;
}
