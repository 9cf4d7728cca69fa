#include "host/answer_core.h"

#include "host/config.h"
#include "host/handle.h"
#include "host/pager.h"
#include "host/recover.h"
#include "host/request.h"
#include "host/scope.h"
#include "host/thread.h"
#include "host/window.h"

/* ---- answers that are looked into ---------------------------------------------------------- */

/* Threads that the caller may not see are taken out of a list. */
static void list_answered(struct upcall *u, struct bytes result)
{
    json_t *root = NULL;
    if (u->by == NULL || json_parse(result, &root) != OK) {
        answer_send(u, result);
        return;
    }
    if (scope_filter(u->by, root)) {
        answer_send_tree(u, json_incref(root));
    } else {
        answer_send(u, result);
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
        answer_send(u, result);
    }
}

static void config_answered(struct upcall *u, struct bytes result)
{
    json_t *root = NULL;
    if (u->by == NULL || u->by->info.kind == CONTROLLER_LOCAL) {
        answer_send(u, result);
        return;
    }
    if (json_parse(result, &root) != OK || !json_is_object(root)) {
        json_decref(root);
        controller_error(u->by, bytes_from_str(u->id), HUB_ERR_INTERNAL,
                         "the agent's configuration is not readable");
        return;
    }
    config_hide(root);
    answer_send_tree(u, root);
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
    answer_send(u, result);
}

static void controller_answered(struct upcall *u, struct bytes result)
{
    switch (u->method->act) {
    case ACT_START:
    case ACT_RESUME:
    case ACT_FORK:
        answer_thread(u, result, answer_take_thread(u, result));
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
    case ACT_PRESENCE:
    case ACT_DECIDE:
    case ACT_DAEMON:
        answer_send(u, result);
        return;
    }
}

/* ---- the two ends of every call ---------------------------------------------------------------- */

bool answer_apply(struct upcall *u, const struct jsonrpc *rpc)
{
    bool again = false;
    if (u->window != NULL &&
        (rpc->kind == JSONRPC_RESPONSE || !window_is_first(u->window))) {
        return !answer_window(u,
                              rpc->kind == JSONRPC_RESPONSE ? rpc->result : BYTES_NONE);
    }
    if (u->pager != NULL &&
        (rpc->kind == JSONRPC_RESPONSE || pager_has_some(u->pager))) {
        const enum paged paged =
            answer_page(u, rpc->kind == JSONRPC_RESPONSE ? rpc->result : BYTES_NONE);
        if (paged != PAGED_NOT) {
            return paged == PAGED_WHOLE;
        }
    }
    if (rpc->kind == JSONRPC_ERROR) {
        if (u->own == OWN_NONE) {
            answer_send_error(u, rpc->error);
        } else if (u->own == OWN_SEND_AGAIN) {
            recover_refused(u, rpc);
        }
        answer_failed(u);
    } else if (u->own != OWN_NONE) {
        answer_own(u, rpc->result);
    } else if (!answer_is_too_large(u, rpc->result, &again)) {
        controller_answered(u, rpc->result);
    }
    return !again;
}

void answer_failed(struct upcall *u)
{
    answer_join_end(u);
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
