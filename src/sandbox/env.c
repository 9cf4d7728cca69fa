#include "sandbox/env.h"

#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/text.h"

/* What a program needs to know about the user and the terminal, and no more. */
static const char *const core_names[] = {
    "HOME", "LOGNAME", "USER", "USERNAME",  "SHELL",    "PATH", "LANG",   "LANGUAGE",
    "LC_*", "TERM",    "TZ",   "COLORTERM", "NO_COLOR", "PWD",  "TMPDIR",
};

/* Looks like a secret: handed on only when a rule names it. */
static const char *const secret_names[] = {
    "*KEY*",        "*SECRET*",     "*TOKEN*",  "*PASSW*",
    "*PASSPHRASE*", "*CREDENTIAL*", "*COOKIE*",
};

/* Code run before main(), sockets of agents that sign or connect, and what names
 * Farhand's own state: never handed on, whatever the rules say. */
static const char *const banned_names[] = {
    "LD_*",   "GLIBC_TUNABLES", "MALLOC_*",        "GCONV_PATH",    "BASH_ENV",
    "ENV",    "BASH_FUNC_*",    "SSH_AUTH_SOCK",   "SSH_AGENT_PID", "GPG_AGENT_INFO",
    "DBUS_*", "DOCKER_HOST",    "XDG_RUNTIME_DIR", "FARHAND_*",
};

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Linear in practice: only the last star is ever gone back to. */
static bool matches(const char *pattern, const char *name, size_t len)
{
    const char *star = NULL;
    size_t from = 0;
    size_t at = 0;
    while (at < len) {
        if (*pattern == '*') {
            star = ++pattern;
            from = at;
        } else if (*pattern != '\0' &&
                   (*pattern == '?' || lower(*pattern) == lower(name[at]))) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star;
            at = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static bool any_matches(const char *const *patterns, size_t n, const char *name,
                        size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (matches(patterns[i], name, len)) {
            return true;
        }
    }
    return false;
}

static enum err add_rule(const char **rules, size_t *n, const char *rule)
{
    if (*n == ENV_RULES_MAX) {
        return ERR_LIMIT;
    }
    rules[(*n)++] = rule;
    return OK;
}

enum err env_rules_include(struct env_rules *r, const char *pattern)
{
    return add_rule(r->include, &r->n_include, pattern);
}

enum err env_rules_exclude(struct env_rules *r, const char *pattern)
{
    return add_rule(r->exclude, &r->n_exclude, pattern);
}

enum err env_rules_set(struct env_rules *r, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment) {
        return ERR_USAGE;
    }
    return add_rule(r->set, &r->n_set, assignment);
}

bool env_passes(const struct env_rules *r, const char *name, size_t name_len)
{
    if (any_matches(banned_names, COUNT(banned_names), name, name_len) ||
        any_matches(r->exclude, r->n_exclude, name, name_len)) {
        return false;
    }
    if (any_matches(r->include, r->n_include, name, name_len)) {
        return true;
    }
    if (any_matches(secret_names, COUNT(secret_names), name, name_len)) {
        return false;
    }
    switch (r->inherit) {
    case ENV_ALL:
        return true;
    case ENV_CORE:
        return any_matches(core_names, COUNT(core_names), name, name_len);
    case ENV_NONE:
        break;
    }
    return false;
}

/* ---- lists ------------------------------------------------------------------------- */

static size_t name_length(const char *assignment)
{
    return strcspn(assignment, "=");
}

/* Its place; l->n when it is not there. */
static size_t find(const struct env_list *l, const char *name, size_t len)
{
    size_t i = 0;
    while (i < l->n &&
           (name_length(l->vars[i]) != len || strncmp(l->vars[i], name, len) != 0)) {
        i++;
    }
    return i;
}

/* The last of two equal names wins, as with setenv(). */
static enum err put(struct env_list *l, const char *assignment)
{
    const size_t at = find(l, assignment, name_length(assignment));
    if (at == ENV_VARS_MAX) {
        return ERR_LIMIT;
    }
    if (at < l->n) {
        mem_free(l->vars[at]);
    } else {
        l->n++;
    }
    l->vars[at] = mem_strdup(assignment);
    return OK;
}

enum err env_list_put(struct env_list *l, const char *name, const char *value)
{
    const size_t size = strlen(name) + strlen(value) + 2;
    char *text = mem_new(size);
    enum err e = text_format(text, size, "%s=%s", name, value);
    e = e == OK ? put(l, text) : e;
    mem_free(text);
    return e;
}

const char *env_list_get(const struct env_list *l, const char *name)
{
    const size_t at = find(l, name, strlen(name));
    return at == l->n ? NULL : l->vars[at] + name_length(l->vars[at]) + 1;
}

enum err env_list_init(struct env_list *out, const struct env_rules *r,
                       char *const *from)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; from != NULL && from[i] != NULL; i++) {
        const size_t len = name_length(from[i]);
        if (len == 0 || from[i][len] != '=' || !env_passes(r, from[i], len)) {
            continue;
        }
        const enum err e = put(out, from[i]);
        if (e != OK) {
            return e;
        }
    }
    for (size_t i = 0; i < r->n_set; i++) {
        const enum err e = put(out, r->set[i]);
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

void env_list_fini(struct env_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->vars[i]);
    }
    memset(l, 0, sizeof(*l));
}
