#include "host/standing.h"

#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/random.h"
#include "wire/json.h"

#define FILE_NAME "kept-rules.json"
#define FILE_MAX  (1024u * 1024)
#define SOURCE    "given rule "
#define BY_OCTETS 256u

static const char *const scope_names[] = {
    [APPROVAL_ONCE] = "once",
    [APPROVAL_THREAD] = "thread",
    [APPROVAL_UNTIL_RESTART] = "restart",
    [APPROVAL_KEPT] = "kept",
};

/* ---- reading what was asked ------------------------------------------------------- */

static json_t *words_of(const struct shell_command *c)
{
    json_t *out = json_array();
    for (uint32_t i = 0; i < c->n_words; i++) {
        const struct shell_word *word = &c->words[i];
        if ((word->flags & WORD_UNSURE) != 0 || strlen(word->text) != word->len ||
            !utf8_is_valid(bytes_from_str(word->text))) {
            json_decref(out);
            return NULL;
        }
        json_push(out, json_string(word->text));
    }
    return out;
}

json_t *standing_words(const json_t *params)
{
    struct shell_script script;
    json_t *out = NULL;
    const struct bytes text = json_get_bytes(params, "command");
    if (text.len == 0 || shell_parse(text, SHELL_BASH, &script) != OK) {
        return NULL;
    }
    if (script.why == NULL && script.n_commands == 1) {
        const struct shell_command *c = &script.commands[0];
        out = c->n_words == 0 || c->n_assigns != 0 || c->n_redirects != 0 ? NULL
                                                                          : words_of(c);
    }
    shell_script_fini(&script);
    return out;
}

static bool are_texts(const json_t *list)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item) ||
            strlen(json_string_value(item)) != json_string_length(item)) {
            return false;
        }
    }
    return json_array_size(list) > 0;
}

const json_t *standing_proposal(const json_t *params)
{
    const json_t *words = json_get_arr(params, "proposedExecpolicyAmendment");
    return are_texts(words) && json_array_size(words) <= RULE_WORDS_MAX &&
                   rule_prefix_refusal(words) == NULL
               ? words
               : NULL;
}

/* ---- rules from rows ---------------------------------------------------------------- */

static void put_rule(struct rules *rules, const json_t *row)
{
    char source[sizeof(SOURCE) + STANDING_ID_SIZE];
    char because[BY_OCTETS];
    if (text_format(source, sizeof(source), "%s%s", SOURCE,
                    json_get_str(row, "ruleId")) != OK ||
        text_format(because, sizeof(because), "%s allowed it %s",
                    json_get_str(row, "by"),
                    json_get_str(row, "threadId") != NULL ? "for this thread"
                                                          : "from then on") != OK) {
        return;
    }
    const struct rule_given g = {
        .words = json_get_arr(row, "command"),
        .paths = json_get_arr(row, "paths"),
        .whole = json_get_bool(row, "whole", false),
        .thread = json_get_str(row, "threadId"),
        .cwd = json_get_str(row, "cwd"),
        .source = source,
        .because = because,
    };
    (void)!rules_give(rules, &g); // STANDING_MAX is below the limit of rules
}

static void make_rules(struct standing *s)
{
    size_t i = 0;
    json_t *row = NULL;
    rules_fini(&s->rules);
    rules_init(&s->rules);
    json_array_foreach(s->rows, i, row)
    {
        put_rule(&s->rules, row);
    }
}

/* ---- the file ------------------------------------------------------------------------- */

static bool is_kept(const json_t *row)
{
    const char *scope = json_get_str(row, "scope");
    return scope != NULL && strcmp(scope, scope_names[APPROVAL_KEPT]) == 0;
}

static enum err save(const struct standing *s)
{
    json_t *kept = json_array();
    size_t i = 0;
    json_t *row = NULL;
    struct buf text;
    json_array_foreach(s->rows, i, row)
    {
        if (is_kept(row)) {
            json_push(kept, json_incref(row));
        }
    }
    buf_init(&text, FILE_MAX);
    enum err e = json_print(kept, &text);
    e = e == OK ? file_replace(s->path, buf_bytes(&text), 0600) : e;
    buf_fini(&text);
    json_decref(kept);
    return e;
}

static bool row_is_sound(const json_t *row)
{
    const char *id = json_get_str(row, "ruleId");
    const json_t *words = json_get_arr(row, "command");
    return id != NULL && strlen(id) == STANDING_ID_SIZE - 1 && is_kept(row) &&
           json_get_str(row, "by") != NULL && are_texts(words) &&
           json_array_size(words) <= RULE_WORDS_MAX &&
           rule_prefix_refusal(words) == NULL;
}

static enum err take_rows(struct standing *s, json_t *rows, struct diag *diag)
{
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(rows, i, row)
    {
        if (!row_is_sound(row) || i >= STANDING_MAX) {
            diag_set(diag, "%s: rule %zu of it is not one that this host has written",
                     s->path, i + 1);
            return ERR_PROTO;
        }
        json_push(s->rows, json_incref(row));
    }
    if (!json_is_array(rows)) {
        diag_set(diag, "%s: is no list of rules", s->path);
        return ERR_PROTO;
    }
    return OK;
}

enum err standing_load(struct standing *s, const char *home, struct diag *diag)
{
    struct buf text;
    json_t *rows = NULL;
    char path[PATH_MAX];
    *s = (struct standing){.rows = json_array()};
    enum err e = text_format(path, sizeof(path), "%s/" FILE_NAME, home);
    if (e != OK) {
        return e;
    }
    s->path = mem_strdup(path);
    buf_init(&text, FILE_MAX);
    e = file_read(path, &text);
    if (e == OK) {
        e = json_parse(buf_bytes(&text), &rows);
        if (e != OK) {
            diag_set(diag, "%s: is no JSON", path);
        } else {
            e = take_rows(s, rows, diag);
        }
    } else if (e == ERR_NOT_FOUND) {
        e = OK;
    } else {
        diag_set(diag, "%s cannot be read: %s", path, err_text(e));
    }
    buf_fini(&text);
    json_decref(rows);
    make_rules(s);
    return e;
}

void standing_fini(struct standing *s)
{
    mem_free(s->path);
    json_decref(s->rows);
    rules_fini(&s->rules);
    *s = (struct standing){.path = NULL};
}

/* ---- giving and taking back ---------------------------------------------------------- */

/* What exactly is allowed; false: nothing that a rule could say. */
static bool row_subject(json_t *row, const struct standing_gift *g)
{
    if (g->scope != APPROVAL_THREAD) {
        const json_t *words = standing_proposal(g->params);
        if (words != NULL) {
            json_set(row, "command", json_deep_copy(words));
        }
        return words != NULL;
    }
    json_set_str(row, "threadId", g->thread);
    if (g->paths != NULL) {
        json_set(row, "paths", json_deep_copy(g->paths));
        return are_texts(g->paths);
    }
    json_t *words = standing_words(g->params);
    if (words == NULL) {
        return false;
    }
    json_set(row, "command", words);
    json_set_bool(row, "whole", true);
    json_set_str(row, "cwd", json_get_str(g->params, "cwd"));
    return json_get_str(g->params, "cwd") != NULL;
}

enum err standing_give(struct standing *s, const struct standing_gift *g,
                       char id[STANDING_ID_SIZE])
{
    uint8_t octets[(STANDING_ID_SIZE - 1) / 2];
    if (json_array_size(s->rows) >= STANDING_MAX) {
        return ERR_LIMIT;
    }
    random_bytes(octets, sizeof(octets));
    hex_encode(BYTES_OF(octets), id);
    json_t *row = json_object();
    json_set_str(row, "ruleId", id);
    json_set_str(row, "scope", scope_names[g->scope]);
    json_set_str(row, "by", g->by);
    json_set_int(row, "createdAt", (int64_t)g->at_ms);
    json_set_int(row, "uses", 0);
    if (!row_subject(row, g)) {
        json_decref(row);
        return ERR_PROTO;
    }
    json_push(s->rows, row);
    const enum err e = g->scope == APPROVAL_KEPT ? save(s) : OK;
    if (e != OK) {
        (void)json_array_remove(s->rows, json_array_size(s->rows) - 1);
        return e;
    }
    make_rules(s);
    return OK;
}

static size_t find(const struct standing *s, const char *id)
{
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(s->rows, i, row)
    {
        if (strcmp(json_get_str(row, "ruleId"), id) == 0) {
            break;
        }
    }
    return i;
}

json_t *standing_row(const struct standing *s, const char *id)
{
    return json_array_get(s->rows, find(s, id));
}

/* It counts no more from now on, whether or not the disk takes it. */
enum err standing_remove(struct standing *s, const char *id)
{
    const size_t i = find(s, id);
    json_t *row = json_array_get(s->rows, i);
    if (row == NULL) {
        return ERR_NOT_FOUND;
    }
    const bool kept = is_kept(row);
    (void)json_array_remove(s->rows, i);
    make_rules(s);
    return kept ? save(s) : OK;
}

void standing_used(struct standing *s, const char *source, uint64_t at_ms)
{
    if (strncmp(source, SOURCE, strlen(SOURCE)) != 0) {
        return;
    }
    json_t *row = json_array_get(s->rows, find(s, source + strlen(SOURCE)));
    if (row != NULL) {
        json_set_int(row, "uses", json_get_int(row, "uses", 0) + 1);
        json_set_int(row, "lastUsedAt", (int64_t)at_ms);
    }
}

json_t *standing_json(const struct standing *s, struct bytes thread)
{
    json_t *data = json_array();
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(s->rows, i, row)
    {
        const char *of = json_get_str(row, "threadId");
        if (thread.len == 0 || of == NULL || bytes_equal_str(thread, of)) {
            json_push(data, json_deep_copy(row));
        }
    }
    return json_pack("{s:o}", "data", data);
}
