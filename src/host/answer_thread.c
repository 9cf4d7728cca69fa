#include "host/answer_core.h"

#include "base/log.h"
#include "host/guard.h"
#include "host/pager.h"
#include "host/presence.h"
#include "host/thread.h"
#include "host/window.h"

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

static void learn_folder(struct hub *hub, struct thread *t, struct bytes raw,
                         bool ephemeral)
{
    struct buf path;
    const char *text;
    buf_init(&path, 8192);
    if (raw.len > 0 && json_raw_text(raw, &path) == OK &&
        buf_cstr(&path, &text) == OK) {
        thread_learn_folder(t, text);
        if (ephemeral) {
            buf_fini(&path);
            return;
        }
        folders_learn(&hub->folders, text, (int64_t)(hub_wall_ms(hub) / 1000));
    }
    buf_fini(&path);
}

/* The thread of a start, resume or fork, as its answer describes it. */
struct thread *answer_learn_thread(struct hub *hub, struct bytes result,
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
        learn_folder(hub, t, o[4], *ephemeral);
    }
    return t;
}

void answer_join_end(struct upcall *u)
{
    struct thread *t =
        u->thread_id != NULL ? thread_find(u->hub, bytes_from_str(u->thread_id)) : NULL;
    if (t != NULL && u->joins) {
        thread_join_end(t);
    }
    u->joins = false;
}

/* A fork is guarded as what it was made of. */
static void note_profile(const struct upcall *u, const struct thread *t)
{
    const struct hub *hub = u->hub;
    const char *parent = json_get_str(u->params, "threadId");
    if (hub->ops.policy != NULL && (u->chosen || parent != NULL) &&
        hub->ops.policy->started(hub->user, t->id, u->chosen ? u->profile : NULL,
                                 parent) != OK) {
        log_error("policy.profile_not_kept", "thread=%s", t->id);
    }
}

/* What is known of the thread as of this answer; once per call. */
struct thread *answer_take_thread(struct upcall *u, struct bytes result)
{
    bool ephemeral = false;
    struct thread *t = answer_learn_thread(u->hub, result, &ephemeral);
    if (t != NULL && u->method->act != ACT_RESUME) {
        t->hidden = u->hidden || ephemeral;
        t->starter = u->by;
        t->registrar = u->tools ? u->by : NULL;
        note_profile(u, t);
    }
    if (t != NULL && u->method->act == ACT_RESUME) {
        t->replay_to = u->by;
    }
    return t;
}

void answer_thread(struct upcall *u, struct bytes result, struct thread *t)
{
    if (t == NULL) {
        answer_send(u, result);
        answer_join_end(u);
        return;
    }
    if (u->by == NULL) {
        answer_join_end(u);
        thread_maybe_leave(t);
        return;
    }
    if (!thread_subscribe(t, u->by)) {
        controller_error(u->by, bytes_from_str(u->id), HUB_ERR_LIMIT,
                         "too many threads are open on this connection");
        answer_join_end(u);
        thread_maybe_leave(t);
        return;
    }
    answer_send(u, result);
    if (u->method->act == ACT_RESUME) {
        thread_snapshot(t, u->by, u->joined_at);
        answer_join_end(u);
    }
    presence_changed(t);
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
bool answer_window(struct upcall *u, struct bytes result)
{
    struct blob *whole = NULL;
    const bool first = window_is_first(u->window);
    if (first && u->method->act != ACT_READ) {
        (void)answer_take_thread(u, result);
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
        answer_send(u, text);
    } else {
        answer_thread(u, text, thread_of(u->hub, text));
    }
    blob_unref(whole);
    return false;
}

enum paged answer_page(struct upcall *u, struct bytes result)
{
    struct blob *page = NULL;
    if (!pager_answer(u, result, &page)) {
        upcall_again(u, 0);
        return PAGED_MORE;
    }
    if (page == NULL) {
        return PAGED_NOT; // as it came
    }
    answer_send(u, blob_bytes(page));
    blob_unref(page);
    return PAGED_WHOLE;
}
