#include "policy/shell.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/shell_priv.h"

#define STORE_TEXT_MAX (4u * SHELL_TEXT_MAX) // every word with its NUL

bool reader_fail(struct shell_reader *r, const char *why)
{
    if (r->why == NULL) {
        r->why = why;
        r->why_at = r->at;
    }
    return false;
}

static bool reader_starve(struct shell_reader *r)
{
    r->err = ERR_NOMEM;
    return reader_fail(r, "there is no memory to read it");
}

bool reader_enter(struct shell_reader *r)
{
    if (r->depth == SHELL_DEPTH_MAX) {
        return reader_fail(r, "it is nested too deeply");
    }
    r->depth++;
    return true;
}

void reader_leave(struct shell_reader *r)
{
    r->depth--;
}

int reader_peek(const struct shell_reader *r, size_t ahead)
{
    const size_t at = r->at + ahead;
    return at < r->in.len ? r->in.at[at] : -1;
}

bool reader_is(const struct shell_reader *r, const char *text)
{
    const size_t len = strlen(text);
    return r->in.len - r->at >= len && memcmp(r->in.at + r->at, text, len) == 0;
}

bool rough_push(struct shell_reader *r, struct rough_list *list, const void *item,
                size_t size)
{
    if (list->len == SHELL_PARTS_MAX) {
        return reader_fail(r, "it has too many parts");
    }
    if (list->len == list->cap) {
        const uint32_t cap = list->cap == 0 ? 32 : 2 * list->cap;
        void *at = mem_try_resize(list->at, cap * size);
        if (at == NULL) {
            return reader_starve(r);
        }
        list->at = at;
        list->cap = cap;
    }
    memcpy((char *)list->at + list->len * size, item, size);
    list->len++;
    return true;
}

bool word_put(struct shell_reader *r, int c)
{
    const enum err e = buf_put_u8(&r->scratch, (uint8_t)c);
    if (e == ERR_LIMIT) {
        return reader_fail(r, "it is too long");
    }
    return e == OK ? true : reader_starve(r);
}

/* ---- from offsets to pointers, when nothing moves any more ----------------- */

static struct shell_word word_of(const struct shell_store *s, struct rough_word w)
{
    const struct bytes text = buf_bytes(&s->text);
    return (struct shell_word){
        .text = (const char *)text.at + w.at, .len = w.len, .flags = w.flags};
}

static enum err script_fill(struct shell_store *s, struct shell_script *out)
{
    s->out_words = mem_try(s->words.len + 1, sizeof(*s->out_words));
    s->out_redirects = mem_try(s->redirects.len + 1, sizeof(*s->out_redirects));
    out->commands = mem_try(s->commands.len + 1, sizeof(*out->commands));
    if (s->out_words == NULL || s->out_redirects == NULL || out->commands == NULL) {
        return ERR_NOMEM;
    }
    const struct rough_word *words = s->words.at;
    for (uint32_t i = 0; i < s->words.len; i++) {
        s->out_words[i] = word_of(s, words[i]);
    }
    const struct rough_redirect *redirects = s->redirects.at;
    for (uint32_t i = 0; i < s->redirects.len; i++) {
        s->out_redirects[i] = (struct shell_redirect){
            .kind = redirects[i].kind, .target = word_of(s, redirects[i].target)};
    }
    const struct rough_command *commands = s->commands.at;
    for (uint32_t i = 0; i < s->commands.len; i++) {
        const struct rough_command *c = &commands[i];
        out->commands[i] = (struct shell_command){
            .words = s->out_words + c->word,
            .assigns = s->out_words + c->assign,
            .redirects = s->out_redirects + c->redirect,
            .n_words = c->n_words,
            .n_assigns = c->n_assigns,
            .n_redirects = c->n_redirects,
        };
    }
    out->n_commands = s->commands.len;
    return OK;
}

/* ---- the whole ------------------------------------------------------------- */

/* What a terminal would act on, and what some shells drop or stop at. */
static bool text_is_visible(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.at[i];
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7F) {
            return false;
        }
    }
    return true;
}

static bool read_all(struct shell_reader *r)
{
    if (r->in.len > SHELL_TEXT_MAX) {
        return reader_fail(r, "it is too long");
    }
    if (!text_is_visible(r->in)) {
        return reader_fail(r, "it has control characters in it");
    }
    if (!utf8_is_valid(r->in)) {
        return reader_fail(r, "it is not valid UTF-8");
    }
    return grammar_program(r) &&
           (r->at == r->in.len ||
            reader_fail(r, "a word or an operator stands where none may"));
}

enum err shell_parse(struct bytes text, enum shell_dialect dialect,
                     struct shell_script *out)
{
    struct shell_script script = {.store = mem_try(1, sizeof(*script.store))};
    if (script.store == NULL) {
        return ERR_NOMEM;
    }
    struct shell_reader r = {.in = text, .dialect = dialect, .store = script.store};
    buf_init(&script.store->text, STORE_TEXT_MAX);
    buf_init(&r.scratch, STORE_TEXT_MAX);
    const bool understood = read_all(&r);
    script.repeats = r.repeats;
    if (!understood) {
        script.why = r.why;
        script.why_at = r.why_at;
    }
    enum err e = r.err;
    if (e == OK) {
        e = script_fill(script.store, &script);
    }
    buf_fini(&r.scratch);
    mem_free(r.stack.at);
    mem_free(r.redirected.at);
    if (e != OK) {
        shell_script_fini(&script);
        return e;
    }
    *out = script;
    return OK;
}

void shell_script_fini(struct shell_script *s)
{
    struct shell_store *store = s->store;
    if (store != NULL) {
        buf_fini(&store->text);
        mem_free(store->words.at);
        mem_free(store->redirects.at);
        mem_free(store->commands.at);
        mem_free(store->out_words);
        mem_free(store->out_redirects);
        mem_free(store);
    }
    mem_free(s->commands);
    *s = (struct shell_script){0};
}
