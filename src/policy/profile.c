#include "policy/profile.h"

#include <string.h>

#include "base/text.h"

static const char *const sandbox_names[] = {"read-only", "workspace-write",
                                            "danger-full-access", NULL};
static const char *const inherit_names[] = {"all", "core", "none", NULL};
static const char *const effort_names[] = {"minimal", "low",   "medium",
                                           "high",    "xhigh", NULL};

const char *sandbox_mode_name(enum sandbox_mode mode)
{
    return sandbox_names[mode];
}

/* By how much runs unasked. `never` lets reading run, and refuses what people could allow
 * under any other. */
bool approval_policy_is_weaker(enum approval_policy a, enum approval_policy than)
{
    static const unsigned unasked[] = {
        [POLICY_ASK_EVERY_TIME] = 0, [POLICY_UNTRUSTED] = 1,
        [POLICY_SUGGEST] = 2,        [POLICY_UNLESS_ALLOW_LISTED] = 2,
        [POLICY_ON_FAILURE] = 3,     [POLICY_ON_REQUEST] = 3,
        [POLICY_NEVER] = 2,
    };
    return unasked[a] > unasked[than] || (than == POLICY_NEVER && a != POLICY_NEVER);
}

void profile_default(struct profile *out)
{
    *out = (struct profile){.name = "default",
                            .policy = POLICY_UNTRUSTED,
                            .sandbox = SANDBOX_WORKSPACE_WRITE,
                            .inherit = ENV_ALL};
}

struct reading {
    struct profile *out;
    struct diag *diag;
    const char *where; // "profile.NAME", or its environment's table
};

static enum err complain(const struct reading *r, const char *key, const char *wants)
{
    diag_set(r->diag, "config.toml: %s.%s %s", r->where, key, wants);
    return ERR_PROTO;
}

/* One of a list of words, by its place in the list. */
static enum err take_word(const json_t *value, const char *const *names, unsigned *out)
{
    for (unsigned i = 0; json_is_string(value) && names[i] != NULL; i++) {
        if (strcmp(names[i], json_string_value(value)) == 0) {
            *out = i;
            return OK;
        }
    }
    return ERR_PROTO;
}

static enum err take_policy(struct reading *r, json_t *value)
{
    const char *text = json_string_value(value);
    return text == NULL ? ERR_PROTO : approval_policy_parse(text, &r->out->policy);
}

static enum err take_sandbox(struct reading *r, json_t *value)
{
    unsigned i = 0;
    const enum err e = take_word(value, sandbox_names, &i);
    r->out->sandbox = e == OK ? (enum sandbox_mode)i : r->out->sandbox;
    return e;
}

static enum err take_network(struct reading *r, json_t *value)
{
    r->out->network = json_is_true(value);
    return json_is_boolean(value) ? OK : ERR_PROTO;
}

static enum err take_outside(struct reading *r, json_t *value)
{
    static const char *const names[] = {"ask", "forbid", NULL};
    unsigned i = 0;
    const enum err e = take_word(value, names, &i);
    r->out->no_outside = e == OK && i == 1;
    return e;
}

static enum err take_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_string_value(value);
    return text == NULL || text[0] == '\0' ? ERR_PROTO
                                           : text_format(out, size, "%s", text);
}

static enum err take_model(struct reading *r, json_t *value)
{
    return take_text(value, r->out->model, sizeof(r->out->model));
}

static enum err take_effort(struct reading *r, json_t *value)
{
    unsigned i = 0;
    const enum err e = take_word(value, effort_names, &i);
    return e != OK ? e
                   : text_format(r->out->effort, sizeof(r->out->effort), "%s",
                                 effort_names[i]);
}

static enum err take_inherit(struct reading *r, json_t *value)
{
    unsigned i = 0;
    const enum err e = take_word(value, inherit_names, &i);
    r->out->inherit = e == OK ? (enum env_inherit)i : r->out->inherit;
    return e;
}

static enum err take_names(struct reading *r, json_t *value)
{
    size_t i = 0;
    json_t *item = NULL;
    (void)r;
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item)) {
            return ERR_PROTO;
        }
    }
    return json_is_array(value) ? OK : ERR_PROTO;
}

static enum err take_set(struct reading *r, json_t *value)
{
    const char *name = NULL;
    json_t *item = NULL;
    (void)r;
    json_object_foreach(value, name, item)
    {
        if (!json_is_string(item)) {
            return ERR_PROTO;
        }
    }
    return json_is_object(value) ? OK : ERR_PROTO;
}

static enum err take_switch(struct reading *r, json_t *value)
{
    (void)r;
    return json_is_boolean(value) ? OK : ERR_PROTO;
}

struct key {
    const char *name;
    enum err (*take)(struct reading *r, json_t *value);
    const char *wants;
};

static const struct key env_keys[] = {
    {"inherit", take_inherit, "is all, core or none"},
    {"include_only", take_names, "is an array of names, wildcards allowed"},
    {"exclude", take_names, "is an array of names, wildcards allowed"},
    {"set", take_set, "is a table of texts"},
    {"ignore_default_excludes", take_switch, "is true or false"},
};

static enum err take_env(struct reading *r, json_t *value);

static const struct key keys[] = {
    {"approval_policy", take_policy,
     "is ask-every-time, untrusted, suggest, unless-allow-listed, on-failure, on-request "
     "or never"},
    {"sandbox_mode", take_sandbox,
     "is read-only, workspace-write or danger-full-access"},
    {"network_access", take_network, "is true or false"},
    {"outside_sandbox", take_outside, "is ask or forbid"},
    {"model", take_model, "is the name of a model"},
    {"model_reasoning_effort", take_effort, "is minimal, low, medium, high or xhigh"},
    {"shell_environment_policy", take_env, "is a table"},
};
#define KEYS_MAX 8u

static enum err complain_unknown(const struct reading *r, const char *key,
                                 const struct key *table, size_t n)
{
    const char *names[KEYS_MAX];
    for (size_t i = 0; i < n; i++) {
        names[i] = table[i].name;
    }
    const char *near = text_nearest(key, names, n);
    diag_set(r->diag, "config.toml: %s has no key %s; the nearest is %s", r->where, key,
             near == NULL ? names[0] : near);
    return ERR_PROTO;
}

static enum err take_table(struct reading *r, json_t *value, const struct key *table,
                           size_t n)
{
    const char *key = NULL;
    json_t *item = NULL;
    json_object_foreach(value, key, item)
    {
        size_t i = 0;
        while (i < n && strcmp(table[i].name, key) != 0) {
            i++;
        }
        if (i == n) {
            return complain_unknown(r, key, table, n);
        }
        if (table[i].take(r, item) != OK) {
            return complain(r, key, table[i].wants);
        }
    }
    return json_is_object(value) ? OK : ERR_PROTO;
}

static enum err take_env(struct reading *r, json_t *value)
{
    struct reading inner = *r;
    inner.where = "shell_environment_policy";
    const enum err e = take_table(&inner, value, env_keys, COUNT(env_keys));
    if (e == OK) {
        r->out->env = json_incref(value);
    }
    return e;
}

#define PROFILES_NAMED 32 // more are not looked at for the nearest

static json_t *find_profile(const json_t *config, const char *name)
{
    json_t *found = json_get_obj(json_get_obj(config, "profile"), name);
    return found != NULL ? found : json_get_obj(json_get_obj(config, "profiles"), name);
}

static size_t names_of(const json_t *config, const char *names[PROFILES_NAMED])
{
    size_t n = 0;
    for (int spelling = 0; spelling < 2; spelling++) {
        const char *key = NULL;
        json_t *value = NULL;
        json_object_foreach(
            json_get_obj(config, spelling == 0 ? "profile" : "profiles"), key, value)
        {
            names[n] = key;
            n += n + 1 < PROFILES_NAMED ? 1 : 0;
        }
    }
    return n;
}

static enum err complain_missing(const json_t *config, const char *name,
                                 struct diag *diag)
{
    const char *names[PROFILES_NAMED];
    const size_t n = names_of(config, names);
    const char *near = n == 0 ? NULL : text_nearest(name, names, n);
    if (n == 0) {
        diag_set(diag, "config.toml has no profile; one is written [profile.%s]", name);
    } else {
        diag_set(diag, "config.toml has no profile %s; %s %s%s", name,
                 near == NULL ? "there is" : "did you mean",
                 near == NULL ? names[0] : near, near == NULL ? "" : "?");
    }
    return ERR_NOT_FOUND;
}

enum err profile_read(const json_t *config, const char *name, struct profile *out,
                      struct diag *diag)
{
    char where[PROFILE_NAME_MAX + sizeof("profile.")];
    struct profile profile;
    json_t *table = find_profile(config, name);
    if (table == NULL) {
        return complain_missing(config, name, diag);
    }
    profile_default(&profile);
    if (text_format(profile.name, sizeof(profile.name), "%s", name) != OK ||
        text_format(where, sizeof(where), "profile.%s", name) != OK) {
        diag_set(diag, "config.toml: the name of a profile is too long");
        return ERR_PROTO;
    }
    struct reading r = {.out = &profile, .diag = diag, .where = where};
    const enum err e = take_table(&r, table, keys, COUNT(keys));
    if (e != OK) {
        profile_fini(&profile);
        return e;
    }
    *out = profile;
    return OK;
}

void profile_fini(struct profile *p)
{
    json_decref(p->env);
    *p = (struct profile){0};
}
