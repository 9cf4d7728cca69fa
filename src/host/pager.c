#include "host/pager.h"

#include <string.h>

#include "base/mem.h"
#include "host/answer.h"
#include "host/thread.h"

#define CURSOR_MAX (64u * 1024) // Codex's are some hundred octets
#define ITEM_GUESS 4096u        // octets of an entry of a thread that is not known
#define TURN_GUESS 16384u       // with its items
#define BARE_GUESS 512u         // without

struct pager {
    struct blob *first; // the result with the first entries: its frame is the page's
    struct buf entries; // of all results, without the brackets
    char *cursor;       // behind the last of them; NULL: there are no more
    int64_t asked;      // entries, by the caller
    int64_t n;          // entries so far
    unsigned n_asks;
    bool items; // thread/items/list
};

/* ---- life ---------------------------------------------------------------------------- */

void pager_free(struct pager *p)
{
    if (p != NULL) {
        blob_unref(p->first);
        buf_fini(&p->entries);
        mem_free(p->cursor);
        mem_free(p);
    }
}

static struct thread *thread_of(const struct upcall *u)
{
    return thread_find(u->hub, json_get_bytes(u->params, "threadId"));
}

static size_t guess(const struct upcall *u, const struct pager *p)
{
    const struct thread *t = p->items ? thread_of(u) : NULL;
    if (t != NULL && t->item_octets != 0) {
        return t->item_octets;
    }
    if (p->items) {
        return ITEM_GUESS;
    }
    const char *view = json_get_str(u->params, "itemsView");
    return view != NULL && strcmp(view, "notLoaded") == 0 ? BARE_GUESS : TURN_GUESS;
}

static void ask_for(struct upcall *u, size_t octets, size_t each, int64_t most)
{
    const int64_t fit = (int64_t)(octets / (each + 1)) + 1;
    json_set_int(u->params, "limit", fit < most ? fit : most);
    u->pager->n_asks++;
}

void pager_open(struct upcall *u)
{
    if ((u->method->flags & METHOD_PAGED) == 0 || u->by == NULL ||
        u->by->info.kind != CONTROLLER_DEVICE) {
        return;
    }
    const int64_t asked = json_get_int(u->params, "limit", ANSWER_PAGE);
    struct pager *p = asked > 0 ? mem_try(1, sizeof(*p)) : NULL;
    if (p == NULL) {
        return; // asked as it came
    }
    buf_init(&p->entries, PAGER_OCTETS);
    p->asked = asked;
    p->items = strcmp(u->method->name, "thread/items/list") == 0;
    u->pager = p;
    ask_for(u, PAGER_OCTETS, guess(u, p), asked);
}

/* ---- one result ------------------------------------------------------------------------ */

static int64_t count(struct bytes entries)
{
    struct bytes one;
    int64_t n = 0;
    while (json_raw_value(entries, &one) == OK) {
        const size_t used = (size_t)(one.at + one.len - entries.at);
        entries = bytes_sub(entries, used, entries.len);
        while (entries.len > 0 && (entries.at[0] == ',' || entries.at[0] <= ' ')) {
            entries = bytes_sub(entries, 1, entries.len);
        }
        n++;
    }
    return n;
}

/* The cursor behind a result (give); *out NULL: there is nothing behind it. */
static enum err cursor_of(struct bytes result, char **out)
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
        *out = upcall_text(buf_bytes(&text));
        e = *out != NULL ? OK : ERR_NOMEM;
    }
    buf_fini(&text);
    return e;
}

/* False: it does not fit, or memory is short; the page ends before it. */
static bool keep(struct pager *p, struct bytes result, struct bytes entries, int64_t n)
{
    const bool is_first = p->first == NULL;
    const bool joins = buf_len(&p->entries) > 0 && entries.len > 0;
    char *cursor = NULL;
    if (buf_len(&p->entries) + entries.len + 1 > PAGER_OCTETS ||
        cursor_of(result, &cursor) != OK) {
        return false;
    }
    struct blob *first = is_first ? blob_copy(result) : NULL;
    if ((is_first && first == NULL) || (joins && buf_put_u8(&p->entries, ',') != OK) ||
        buf_put(&p->entries, entries) != OK) {
        blob_unref(first);
        mem_free(cursor);
        return false;
    }
    p->first = is_first ? first : p->first;
    mem_free(p->cursor);
    p->cursor = cursor;
    p->n += n;
    return true;
}

static void learn(const struct upcall *u, size_t octets, int64_t n)
{
    struct thread *t = u->pager->items && n > 0 ? thread_of(u) : NULL;
    if (t != NULL) {
        t->item_octets = octets / (size_t)n + 1;
    }
}

/* What is left of the size and of the limit, if another call is worth it. */
static bool ask_more(struct upcall *u)
{
    const struct pager *p = u->pager;
    const size_t len = buf_len(&p->entries);
    const size_t each = p->n > 0 ? len / (size_t)p->n + 1 : len;
    if (p->cursor == NULL || p->n == 0 || p->n >= p->asked ||
        len + each > PAGER_OCTETS - PAGER_OCTETS / 4 || p->n_asks >= PAGER_ASKS) {
        return false;
    }
    json_set_str(u->params, "cursor", p->cursor);
    ask_for(u, PAGER_OCTETS - len - each, each, p->asked - p->n);
    return true;
}

/* The frame of the first result around all entries, with the last cursor. */
static struct blob *assemble(const struct pager *p)
{
    const struct bytes whole = blob_bytes(p->first);
    struct bytes data;
    struct bytes cursor;
    struct buf out;
    struct blob *blob = NULL;
    if (json_raw_get(whole, "data", &data) != OK ||
        json_raw_get(whole, "nextCursor", &cursor) != OK || cursor.at < data.at) {
        return NULL;
    }
    json_t *text = p->cursor != NULL ? json_string(p->cursor) : json_null();
    buf_init(&out, whole.len + buf_len(&p->entries) + CURSOR_MAX);
    const size_t at = (size_t)(data.at - whole.at);
    const size_t behind = (size_t)(cursor.at - whole.at);
    enum err e = buf_put(&out, bytes_sub(whole, 0, at + 1));
    if (e == OK) {
        e = buf_put(&out, buf_bytes(&p->entries));
    }
    if (e == OK) {
        e = buf_put(&out,
                    bytes_sub(whole, at + data.len - 1, behind - at - data.len + 1));
    }
    if (e == OK) {
        e = json_print(text, &out);
    }
    if (e == OK &&
        buf_put(&out, bytes_sub(whole, behind + cursor.len, whole.len)) == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    buf_fini(&out);
    json_decref(text);
    return blob;
}

/* The first entries are too many for the size: fewer of them, at least one. */
static bool ask_fewer(struct upcall *u, size_t octets, int64_t n)
{
    if (n <= 1 || u->pager->n_asks >= PAGER_ASKS) {
        return false;
    }
    const size_t each = octets / (size_t)n + 1;
    ask_for(u, PAGER_OCTETS - PAGER_OCTETS / 8, each, n - 1);
    return true;
}

bool pager_has_some(const struct pager *p)
{
    return p->first != NULL;
}

bool pager_answer(struct upcall *u, struct bytes result, struct blob **out)
{
    struct pager *p = u->pager;
    struct bytes data;
    *out = NULL;
    if (result.len == 0 || json_raw_get(result, "data", &data) != OK ||
        data.at[0] != '[') {
        *out = p->first != NULL ? assemble(p) : NULL;
        return true;
    }
    const struct bytes entries = bytes_sub(data, 1, data.len - 2);
    const int64_t n = count(entries);
    learn(u, entries.len, n);
    if (p->first == NULL && entries.len >= PAGER_OCTETS) {
        return !ask_fewer(u, entries.len, n); // one entry, or as few as came: as it is
    }
    if (keep(p, result, entries, n) && ask_more(u)) {
        return false;
    }
    *out = assemble(p);
    return true;
}
