#include "host/window.h"

#include "base/mem.h"
#include "host/answer.h"

#define CURSOR_MAX (64u * 1024) // Codex's are some hundred octets

struct turn {
    struct list node;
    struct blob *text;
};

struct window {
    struct blob *thread; // the answer without turns
    char *thread_id;
    struct list turns; // oldest first
    unsigned n_turns;
    unsigned n_pages; // asked for
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

/* False: it does not fit any more, or memory is short. */
static bool keep_turn(struct window *w, struct bytes raw)
{
    const size_t room =
        w->n_turns == 0 && w->budget < WINDOW_NEWEST ? WINDOW_NEWEST : w->budget;
    if (w->octets + raw.len > room) {
        return false;
    }
    struct turn *t = mem_try(1, sizeof(*t));
    struct blob *text = blob_copy(raw);
    if (t == NULL || text == NULL) {
        mem_free(t);
        blob_unref(text);
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

/* The cursor of the next page (give); *out NULL: this was the last one. */
static enum err next_cursor(struct bytes result, char **out)
{
    struct bytes raw;
    struct buf text;
    *out = NULL;
    if (json_raw_get(result, "nextCursor", &raw) != OK || raw.at[0] != '"') {
        return OK;
    }
    buf_init(&text, CURSOR_MAX);
    enum err e = json_raw_text(raw, &text);
    if (e == OK) {
        const struct bytes plain = buf_bytes(&text);
        *out = mem_try(plain.len + 1, 1);
        e = *out != NULL ? OK : ERR_NOMEM;
        for (size_t i = 0; e == OK && i < plain.len; i++) {
            (*out)[i] = (char)plain.at[i];
        }
    }
    buf_fini(&text);
    return e;
}

/* True: the call asks for the page after this one. What cannot be had is told as cut. */
static bool next_page(struct upcall *u, struct bytes result)
{
    struct window *w = u->window;
    struct bytes data;
    char *cursor = NULL;
    if (json_raw_get(result, "data", &data) != OK || data.at[0] != '[' ||
        !keep_page(w, data) || next_cursor(result, &cursor) != OK) {
        w->cut = true;
        return false;
    }
    const bool more = cursor != NULL && w->octets < w->budget;
    w->cut = cursor != NULL && !more;
    if (more) {
        ask_page(u, cursor);
        w->n_pages++;
    }
    mem_free(cursor);
    return more;
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
    w->n_pages = 1;
    return true;
}

bool window_answer(struct upcall *u, struct bytes result, struct blob **out)
{
    struct window *w = u->window;
    if (window_is_first(w) ? begin(u, result) : next_page(u, result)) {
        return false;
    }
    if (result.len == 0 && w->n_pages == 1) {
        w->cut = false; // refused at once: Codex has not written a turn of it yet
    }
    if (w->cut) {
        answer_note(u, "turns", json_string("all"),
                    json_integer((json_int_t)w->n_turns));
    }
    *out = assemble(w);
    return true;
}
