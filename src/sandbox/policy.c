#include "sandbox/policy.h"

#include <string.h>

#include "base/text.h"

static const char *const mode_names[] = {
    [SANDBOX_READ_ONLY] = "read-only",
    [SANDBOX_WORKSPACE_WRITE] = "workspace-write",
    [SANDBOX_FULL_ACCESS] = "danger-full-access",
};

static const char *const inherit_names[] = {
    [ENV_CORE] = "core",
    [ENV_ALL] = "all",
    [ENV_NONE] = "none",
};

const char *sandbox_policy_mode(enum sandbox_mode mode)
{
    return mode_names[mode];
}

enum err sandbox_policy_mark(struct env_list *l, enum sandbox_mode mode)
{
    const enum err e = env_list_put(l, "FARHAND_SANDBOX", mode_names[mode]);
    /* .git stays read-only: git need not try to lock its index only to look at it. */
    return e != OK || mode == SANDBOX_FULL_ACCESS ||
                   env_list_get(l, "GIT_OPTIONAL_LOCKS") != NULL
               ? e
               : env_list_put(l, "GIT_OPTIONAL_LOCKS", "0");
}

void sandbox_policy_init(struct sandbox_policy *p)
{
    memset(p, 0, sizeof(*p));
    p->mode = SANDBOX_READ_ONLY;
    p->env.inherit = ENV_CORE;
    p->process_max = POLICY_PROCESSES;
}

static enum err pick(const char *key, const char *value, const char *const *names,
                     size_t n, unsigned *out, struct diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], value) == 0) {
            *out = (unsigned)i;
            return OK;
        }
    }
    const char *nearest = text_nearest(value, names, n);
    diag_set(diag, "'%s' is no --%s%s%s%s", value, key,
             nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
             nearest == NULL ? "" : "'?");
    return ERR_USAGE;
}

static enum err set_mode(struct sandbox_policy *p, const char *value, struct diag *diag)
{
    unsigned at = 0;
    const enum err e = pick("mode", value, mode_names, COUNT(mode_names), &at, diag);
    if (e == OK) {
        p->mode = (enum sandbox_mode)at;
    }
    return e;
}

static enum err set_inherit(struct sandbox_policy *p, const char *value,
                            struct diag *diag)
{
    unsigned at = 0;
    const enum err e =
        pick("env-policy", value, inherit_names, COUNT(inherit_names), &at, diag);
    if (e == OK) {
        p->env.inherit = (enum env_inherit)at;
    }
    return e;
}

static enum err add_path(const char **paths, size_t *n, const char *key,
                         const char *value, struct diag *diag)
{
    if (value[0] == '\0') {
        diag_set(diag, "--%s needs a folder", key);
        return ERR_USAGE;
    }
    if (*n == POLICY_PATHS_MAX) {
        diag_set(diag, "at most %d --%s", POLICY_PATHS_MAX, key);
        return ERR_LIMIT;
    }
    paths[(*n)++] = value;
    return OK;
}

static bool is_number(const char *key)
{
    static const char *const keys[] = {"timeout", "output-max", "file-max",
                                       "process-max"};
    size_t i = 0;
    while (i < COUNT(keys) && strcmp(keys[i], key) != 0) {
        i++;
    }
    return i < COUNT(keys);
}

static enum err set_number(struct sandbox_policy *p, const char *key, const char *value,
                           struct diag *diag)
{
    uint64_t number = 0;
    if (u64_parse(bytes_from_str(value), UINT64_C(1) << 50, &number) != OK ||
        number == 0) {
        diag_set(diag, "--%s needs a whole number above 0, not '%s'", key, value);
        return ERR_USAGE;
    }
    if (strcmp(key, "timeout") == 0) {
        p->timeout_s = number;
    } else if (strcmp(key, "output-max") == 0) {
        p->output_max = number;
    } else if (strcmp(key, "file-max") == 0) {
        p->file_max = number;
    } else {
        p->process_max = number;
    }
    return OK;
}

/* ---- one key each ------------------------------------------------------------------ */

static enum err set_env(struct sandbox_policy *p, const char *key, const char *value,
                        struct diag *diag)
{
    enum err e = ERR_USAGE;
    if (strcmp(key, "env-include") == 0) {
        e = env_rules_include(&p->env, value);
    } else if (strcmp(key, "env-exclude") == 0) {
        e = env_rules_exclude(&p->env, value);
    } else {
        e = env_rules_set(&p->env, value);
    }
    if (e == ERR_LIMIT) {
        diag_set(diag, "at most %d --%s", ENV_RULES_MAX, key);
    } else if (e != OK) {
        diag_set(diag, "--%s needs NAME=VALUE, not '%s'", key, value);
    }
    return e;
}

/* False: the key is no switch. */
static bool set_switch(struct sandbox_policy *p, const char *key)
{
    if (strcmp(key, "network") == 0) {
        p->network = true;
    } else if (strcmp(key, "allow-weaker") == 0) {
        p->allow_weaker = true;
    } else if (strcmp(key, "no-namespace") == 0) {
        p->no_namespace = true;
    } else {
        return false;
    }
    return true;
}

static enum err set_text(struct sandbox_policy *p, const char *key, const char *value,
                         struct diag *diag)
{
    if (strcmp(key, "mode") == 0) {
        return set_mode(p, value, diag);
    }
    if (strcmp(key, "workspace") == 0) {
        size_t none = 0;
        return add_path(&p->workspace, &none, key, value, diag);
    }
    if (strcmp(key, "writable") == 0) {
        return add_path(p->writable, &p->n_writable, key, value, diag);
    }
    if (strcmp(key, "hidden") == 0) {
        return add_path(p->hidden, &p->n_hidden, key, value, diag);
    }
    if (strcmp(key, "env-policy") == 0) {
        return set_inherit(p, value, diag);
    }
    if (strcmp(key, "env") == 0 || strcmp(key, "env-include") == 0 ||
        strcmp(key, "env-exclude") == 0) {
        return set_env(p, key, value, diag);
    }
    diag_set(diag, "a sandbox policy has no '%s'", key);
    return ERR_USAGE;
}

enum err sandbox_policy_set(struct sandbox_policy *p, const char *key,
                            const char *value, struct diag *diag)
{
    if (set_switch(p, key)) {
        return OK;
    }
    if (value == NULL) {
        diag_set(diag, "--%s needs a value", key);
        return ERR_USAGE;
    }
    return is_number(key) ? set_number(p, key, value, diag)
                          : set_text(p, key, value, diag);
}
