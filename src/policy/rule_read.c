#include "policy/rule.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/toml.h"

/* ---- where in the file ------------------------------------------------------------ */

struct reading {
    struct rules *rules;
    enum rule_level level;
    const char *source; // kept by rules->kept
    struct bytes text;
    struct diag *diag;
    size_t index; // of the rule in the file
    struct rule rule;
};

struct spot {
    unsigned line, column;
};

static struct bytes line_cut(struct bytes *left)
{
    const uint8_t *newline = left->len == 0 ? NULL : memchr(left->at, '\n', left->len);
    const size_t len = newline == NULL ? left->len : (size_t)(newline - left->at);
    const struct bytes line = bytes_sub(*left, 0, len);
    *left = bytes_sub(*left, len + 1, left->len);
    return line;
}

static size_t blanks_of(struct bytes line)
{
    size_t n = 0;
    while (n < line.len && (line.at[n] == ' ' || line.at[n] == '\t')) {
        n++;
    }
    return n;
}

static bool starts_with(struct bytes line, size_t from, const char *text)
{
    return bytes_equal_str(bytes_sub(line, from, strlen(text)), text);
}

/* The reader of TOML keeps no places: the key is looked for again below the header of its
 * rule. Not found (a rule written in one line): the header, or the first line. */
static struct spot find_spot(const struct reading *r, const char *key)
{
    struct spot spot = {1, 1};
    struct bytes left = r->text;
    size_t seen = 0;
    for (unsigned n = 1; left.len != 0; n++) {
        const struct bytes line = line_cut(&left);
        const size_t blanks = blanks_of(line);
        if (starts_with(line, blanks, "[[rule]]")) {
            if (seen++ == r->index) {
                spot = (struct spot){n, (unsigned)blanks + 1};
            }
        } else if (key != NULL && seen == r->index + 1 &&
                   starts_with(line, blanks, key)) {
            return (struct spot){n, (unsigned)blanks + 1};
        }
    }
    return spot;
}

NODISCARD static enum err complain(const struct reading *r, const char *key,
                                   const char *sentence)
{
    const struct spot spot = find_spot(r, key);
    diag_set(r->diag, "%s:%u:%u: %s", r->source, spot.line, spot.column, sentence);
    return ERR_PROTO;
}

/* ---- values ------------------------------------------------------------------------ */

static bool is_pattern(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) != 0 &&
           json_string_length(value) <= RULE_PATTERN_MAX &&
           strlen(json_string_value(value)) == json_string_length(value);
}

/* A text, or an array of texts: always an array. NULL: something else. */
static json_t *list_of(json_t *value)
{
    size_t i = 0;
    json_t *item = NULL;
    if (is_pattern(value)) {
        json_t *list = json_array();
        json_push(list, json_incref(value));
        return list;
    }
    if (!json_is_array(value) || json_array_size(value) == 0 ||
        json_array_size(value) > RULE_WORDS_MAX) {
        return NULL;
    }
    json_array_foreach(value, i, item)
    {
        if (!is_pattern(item)) {
            return NULL;
        }
    }
    return json_incref(value);
}

/* Everything a rule points at lives as long as the rules. */
static json_t *keep(struct reading *r, json_t *value)
{
    json_push(r->rules->kept, value);
    return value;
}

static enum err read_words(struct reading *r, json_t *value, json_t **out)
{
    json_t *list = list_of(value);
    if (list == NULL) {
        return ERR_PROTO;
    }
    *out = keep(r, list);
    return OK;
}

/* "git push", or ["git", ["push", "fetch"]]: a word, or the alternatives of one. */
static enum err read_command(struct reading *r, json_t *value)
{
    json_t *words = json_array();
    size_t i = 0;
    json_t *item = NULL;
    if (json_is_string(value)) {
        const char *p = json_string_value(value);
        for (p += strspn(p, " "); *p != '\0'; p += strspn(p, " ")) {
            const size_t len = strcspn(p, " ");
            json_t *alone = json_array();
            json_push(alone, json_stringn(p, len));
            json_push(words, alone);
            p += len;
        }
    } else {
        json_array_foreach(value, i, item)
        {
            json_t *alternatives = list_of(item);
            json_push(words, alternatives == NULL ? json_array() : alternatives);
        }
    }
    r->rule.command = keep(r, words);
    const size_t n = json_array_size(words);
    bool good = n != 0 && n <= RULE_WORDS_MAX;
    json_array_foreach(words, i, item)
    {
        good =
            good && json_array_size(item) != 0 && is_pattern(json_array_get(item, 0));
    }
    if (!good) {
        return ERR_PROTO;
    }
    const json_t *first = json_array_get(words, 0);
    const char *head = json_string_value(json_array_get(first, 0));
    const bool plain = json_array_size(first) == 1 && strpbrk(head, "*?") == NULL;
    r->rule.head = plain ? head : NULL;
    return OK;
}

static enum err name_bits(json_t *value, const char *const *names, unsigned *out)
{
    json_t *list = list_of(value);
    size_t i = 0;
    json_t *item = NULL;
    unsigned bits = 0;
    enum err e = list == NULL ? ERR_PROTO : OK;
    json_array_foreach(list, i, item)
    {
        unsigned bit = 0;
        while (names[bit] != NULL && strcmp(names[bit], json_string_value(item)) != 0) {
            bit++;
        }
        if (names[bit] == NULL) {
            e = ERR_PROTO;
        }
        bits |= 1u << bit;
    }
    json_decref(list);
    if (e == OK) {
        *out = bits;
    }
    return e;
}

static bool digits2(const char *text, unsigned max, unsigned *out)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
        return false;
    }
    *out = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    return *out <= max;
}

/* "22:00-06:00" */
static enum err read_hours(struct reading *r, json_t *value)
{
    const char *text = json_string_value(value);
    unsigned h1 = 0;
    unsigned m1 = 0;
    unsigned h2 = 0;
    unsigned m2 = 0;
    if (text == NULL || strlen(text) != strlen("22:00-06:00") || text[2] != ':' ||
        text[5] != '-' || text[8] != ':' || !digits2(text, 23, &h1) ||
        !digits2(text + 3, 59, &m1) || !digits2(text + 6, 24, &h2) ||
        !digits2(text + 9, 59, &m2) || h2 * 60 + m2 > 24 * 60) {
        return ERR_PROTO;
    }
    r->rule.from_min = h1 * 60 + m1;
    r->rule.to_min = h2 * 60 + m2;
    return r->rule.from_min == r->rule.to_min ? ERR_PROTO : OK;
}

/* ---- keys --------------------------------------------------------------------------- */

static enum err take_decide(struct reading *r, json_t *value)
{
    static const char *const names[] = {"allow", "ask", "deny"};
    for (unsigned i = 0; i < 3 && json_is_string(value); i++) {
        if (strcmp(json_string_value(value), names[i]) == 0) {
            r->rule.decide = (enum verdict)i;
            return OK;
        }
    }
    return ERR_PROTO;
}

static enum err take_path(struct reading *r, json_t *value)
{
    return read_words(r, value, &r->rule.path);
}

static enum err take_thread(struct reading *r, json_t *value)
{
    return read_words(r, value, &r->rule.thread);
}

static enum err take_role(struct reading *r, json_t *value)
{
    static const char *const names[] = {"",         "viewer", "approver",
                                        "operator", "owner",  NULL};
    return name_bits(value, names, &r->rule.roles);
}

static enum err take_days(struct reading *r, json_t *value)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu",
                                        "fri", "sat", "sun", NULL};
    return name_bits(value, names, &r->rule.days);
}

static enum err take_quorum(struct reading *r, json_t *value)
{
    const json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || n > 16) {
        return ERR_PROTO;
    }
    r->rule.quorum = (unsigned)n;
    return OK;
}

static enum err take_strong(struct reading *r, json_t *value)
{
    r->rule.strong = json_is_true(value);
    return json_is_boolean(value) ? OK : ERR_PROTO;
}

static enum err take_because(struct reading *r, json_t *value)
{
    if (!is_pattern(value)) {
        return ERR_PROTO;
    }
    r->rule.because = json_string_value(keep(r, json_incref(value)));
    return OK;
}

static const struct {
    const char *key;
    enum err (*take)(struct reading *r, json_t *value);
    const char *wants;
} keys[] = {
    {"decide", take_decide, "decide is \"allow\", \"ask\" or \"deny\""},
    {"command", read_command,
     "command is a text (\"git push\") or an array of words, each a text or an array of "
     "alternatives"},
    {"path", take_path, "path is a pattern or an array of patterns"},
    {"thread", take_thread, "thread is an id or an array of ids"},
    {"role", take_role, "role is viewer, approver, operator or owner, or several"},
    {"days", take_days, "days are mon, tue, wed, thu, fri, sat, sun"},
    {"hours", read_hours, "hours are written \"22:00-06:00\""},
    {"quorum", take_quorum, "quorum is a number of people from 1 to 16"},
    {"strong", take_strong, "strong is true or false"},
    {"because", take_because, "because is a sentence of at most 255 octets"},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static enum err complain_unknown(const struct reading *r, const char *key)
{
    const char *names[N_KEYS];
    char sentence[256];
    for (size_t i = 0; i < N_KEYS; i++) {
        names[i] = keys[i].key;
    }
    const char *near = text_nearest(key, names, N_KEYS);
    if (near == NULL ||
        text_format(sentence, sizeof(sentence),
                    "a rule has no key of this name; did you mean %s?", near) != OK) {
        return complain(
            r, key,
            "a rule has no key of this name; there are decide, command, path, "
            "thread, role, days, hours, quorum, strong and because");
    }
    return complain(r, key, sentence);
}

static enum err take_key(struct reading *r, const char *key, json_t *value)
{
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strcmp(key, keys[i].key) == 0) {
            const enum err e = keys[i].take(r, value);
            return e == OK ? OK : complain(r, key, keys[i].wants);
        }
    }
    return complain_unknown(r, key);
}

/* ---- a rule, a file ------------------------------------------------------------------ */

static enum err check_whole(const struct reading *r, const json_t *table)
{
    const struct rule *rule = &r->rule;
    if (json_object_get(table, "decide") == NULL) {
        return complain(r, NULL,
                        "a rule needs decide = \"allow\", \"ask\" or \"deny\"");
    }
    if (rule->command == NULL && rule->path == NULL && rule->decide == VERDICT_ALLOW) {
        return complain(r, "decide", "a rule that allows names a command or a path");
    }
    if (rule->level != RULE_USER && rule->decide == VERDICT_ALLOW) {
        return complain(r, "decide",
                        rule->level == RULE_ADMIN
                            ? "the administrator's rules may ask and deny: they only "
                              "tighten"
                            : "a repository's rules may ask and deny; allowing is for "
                              "policy.toml of the user");
    }
    if ((rule->quorum != 0 || rule->strong) && rule->decide != VERDICT_ASK) {
        return complain(r, rule->quorum != 0 ? "quorum" : "strong",
                        "quorum and strong belong to decide = \"ask\"");
    }
    return OK;
}

static enum err rule_take(struct reading *r, json_t *table)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(table)) {
        return complain(r, NULL, "a rule is a table: [[rule]]");
    }
    r->rule = (struct rule){.level = r->level,
                            .source = r->source,
                            .line = find_spot(r, NULL).line,
                            .decide = VERDICT_ASK};
    json_object_foreach(table, key, value)
    {
        const enum err e = take_key(r, key, value);
        if (e != OK) {
            return e;
        }
    }
    const enum err e = check_whole(r, table);
    if (e != OK) {
        return e;
    }
    if (r->rules->n == RULES_MAX) {
        diag_set(r->diag, "%s: more than %u rules", r->source, RULES_MAX);
        return ERR_LIMIT;
    }
    r->rule.any_time = r->rule.thread == NULL && r->rule.roles == 0 &&
                       r->rule.days == 0 && r->rule.from_min == r->rule.to_min;
    r->rules->list[r->rules->n++] = r->rule;
    return OK;
}

static enum err file_take(struct reading *r, json_t *root)
{
    json_t *table = NULL;
    json_array_foreach(json_object_get(root, "rule"), r->index, table)
    {
        const enum err e = rule_take(r, table);
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

void rules_init(struct rules *rules)
{
    *rules = (struct rules){.list = mem_new(RULES_MAX * sizeof(struct rule)),
                            .kept = json_array()};
}

void rules_fini(struct rules *rules)
{
    mem_free(rules->list);
    json_decref(rules->kept);
    *rules = (struct rules){0};
}

enum err rules_take(struct rules *rules, enum rule_level level, const char *source,
                    struct bytes text, json_t *root, struct diag *diag)
{
    json_t *name = json_string(source);
    json_push(rules->kept, name);
    struct reading r = {.rules = rules,
                        .level = level,
                        .source = json_string_value(name),
                        .text = text,
                        .diag = diag};
    return file_take(&r, root);
}

enum err rules_read(struct rules *rules, enum rule_level level, const char *source,
                    struct bytes text, struct diag *diag)
{
    struct diag why = {""};
    json_t *root = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    enum err e = toml_parse(text, &root, &why);
    if (e != OK) {
        diag_set(diag, "%s: %s", source, why.text);
        return e;
    }
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "rule") != 0 || !json_is_array(value)) {
            diag_set(diag, "%s: %s is not known here; rules are written [[rule]]",
                     source, key);
            e = ERR_PROTO;
        }
    }
    e = e != OK ? e : rules_take(rules, level, source, text, root, diag);
    json_decref(root);
    return e;
}

/* ---- all rules together --------------------------------------------------------------- */

static bool is_unconditional(const struct rule *rule)
{
    return rule->path == NULL && rule->any_time;
}

/* Every alternative of `narrow` is one of `wide`, or `wide` is a star. */
static bool word_covers(const json_t *wide, const json_t *narrow)
{
    size_t i = 0;
    size_t j = 0;
    json_t *item = NULL;
    json_t *other = NULL;
    json_array_foreach(narrow, i, item)
    {
        bool found = false;
        json_array_foreach(wide, j, other)
        {
            found = found || strcmp(json_string_value(other), "*") == 0 ||
                    strcmp(json_string_value(other), json_string_value(item)) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool rule_covers(const struct rule *wide, const struct rule *narrow)
{
    if (!is_unconditional(wide) || wide->decide <= narrow->decide) {
        return false;
    }
    const size_t n = json_array_size(wide->command);
    if (wide->command != NULL &&
        (narrow->command == NULL || n > json_array_size(narrow->command))) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!word_covers(json_array_get(wide->command, i),
                         json_array_get(narrow->command, i))) {
            return false;
        }
    }
    return true;
}

enum err rules_settle(const struct rules *rules, struct diag *diag)
{
    for (size_t i = 0; i < rules->n; i++) {
        for (size_t j = 0; j < rules->n; j++) {
            const struct rule *wide = &rules->list[i];
            const struct rule *narrow = &rules->list[j];
            if (wide->level == narrow->level && rule_covers(wide, narrow)) {
                diag_set(
                    diag,
                    "%s:%u:1: this rule can never apply: the stricter one in %s:%u "
                    "covers everything that it is about",
                    narrow->source, narrow->line, wide->source, wide->line);
                return ERR_PROTO;
            }
        }
    }
    return OK;
}
