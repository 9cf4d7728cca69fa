#include "host/acted.h"

#include <string.h>

#include "base/log.h"

static struct bytes member(struct bytes object, const char *key)
{
    struct bytes out = BYTES_NONE;
    return object.len > 0 && json_raw_get(object, key, &out) == OK ? out : BYTES_NONE;
}

/* The inside of a string member without escapes: ids and words of the protocol. */
static struct bytes word(struct bytes object, const char *key)
{
    struct bytes out = BYTES_NONE;
    const struct bytes raw = member(object, key);
    return raw.len > 0 && json_raw_plain(raw, &out) == OK ? out : BYTES_NONE;
}

/* ---- calls ----------------------------------------------------------------------- */

/* The turn that an answer names, or that the call was about. */
static struct bytes turn_of(const struct upcall *u, struct bytes result)
{
    struct bytes turn = word(member(result, "turn"), "id");
    turn = turn.len != 0 ? turn : word(result, "turnId");
    turn = turn.len != 0 ? turn : json_get_bytes(u->params, "turnId");
    return turn.len != 0 ? turn : json_get_bytes(u->params, "expectedTurnId");
}

/* What a terminal or a file call was about, as JSON. */
static void print_subject(const struct upcall *u, struct buf *out)
{
    static const char *const keys[] = {"command", "path", "destinationPath", "keyPath"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        const json_t *value = json_object_get(u->params, keys[i]);
        if (json_is_string(value)) {
            if (buf_put_str(out, json_string_value(value)) != OK) {
                log_debug("hub.subject_long", "method=%s", u->name);
            }
            return;
        }
        if (json_is_array(value) && json_print(value, out) == OK) {
            return;
        }
    }
}

void acted_tell(const struct upcall *u, const char *status, struct bytes result)
{
    if (u->own != OWN_NONE || (u->method->flags & (METHOD_ACTS | METHOD_STOPS)) == 0) {
        return;
    }
    struct buf subject;
    const char *detail = NULL;
    buf_init(&subject, 64u * 1024);
    print_subject(u, &subject);
    if (buf_cstr(&subject, &detail) != OK) {
        detail = NULL;
    }
    const char *thread_id = json_get_str(u->params, "threadId");
    const struct bytes turn = turn_of(u, result);
    struct thread *t =
        thread_id != NULL ? thread_find(u->hub, bytes_from_str(thread_id)) : NULL;
    if (t != NULL && turn.len > 0 && turn.len <= THREAD_ID_MAX) {
        memcpy(t->our_turn, turn.at, turn.len);
        t->our_turn[turn.len] = '\0';
    }
    hub_event(u->hub, &(struct hub_event){.kind = HUB_EVENT_CALLED,
                                          .by = &u->who,
                                          .method = u->method->name,
                                          .thread_id = thread_id,
                                          .detail = detail,
                                          .turn = turn,
                                          .status = bytes_from_str(status),
                                          .result = result});
    buf_fini(&subject);
}

/* ---- turns ------------------------------------------------------------------------ */

static bool one_of_ours_waits(const struct thread *t)
{
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        const struct upcall *u = t->hub->in_flight[i];
        const char *id = u != NULL ? json_get_str(u->params, "threadId") : NULL;
        if (id != NULL && u->own == OWN_NONE && strcmp(id, t->id) == 0 &&
            (u->method->flags & METHOD_ACTS) != 0) {
            return true;
        }
    }
    return false;
}

bool acted_is_ours(const struct thread *t, struct bytes turn)
{
    return bytes_equal_str(turn, t->our_turn) || one_of_ours_waits(t);
}

void acted_turn_started(struct thread *t, struct bytes turn)
{
    if (acted_is_ours(t, turn)) {
        return; // told with who began it
    }
    hub_event(t->hub, &(struct hub_event){
                          .kind = HUB_EVENT_TURN, .thread_id = t->id, .turn = turn});
}

void acted_turn_completed(struct thread *t, struct bytes turn, struct bytes status)
{
    struct bytes plain = BYTES_NONE;
    if (status.len != 0 && json_raw_plain(status, &plain) != OK) {
        plain = BYTES_NONE;
    }
    hub_event(t->hub, &(struct hub_event){.kind = HUB_EVENT_TURNED,
                                          .thread_id = t->id,
                                          .turn = turn,
                                          .status = plain});
}

/* ---- what ran ----------------------------------------------------------------------- */

void acted_item(struct thread *t, struct bytes turn, struct bytes item)
{
    static const char *const kinds[] = {"commandExecution", "fileChange", "mcpToolCall",
                                        "dynamicToolCall"};
    const struct bytes type = word(item, "type");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (bytes_equal_str(type, kinds[i])) {
            hub_event(t->hub, &(struct hub_event){.kind = HUB_EVENT_EFFECT,
                                                  .thread_id = t->id,
                                                  .turn = turn,
                                                  .item = word(item, "id"),
                                                  .type = type,
                                                  .status = word(item, "status"),
                                                  .command = member(item, "command"),
                                                  .result = item});
            return;
        }
    }
}
