#include "host/answer.h"

#include <string.h>

#include "base/log.h"
#include "host/command.h"
#include "host/config.h"
#include "host/guard.h"
#include "host/handle.h"
#include "host/item.h"
#include "host/recover.h"
#include "host/request.h"
#include "host/scope.h"
#include "host/thread.h"
#include "host/window.h"

/* ---- telling the caller ---------------------------------------------------------- */

/* {"id":…,"result":{…,"farhand":{"clamped":…}}} without a tree of the result. */
static struct blob *plain_response(const struct upcall *u, struct bytes result)
{
    struct buf out;
    struct buf told;
    struct blob *blob = NULL;
    buf_init(&out, result.len + 1024 * 1024);
    buf_init(&told, 512 * 1024);
    const bool tells =
        json_array_size(u->clamped) > 0 && result.len >= 2 && result.at[0] == '{';
    enum err e = buf_putf(&out, "{\"id\":%s,\"result\":", u->id);
    if (e == OK && tells) {
        const bool empty = bytes_sub(result, 1, 1).at[0] == '}';
        e = json_print(u->clamped, &told);
        if (e == OK) {
            e = buf_put_str(&out, "{\"farhand\":{\"clamped\":");
        }
        if (e == OK) {
            e = buf_put(&out, buf_bytes(&told));
        }
        if (e == OK) {
            e = buf_put_str(&out, empty ? "}" : "},");
        }
        result = bytes_sub(result, 1, result.len);
    }
    if (e == OK) {
        e = buf_put(&out, result);
    }
    if (e == OK && buf_put_u8(&out, '}') == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    buf_fini(&told);
    buf_fini(&out);
    return blob;
}

/* No controller sees a key of ours: only the id that it, or another, had given. */
static struct blob *response(const struct upcall *u, struct bytes result)
{
    struct buf own;
    if (!command_is_mapped(result)) {
        return plain_response(u, result);
    }
    buf_init(&own, result.len);
    struct blob *blob =
        command_unmap(result, &own) == OK ? plain_response(u, buf_bytes(&own)) : NULL;
    buf_fini(&own);
    return blob;
}

static void send_result(struct upcall *u, struct bytes result)
{
    if (u->by == NULL) {
        return;
    }
    struct blob *blob = response(u, result);
    controller_send(u->by, blob);
    blob_unref(blob);
}

static void send_tree(struct upcall *u, json_t *result /* take */)
{
    struct buf out;
    buf_init(&out, ANSWER_LOCAL_MAX);
    if (json_print(result, &out) == OK) {
        send_result(u, buf_bytes(&out));
    } else if (u->by != NULL) {
        controller_error(u->by, bytes_from_str(u->id), HUB_ERR_LIMIT,
                         "the answer is too large");
    }
    buf_fini(&out);
    json_decref(result);
}

static void send_error(struct upcall *u, struct bytes error)
{
    struct buf out;
    struct blob *blob = NULL;
    if (u->by == NULL) {
        return;
    }
    buf_init(&out, error.len + 1024);
    if (buf_putf(&out, "{\"id\":%s,\"error\":", u->id) == OK &&
        buf_put(&out, error) == OK && buf_put_u8(&out, '}') == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    controller_send(u->by, blob);
    blob_unref(blob);
    buf_fini(&out);
}

/* ---- too large ------------------------------------------------------------------------ */

void answer_note(struct upcall *u, const char *field, json_t *asked, json_t *given)
{
    if (u->clamped == NULL) {
        u->clamped = json_array();
    }
    json_push(u->clamped, json_pack("{s:s, s:o, s:o}", "field", field, "asked", asked,
                                    "given", given));
}

static bool ask_smaller_page(struct upcall *u)
{
    const int64_t limit = json_get_int(u->params, "limit", ANSWER_PAGE);
    if (limit <= 1) {
        return false;
    }
    const int64_t smaller = limit > ANSWER_PAGE ? ANSWER_PAGE : (limit + 3) / 4;
    json_set_int(u->params, "limit", smaller < limit ? smaller : limit - 1);
    upcall_again(u, 0);
    return true;
}

static bool ask_without_turns(struct upcall *u)
{
    if (u->method->act == ACT_READ && json_get_bool(u->params, "includeTurns", false)) {
        json_set_bool(u->params, "includeTurns", false);
        answer_note(u, "includeTurns", json_true(), json_false());
        upcall_again(u, 0);
        return true;
    }
    if (u->method->act == ACT_RESUME &&
        !json_get_bool(u->params, "excludeTurns", false)) {
        json_set_bool(u->params, "excludeTurns", true);
        (void)json_object_del(u->params, "initialTurnsPage");
        answer_note(u, "excludeTurns", json_false(), json_true());
        upcall_again(u, 0);
        return true;
    }
    return false;
}

/* True: dealt with, one way or the other; *again says whether the call lives on. */
static bool is_too_large(struct upcall *u, struct bytes result, bool *again)
{
    if (u->by == NULL ||
        result.len <= (u->by->info.kind == CONTROLLER_DEVICE ? ANSWER_DEVICE_MAX
                                                             : ANSWER_LOCAL_MAX)) {
        return false;
    }
    *again = (u->method->flags & METHOD_PAGED) != 0 ? ask_smaller_page(u)
                                                    : ask_without_turns(u);
    if (!*again) {
        controller_error(u->by, bytes_from_str(u->id), HUB_ERR_LIMIT,
                         "the answer is too large for one message");
        answer_failed(u);
    }
    return true;
}

/* ---- threads ---------------------------------------------------------------------------- */

static bool raw_is_true(struct bytes raw)
{
    return bytes_equal_str(raw, "true");
}

static bool policy_is_ours(struct bytes approvals, struct bytes reviewer)
{
    return json_raw_is(approvals, PROFILE_APPROVALS) &&
           json_raw_is(reviewer, PROFILE_REVIEWER);
}

static void learn_status(struct thread *t, struct bytes status)
{
    struct bytes type;
    const bool active =
        json_raw_get(status, "type", &type) == OK && json_raw_is(type, "active");
    if (active && !t->active && t->turn[0] == '\0') {
        t->partial = true; // its open items began before we listened
    }
    t->active = active;
}

static void learn_sandbox(struct thread *t, struct bytes raw)
{
    json_t *sandbox = NULL;
    if (raw.len > 0 && raw.at[0] == '{' && json_parse(raw, &sandbox) == OK) {
        t->sandbox_is_fine = guard_sandbox_is_fine(sandbox);
    }
    json_decref(sandbox);
}

static void learn_folder(struct hub *hub, struct bytes raw)
{
    struct buf path;
    const char *text;
    buf_init(&path, 8192);
    if (raw.len > 0 && json_raw_text(raw, &path) == OK &&
        buf_cstr(&path, &text) == OK) {
        folders_learn(&hub->folders, text, (int64_t)(hub_wall_ms(hub) / 1000));
    }
    buf_fini(&path);
}

/* The thread of a start, resume or fork, as its answer describes it. */
static struct thread *learn_thread(struct hub *hub, struct bytes result,
                                   bool *ephemeral)
{
    static const char *const outer[] = {"thread", "sandbox", "approvalPolicy",
                                        "approvalsReviewer", "cwd"};
    static const char *const inner[] = {"id", "ephemeral", "status"};
    struct bytes o[COUNT(outer)];
    struct bytes i[COUNT(inner)];
    struct bytes id;
    if (jsonrpc_pick(result, outer, COUNT(outer), o) != OK ||
        jsonrpc_pick(o[0], inner, COUNT(inner), i) != OK ||
        json_raw_plain(i[0], &id) != OK) {
        return NULL;
    }
    struct thread *t = thread_get(hub, id);
    if (t != NULL) {
        const bool was_live = t->live;
        t->live = true;
        learn_status(t, i[2]);
        learn_sandbox(t, o[1]);
        t->policy_is_fine = t->sandbox_is_fine && policy_is_ours(o[2], o[3]);
        if (!was_live) { // its turn began before we listened: under this policy
            t->weak_turn = t->active && !t->policy_is_fine;
        }
        *ephemeral = raw_is_true(i[1]);
        if (!*ephemeral) {
            learn_folder(hub, o[4]);
        }
    }
    return t;
}

static void join_end(struct upcall *u)
{
    struct thread *t =
        u->thread_id != NULL ? thread_find(u->hub, bytes_from_str(u->thread_id)) : NULL;
    if (t != NULL && u->joins) {
        thread_join_end(t);
    }
    u->joins = false;
}

/* What is known of the thread as of this answer; once per call. */
static struct thread *take_thread(struct upcall *u, struct bytes result)
{
    bool ephemeral = false;
    struct thread *t = learn_thread(u->hub, result, &ephemeral);
    if (t != NULL && u->method->act != ACT_RESUME) {
        t->hidden = u->hidden || ephemeral;
        t->starter = u->by;
        t->registrar = u->tools ? u->by : NULL;
    }
    if (t != NULL && u->method->act == ACT_RESUME) {
        t->replay_to = u->by;
    }
    return t;
}

static void thread_answered(struct upcall *u, struct bytes result, struct thread *t)
{
    if (t == NULL) {
        send_result(u, result);
        join_end(u);
        return;
    }
    if (u->by == NULL) {
        join_end(u);
        thread_maybe_leave(t);
        return;
    }
    if (!thread_subscribe(t, u->by)) {
        controller_error(u->by, bytes_from_str(u->id), HUB_ERR_LIMIT,
                         "too many threads are open on this connection");
        join_end(u);
        thread_maybe_leave(t);
        return;
    }
    send_result(u, result);
    if (u->method->act == ACT_RESUME) {
        thread_snapshot(t, u->by, u->joined_at);
        join_end(u);
    }
}

/* ---- answers that are looked into ---------------------------------------------------------- */

/* Threads that the caller may not see are taken out of a list. */
static void list_answered(struct upcall *u, struct bytes result)
{
    json_t *root = NULL;
    if (u->by == NULL || json_parse(result, &root) != OK) {
        send_result(u, result);
        return;
    }
    if (scope_filter(u->by, root)) {
        send_tree(u, json_incref(root));
    } else {
        send_result(u, result);
    }
    json_decref(root);
}

/* An answer that the hub need not look into. */
static void forward_answered(struct upcall *u, struct bytes result)
{
    const bool limited = u->by != NULL && !scope_is_all(u->by->info.scope);
    if (limited && scope_lists(u->method)) {
        list_answered(u, result);
    } else {
        send_result(u, result);
    }
}

static void config_answered(struct upcall *u, struct bytes result)
{
    json_t *root = NULL;
    if (u->by == NULL || u->by->info.kind == CONTROLLER_LOCAL) {
        send_result(u, result);
        return;
    }
    if (json_parse(result, &root) != OK || !json_is_object(root)) {
        json_decref(root);
        controller_error(u->by, bytes_from_str(u->id), HUB_ERR_INTERNAL,
                         "the agent's configuration is not readable");
        return;
    }
    config_hide(root);
    send_tree(u, root);
}

static void handle_answered(struct upcall *u, struct bytes result)
{
    struct handle *h =
        u->handle != NULL ? handle_find(u->hub, bytes_from_str(u->handle)) : NULL;
    const bool over = u->method->act == ACT_HANDLE_CLOSE ||
                      (h != NULL && u->method->act == ACT_HANDLE_OPEN &&
                       h->kind == HANDLE_EXEC); // answers when the program has ended
    if (over) {
        handle_end(h);
    }
    send_result(u, result);
}

static void controller_answered(struct upcall *u, struct bytes result)
{
    switch (u->method->act) {
    case ACT_START:
    case ACT_RESUME:
    case ACT_FORK:
        thread_answered(u, result, take_thread(u, result));
        return;
    case ACT_LOADED:
        list_answered(u, result);
        return;
    case ACT_CONFIG:
        config_answered(u, result);
        return;
    case ACT_HANDLE_OPEN:
    case ACT_HANDLE_USE:
    case ACT_HANDLE_CLOSE:
        handle_answered(u, result);
        return;
    case ACT_FORWARD:
        forward_answered(u, result);
        return;
    case ACT_READ:
    case ACT_INITIALIZE:
    case ACT_UNSUBSCRIBE:
    case ACT_FOLDERS:
    case ACT_APPROVALS:
    case ACT_DECIDE:
    case ACT_DAEMON:
        send_result(u, result);
        return;
    }
}

/* ---- threads with their turns, in pieces ------------------------------------------------------- */

static struct thread *thread_of(const struct hub *hub, struct bytes result)
{
    struct bytes thread;
    struct bytes id;
    struct bytes text;
    return json_raw_get(result, "thread", &thread) == OK &&
                   json_raw_get(thread, "id", &id) == OK &&
                   json_raw_plain(id, &text) == OK
               ? thread_find(hub, text)
               : NULL;
}

/* True: the call lives on. A page that failed ends the window where it is. */
static bool window_answered(struct upcall *u, struct bytes result)
{
    struct blob *whole = NULL;
    const bool first = window_is_first(u->window);
    if (first && u->method->act != ACT_READ) {
        (void)take_thread(u, result);
    }
    if (!window_answer(u, result, &whole)) {
        upcall_again(u, 0);
        return true;
    }
    const struct bytes text = blob_bytes(whole);
    if (whole == NULL) {
        if (u->by != NULL) {
            controller_error(u->by, bytes_from_str(u->id), HUB_ERR_LIMIT,
                             "out of memory");
        }
        answer_failed(u);
    } else if (u->method->act == ACT_READ) {
        send_result(u, text);
    } else {
        thread_answered(u, text, thread_of(u->hub, text));
    }
    blob_unref(whole);
    return false;
}

/* ---- the hub's own calls -------------------------------------------------------------------- */

static void own_loaded(struct hub *hub, struct bytes result)
{
    json_t *root = NULL;
    size_t i;
    json_t *id;
    if (json_parse(result, &root) != OK) {
        return;
    }
    json_array_foreach(json_get_arr(root, "data"), i, id)
    {
        struct thread *t = thread_get(hub, bytes_from_str(json_string_value(id)));
        if (t != NULL) {
            thread_listen(t);
        }
    }
    const char *next = json_get_str(root, "nextCursor");
    if (next != NULL && hub->threads.count < HUB_THREADS_MAX) {
        json_t *params = json_object();
        json_set_str(params, "cursor", next);
        upcall_own(hub, OWN_LOADED, "thread/loaded/list", params, NULL);
    }
    json_decref(root);
}

static void own_folders(struct hub *hub, struct bytes result)
{
    json_t *root = NULL;
    size_t i;
    json_t *row;
    if (json_parse(result, &root) != OK) {
        return;
    }
    json_array_foreach(json_get_arr(root, "data"), i, row)
    {
        folders_learn(&hub->folders, json_get_str(row, "cwd"),
                      json_get_int(row, "updatedAt", 0));
    }
    json_decref(root);
}

static void own_resumed(struct upcall *u, struct bytes result)
{
    bool ephemeral = false;
    struct thread *t = learn_thread(u->hub, result, &ephemeral);
    if (t == NULL) {
        return;
    }
    t->asking = false;
    struct bytes thread;
    struct bytes status;
    json_t *value = NULL;
    if (json_raw_get(result, "thread", &thread) == OK &&
        json_raw_get(thread, "status", &status) == OK) {
        thread_learn_waiting(t, status);
    }
    if (!list_is_empty(&t->subscriptions) &&
        json_raw_get(result, "thread", &thread) == OK &&
        json_raw_get(thread, "status", &status) == OK &&
        json_parse(status, &value) == OK) {
        thread_deliver_json(
            t, "thread/status/changed",
            json_pack("{s:s, s:o}", "threadId", t->id, "status", value));
    }
    thread_maybe_leave(t); // stays while it is active or somebody listens
}

/* It is not left again before the recovery has ended. */
static void own_opened_again(struct upcall *u, struct bytes result)
{
    bool ephemeral = false;
    (void)learn_thread(u->hub, result, &ephemeral);
    recover_answered(u, result);
}

/* The agent took the profile: the work behind it may go. */
static void own_imposed(struct upcall *u)
{
    struct thread *t = thread_find(u->hub, bytes_from_str(u->thread_id));
    if (t != NULL) {
        t->sandbox_is_fine = true;
        t->policy_is_fine = true;
    }
    upcall_release(u);
}

static void own_answered(struct upcall *u, struct bytes result)
{
    switch (u->own) {
    case OWN_LOADED:
        own_loaded(u->hub, result);
        return;
    case OWN_FOLDERS:
        own_folders(u->hub, result);
        return;
    case OWN_RESUME:
        own_resumed(u, result);
        return;
    case OWN_OPEN_AGAIN:
        own_opened_again(u, result);
        return;
    case OWN_LOOK:
    case OWN_SEND_AGAIN:
        recover_answered(u, result);
        return;
    case OWN_SETTINGS:
        own_imposed(u);
        return;
    case OWN_LEAVE:
    case OWN_KILL:
    case OWN_NONE:
        return;
    }
}

/* ---- the two ends of every call ---------------------------------------------------------------- */

bool answer_apply(struct upcall *u, const struct jsonrpc *rpc)
{
    bool again = false;
    if (u->window != NULL &&
        (rpc->kind == JSONRPC_RESPONSE || !window_is_first(u->window))) {
        return !window_answered(u, rpc->kind == JSONRPC_RESPONSE ? rpc->result
                                                                 : BYTES_NONE);
    }
    if (rpc->kind == JSONRPC_ERROR) {
        if (u->own == OWN_NONE) {
            send_error(u, rpc->error);
        } else if (u->own == OWN_SEND_AGAIN) {
            recover_refused(u, rpc);
        }
        answer_failed(u);
    } else if (u->own != OWN_NONE) {
        own_answered(u, rpc->result);
    } else if (!is_too_large(u, rpc->result, &again)) {
        controller_answered(u, rpc->result);
    }
    return !again;
}

void answer_failed(struct upcall *u)
{
    join_end(u);
    recover_failed(u);
    if (u->own == OWN_RESUME && u->thread_id != NULL) {
        struct thread *t = thread_find(u->hub, bytes_from_str(u->thread_id));
        if (t != NULL) {
            t->asking = false;   // asked again when it turns active
            if (u->hub->ready) { // it is not loaded any more
                requests_not_asked(t);
            }
        }
    }
    if (u->own == OWN_NONE && u->method->act == ACT_HANDLE_OPEN && u->handle != NULL) {
        handle_end(handle_find(u->hub, bytes_from_str(u->handle)));
    }
}
