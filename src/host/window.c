#include "host/window.h"

#include "base/mem.h"
#include "host/answer.h"

struct turn {
    struct list node;
    struct blob *text;
};

struct window {
    struct blob *thread; // the answer without turns
    char *thread_id;
    struct list turns; // oldest first
    unsigned n_turns;
    size_t octets;
    size_t budget;
    bool cut;
};

/* ---- life -------------------------------------------------------------------------- */

void window_free(struct window *w)
{
    if (w == NULL) {
        return;
    }
    while (!list_is_empty(&w->turns)) {
        struct turn *t = list_first(&w->turns, struct turn, node);
        list_remove(&t->node);
        blob_unref(t->text);
        mem_free(t);
    }
    blob_unref(w->thread);
    mem_free(w->thread_id);
    mem_free(w);
}

static bool wants_turns(const struct upcall *u)
{
    if (u->method->act == ACT_READ) {
        return json_get_bool(u->params, "includeTurns", false);
    }
    return (u->method->act == ACT_RESUME || u->method->act == ACT_FORK) &&
           !json_get_bool(u->params, "excludeTurns", false);
}

void window_open(struct upcall *u)
{
    if (!wants_turns(u)) {
        return;
    }
    struct window *w = mem_try(1, sizeof(*w));
    if (w == NULL) {
        return; // asked as it came; too large an answer is then refused
    }
    list_init(&w->turns);
    w->budget = u->by->info.kind == CONTROLLER_DEVICE ? WINDOW_DEVICE : WINDOW_LOCAL;
    u->window = w;
    if (u->method->act == ACT_READ) {
        json_set_bool(u->params, "includeTurns", false);
    } else {
        json_set_bool(u->params, "excludeTurns", true);
    }
}

bool window_is_first(const struct window *w)
{
    return w->thread == NULL;
}

/* ---- pages --------------------------------------------------------------------------- */

static void ask_page(struct upcall *u, const char *cursor)
{
    const struct window *w = u->window;
    size_t limit = WINDOW_FIRST;
    if (w->n_turns > 0) {
        const size_t each = w->octets / w->n_turns + 1;
        limit = (w->budget - w->octets) / each + 1;
        limit = limit < WINDOW_PAGE ? limit : WINDOW_PAGE;
    }
    json_t *params = json_object();
    json_set_str(params, "threadId", w->thread_id);
    json_set_str(params, "sortDirection", "desc");
    json_set_str(params, "itemsView", "full");
    json_set_int(params, "limit", (int64_t)limit);
    if (cursor != NULL) {
        json_set_str(params, "cursor", cursor);
    }
    json_decref(u->params);
    u->params = params;
    u->name = "thread/turns/list";
}

/* False: it does not fit any more. */
static bool keep_turn(struct window *w, struct bytes raw)
{
    if (w->octets + raw.len > w->budget) {
        w->cut = true;
        return false;
    }
    struct turn *t = mem_try(1, sizeof(*t));
    struct blob *text = blob_copy(raw);
    if (t == NULL || text == NULL) {
        mem_free(t);
        blob_unref(text);
        w->cut = true;
        return false;
    }
    t->text = text;
    list_prepend(&w->turns, &t->node);
    w->n_turns++;
    w->octets += raw.len;
    return true;
}

/* The elements of a raw array: its members are found by walking values. */
static bool keep_page(struct window *w, struct bytes data)
{
    struct bytes left = bytes_sub(data, 1, data.len); // after '['
    struct bytes turn;
    while (json_raw_value(left, &turn) == OK) {
        if (!keep_turn(w, turn)) {
            return false;
        }
        const size_t used = (size_t)(turn.at + turn.len - left.at);
        left = bytes_sub(left, used, left.len);
        while (left.len > 0 && (left.at[0] == ',' || left.at[0] <= ' ')) {
            left = bytes_sub(left, 1, left.len);
        }
    }
    return true;
}

/* The cursor of the next page: give; NULL: this was the last one. */
static char *next_cursor(struct bytes result)
{
    struct bytes raw;
    struct buf text;
    const char *found = NULL;
    char *out = NULL;
    buf_init(&text, 64 * 1024);
    if (json_raw_get(result, "nextCursor", &raw) == OK && raw.at[0] == '"' &&
        json_raw_text(raw, &text) == OK && buf_cstr(&text, &found) == OK) {
        out = mem_strdup(found);
    }
    buf_fini(&text);
    return out;
}

/* ---- the whole ------------------------------------------------------------------------- */

static struct blob *assemble(const struct window *w)
{
    const struct bytes whole = blob_bytes(w->thread);
    struct bytes thread;
    struct bytes turns;
    struct buf out;
    struct blob *blob = NULL;
    if (w->thread == NULL) {
        return NULL;
    }
    if (json_raw_get(whole, "thread", &thread) != OK ||
        json_raw_get(thread, "turns", &turns) != OK) {
        return blob_ref(w->thread);
    }
    const size_t before = (size_t)(turns.at - whole.at);
    buf_init(&out, whole.len + w->octets + w->n_turns + 16);
    enum err e = buf_put(&out, bytes_sub(whole, 0, before));
    if (e == OK) {
        e = buf_put_u8(&out, '[');
    }
    const struct turn *t;
    const char *comma = "";
    list_each (t, &w->turns, node) {
        if (e == OK) {
            e = buf_put_str(&out, comma);
        }
        if (e == OK) {
            e = buf_put(&out, blob_bytes(t->text));
        }
        comma = ",";
    }
    if (e == OK) {
        e = buf_put_u8(&out, ']');
    }
    if (e == OK &&
        buf_put(&out, bytes_sub(whole, before + turns.len, whole.len)) == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    buf_fini(&out);
    return blob;
}

static bool begin(struct upcall *u, struct bytes result)
{
    struct window *w = u->window;
    struct bytes thread;
    struct bytes id;
    struct bytes plain;
    w->thread = blob_copy(result);
    if (w->thread == NULL || json_raw_get(result, "thread", &thread) != OK ||
        json_raw_get(thread, "id", &id) != OK || json_raw_plain(id, &plain) != OK) {
        return false;
    }
    w->thread_id = mem_try(plain.len + 1, 1);
    if (w->thread_id == NULL) {
        return false;
    }
    for (size_t i = 0; i < plain.len; i++) {
        w->thread_id[i] = (char)plain.at[i];
    }
    ask_page(u, NULL);
    return true;
}

bool window_answer(struct upcall *u, struct bytes result, struct blob **out)
{
    struct window *w = u->window;
    struct bytes data;
    char *cursor = NULL;
    if (window_is_first(w)) {
        if (begin(u, result)) {
            return false;
        }
    } else if (json_raw_get(result, "data", &data) == OK && data.at[0] == '[' &&
               keep_page(w, data) && (cursor = next_cursor(result)) != NULL) {
        if (w->octets < w->budget) {
            ask_page(u, cursor);
            mem_free(cursor);
            return false;
        }
        w->cut = true;
        mem_free(cursor);
    }
    if (w->cut) {
        answer_note(u, "turns", json_string("all"),
                    json_integer((json_int_t)w->n_turns));
    }
    *out = assemble(w);
    return true;
}
