#include "host/answer_core.h"

#include "host/command.h"

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

void answer_send(struct upcall *u, struct bytes result)
{
    if (u->by == NULL) {
        return;
    }
    struct blob *blob = response(u, result);
    controller_send(u->by, blob);
    blob_unref(blob);
}

void answer_send_tree(struct upcall *u, json_t *result /* take */)
{
    struct buf out;
    buf_init(&out, ANSWER_LOCAL_MAX);
    if (json_print(result, &out) == OK) {
        answer_send(u, buf_bytes(&out));
    } else if (u->by != NULL) {
        controller_error(u->by, bytes_from_str(u->id), HUB_ERR_LIMIT,
                         "the answer is too large");
    }
    buf_fini(&out);
    json_decref(result);
}

void answer_send_error(struct upcall *u, struct bytes error)
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
bool answer_is_too_large(struct upcall *u, struct bytes result, bool *again)
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
