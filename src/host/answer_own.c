#include "host/answer_core.h"

#include "host/recover.h"
#include "host/thread.h"

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

static void own_requirements(struct hub *hub, struct bytes result)
{
    json_t *root = NULL;
    if (json_parse(result, &root) == OK && hub->ops.requirements != NULL) {
        hub->ops.requirements(hub->user, json_get_obj(root, "requirements"));
    }
    json_decref(root);
}

static void own_resumed(struct upcall *u, struct bytes result)
{
    bool ephemeral = false;
    struct thread *t = answer_learn_thread(u->hub, result, &ephemeral);
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
    (void)answer_learn_thread(u->hub, result, &ephemeral);
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

void answer_own(struct upcall *u, struct bytes result)
{
    switch (u->own) {
    case OWN_LOADED:
        own_loaded(u->hub, result);
        return;
    case OWN_FOLDERS:
        own_folders(u->hub, result);
        return;
    case OWN_REQUIREMENTS:
        own_requirements(u->hub, result);
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
