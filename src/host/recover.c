#include "host/recover.h"
#include "host/fence.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/command.h"
#include "host/thread.h"
#include "host/upcall.h"

enum stage { STAGE_WAITING, STAGE_OPENING, STAGE_LOOKING, STAGE_SENDING };

struct recovery {
    struct list node;
    struct hub_key key;
    char text[COMMAND_KEY_SIZE]; // the key, as the agent knows it
    char *thread_id;
    json_t *params; // NULL: never sent again
    enum stage stage;
    unsigned n_looks;
    unsigned n_pages; // of this look
    uint64_t due_ms;  // of the next look; 0: an answer is awaited
};

static void finish(struct hub *hub, struct recovery *r, enum hub_command_state state,
                   int64_t error)
{
    log_info("command.recovered", "key=%s state=%d error=%lld looks=%u", r->text,
             (int)state, (long long)error, r->n_looks);
    struct thread *t = thread_find(hub, bytes_from_str(r->thread_id));
    const bool works = r->stage == STAGE_SENDING && error == 0;
    command_moved(hub, &r->key, state, error);
    list_remove(&r->node);
    if (t != NULL && !works) { // else its turn's end leaves it
        thread_maybe_leave(t);
    }
    json_decref(r->params);
    mem_free(r->thread_id);
    mem_free(r);
}

static size_t count(const struct hub *hub)
{
    size_t n = 0;
    const struct recovery *r;
    list_each (r, &hub->recovering, node) {
        n++;
    }
    return n;
}

void hub_recover(struct hub *hub, const struct hub_command *c, bool may_send)
{
    const bool starts = strcmp(c->method, "turn/start") == 0;
    const bool steers = strcmp(c->method, "turn/steer") == 0;
    if ((!starts && !steers) || c->thread_id == NULL || count(hub) >= HUB_RECOVER_MAX) {
        command_moved(hub, &c->key, HUB_COMMAND_UNKNOWN, 0);
        return;
    }
    struct recovery *r = mem_new(sizeof(*r));
    r->key = c->key;
    r->thread_id = mem_strdup(c->thread_id);
    command_key_text(&c->key, r->text);
    if (starts && may_send && c->body.len != 0 &&
        json_parse(c->body, &r->params) != OK) {
        r->params = NULL;
    }
    list_append(&hub->recovering, &r->node);
}

/* ---- one step ------------------------------------------------------------------- */

static void open_thread(struct hub *hub, struct recovery *r)
{
    json_t *params = json_object();
    json_set_str(params, "threadId", r->thread_id);
    json_set_bool(params, "excludeTurns", true);
    thread_put_profile(hub, r->thread_id, params);
    fence_params(hub, thread_find(hub, bytes_from_str(r->thread_id)), params);
    r->stage = STAGE_OPENING;
    upcall_recover(hub, OWN_OPEN_AGAIN, "thread/resume", params, &r->key);
}

static void look(struct hub *hub, struct recovery *r, const char *cursor)
{
    json_t *params = json_object();
    json_set_str(params, "threadId", r->thread_id);
    json_set_int(params, "limit", RECOVER_PAGE);
    json_set_str(params, "sortDirection", "desc");
    if (cursor != NULL) {
        json_set_str(params, "cursor", cursor);
    } else {
        r->n_looks++;
        r->n_pages = 0;
    }
    r->n_pages++;
    r->stage = STAGE_LOOKING;
    r->due_ms = 0;
    upcall_recover(hub, OWN_LOOK, "thread/items/list", params, &r->key);
}

static void look_later(struct hub *hub, struct recovery *r)
{
    if (r->n_looks >= RECOVER_LOOKS) {
        finish(hub, r, HUB_COMMAND_UNKNOWN, 0);
        return;
    }
    r->due_ms = hub->now_ms + RECOVER_PAUSE_MS;
    hub->calls_changed = true;
}

static void send_again(struct hub *hub, struct recovery *r)
{
    r->stage = STAGE_SENDING;
    upcall_recover(hub, OWN_SEND_AGAIN, "turn/start", json_incref(r->params), &r->key);
}

/* The whole history, as far as it is looked at, does not have it. A turn may have been
 * taken and not be written yet: only a thread that rests, twice, is believed. */
static void not_there(struct hub *hub, struct recovery *r)
{
    enum { LOOKS_AT_REST = 2 };
    const struct thread *t = thread_find(hub, bytes_from_str(r->thread_id));
    if ((t != NULL && t->active) || r->n_looks < LOOKS_AT_REST) {
        look_later(hub, r);
    } else if (r->params != NULL) {
        send_again(hub, r);
    } else {
        finish(hub, r, HUB_COMMAND_UNKNOWN, 0);
    }
}

static void looked(struct hub *hub, struct recovery *r, struct bytes result)
{
    json_t *root = NULL;
    if (command_is_in(result, r->text)) {
        finish(hub, r, HUB_COMMAND_ANSWERED, 0);
        return;
    }
    if (json_parse(result, &root) != OK) {
        finish(hub, r, HUB_COMMAND_UNKNOWN, 0);
        return;
    }
    const char *next = json_get_str(root, "nextCursor");
    if (next == NULL) {
        not_there(hub, r);
    } else if (r->n_pages < RECOVER_PAGES) {
        look(hub, r, next);
    } else {
        finish(hub, r, HUB_COMMAND_UNKNOWN, 0); // too far back to be sure
    }
    json_decref(root);
}

/* ---- what the agent says ------------------------------------------------------------ */

static struct recovery *of(const struct upcall *u)
{
    struct recovery *r;
    if (u->recovers.seq == 0) {
        return NULL;
    }
    list_each (r, &u->hub->recovering, node) {
        if (r->key.seq == u->recovers.seq &&
            bytes_equal(BYTES_OF(r->key.device_id), BYTES_OF(u->recovers.device_id))) {
            return r;
        }
    }
    return NULL;
}

void recover_answered(struct upcall *u, struct bytes result)
{
    struct recovery *r = of(u);
    if (r == NULL) {
        return;
    }
    switch (r->stage) {
    case STAGE_OPENING:
        look(u->hub, r, NULL);
        return;
    case STAGE_LOOKING:
        looked(u->hub, r, result);
        return;
    case STAGE_SENDING:
        finish(u->hub, r, HUB_COMMAND_ANSWERED, 0);
        return;
    case STAGE_WAITING:
        return;
    }
}

void recover_refused(struct upcall *u, const struct jsonrpc *rpc)
{
    struct recovery *r = of(u);
    json_t *error = NULL;
    if (r == NULL) {
        return;
    }
    const int64_t code = json_parse(rpc->error, &error) == OK
                             ? json_get_int(error, "code", HUB_ERR_INTERNAL)
                             : HUB_ERR_INTERNAL;
    json_decref(error);
    finish(u->hub, r, HUB_COMMAND_ANSWERED, code);
}

void recover_failed(struct upcall *u)
{
    struct recovery *r = of(u);
    if (r == NULL) {
        return;
    }
    if (!u->hub->ready) { // the next agent is asked; a sent one has its key there
        r->stage = STAGE_WAITING;
        r->due_ms = 0;
        return;
    }
    switch (r->stage) {
    case STAGE_OPENING:
        look(u->hub, r, NULL); // its history may be there all the same
        return;
    case STAGE_LOOKING:
        finish(u->hub, r, HUB_COMMAND_UNKNOWN, 0); // no history: nobody can say
        return;
    case STAGE_SENDING:
        r->n_looks = 0;
        json_decref(r->params);
        r->params = NULL; // sent, without an answer: looked for, never sent again
        look_later(u->hub, r);
        return;
    case STAGE_WAITING:
        return;
    }
}

/* ---- when ------------------------------------------------------------------------------ */

void recover_begin(struct hub *hub)
{
    struct recovery *r;
    struct recovery *tmp;
    list_each_safe (r, tmp, &hub->recovering, node) {
        if (r->stage == STAGE_WAITING) {
            r->n_looks = 0;
            open_thread(hub, r);
        }
    }
}

void recover_tick(struct hub *hub)
{
    struct recovery *r;
    struct recovery *tmp;
    list_each_safe (r, tmp, &hub->recovering, node) {
        if (r->due_ms != 0 && r->due_ms <= hub->now_ms && hub->ready) {
            look(hub, r, NULL);
        }
    }
}

uint64_t recover_deadline(const struct hub *hub)
{
    uint64_t at = 0;
    const struct recovery *r;
    list_each (r, &hub->recovering, node) {
        if (r->due_ms != 0 && (at == 0 || r->due_ms < at)) {
            at = r->due_ms;
        }
    }
    return at;
}

void recover_hold_back(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE])
{
    struct recovery *r;
    list_each (r, &hub->recovering, node) {
        if (bytes_equal(BYTES_OF(r->key.device_id),
                        (struct bytes){device_id, HUB_DEVICE_ID_SIZE})) {
            json_decref(r->params);
            r->params = NULL;
        }
    }
}

void recover_forget_all(struct hub *hub)
{
    struct recovery *r;
    struct recovery *tmp;
    list_each_safe (r, tmp, &hub->recovering, node) {
        list_remove(&r->node);
        json_decref(r->params);
        mem_free(r->thread_id);
        mem_free(r);
    }
}
