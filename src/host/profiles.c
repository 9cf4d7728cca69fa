#include "host/profiles.h"

#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "wire/json.h"
#include "wire/toml.h"

#define FILE_NAME "thread-profiles.json"
#define FILE_MAX  (1024u * 1024)

/* ---- config.toml ------------------------------------------------------------------- */

/* Codex's spelling and ours; a name in both is ours. */
static enum err take_all(struct profiles *p, const struct requirements *admin,
                         const json_t *config, struct diag *diag)
{
    static const char *const spellings[] = {"profile", "profiles"};
    for (size_t i = 0; i < COUNT(spellings); i++) {
        const char *name = NULL;
        json_t *table = NULL;
        json_object_foreach(json_get_obj(config, spellings[i]), name, table)
        {
            if (profiles_find(p, name) != NULL || !requirements_name(admin, name)) {
                continue;
            }
            if (p->n == PROFILES_MAX) {
                diag_set(diag, "more than %u profiles", PROFILES_MAX);
                return ERR_PROTO;
            }
            const enum err e = profile_read(config, name, &p->list[p->n], diag);
            if (e != OK) {
                return e;
            }
            p->n++;
        }
    }
    return OK;
}

static enum err read_config(struct profiles *p, const struct requirements *admin,
                            const char *home, struct diag *diag)
{
    char path[PATH_MAX];
    struct buf text;
    struct diag why = {""};
    json_t *config = NULL;
    buf_init(&text, TOML_MAX);
    enum err e = text_format(path, sizeof(path), "%s/config.toml", home);
    e = e == OK ? file_read(path, &text) : e;
    if (e == OK && (e = toml_parse(buf_bytes(&text), &config, &why)) != OK) {
        diag_set(diag, "%s: %s", path, why.text);
    } else if (e == OK) {
        e = take_all(p, admin, config, diag);
    } else if (e == ERR_NOT_FOUND) {
        e = OK;
    } else {
        diag_set(diag, "%s cannot be read: %s", path, err_text(e));
    }
    buf_fini(&text);
    json_decref(config);
    return e;
}

const struct profile *profiles_find(const struct profiles *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->list[i].name, name) == 0) {
            return &p->list[i];
        }
    }
    return NULL;
}

/* ---- threads ------------------------------------------------------------------------ */

static bool threads_are_sound(json_t *threads)
{
    const char *id = NULL;
    json_t *name = NULL;
    json_object_foreach(threads, id, name)
    {
        if (!json_is_string(name)) {
            return false;
        }
    }
    return json_is_object(threads);
}

static enum err read_threads(struct profiles *p, const char *home, struct diag *diag)
{
    char path[PATH_MAX];
    struct buf text;
    buf_init(&text, FILE_MAX);
    enum err e = text_format(path, sizeof(path), "%s/" FILE_NAME, home);
    if (e == OK) {
        p->path = mem_strdup(path);
        e = file_read(path, &text);
    }
    if (e == ERR_NOT_FOUND) {
        p->threads = json_object();
        e = OK;
    } else if (e == OK && (json_parse(buf_bytes(&text), &p->threads) != OK ||
                           !threads_are_sound(p->threads))) {
        diag_set(diag, "%s: is not as this host has written it", path);
        e = ERR_PROTO;
    } else if (e != OK) {
        diag_set(diag, "%s cannot be read: %s", path, err_text(e));
    }
    buf_fini(&text);
    return e;
}

/* The administrator's go first: the first of a name counts. */
enum err profiles_load(struct profiles *p, const struct requirements *admin,
                       const char *home, struct diag *diag)
{
    *p = (struct profiles){.is_forced = admin->profile != NULL};
    enum err e = take_all(p, admin, admin->root, diag);
    e = e != OK || p->is_forced ? e : read_config(p, admin, home, diag);
    return e != OK ? e : read_threads(p, home, diag);
}

void profiles_fini(struct profiles *p)
{
    for (size_t i = 0; i < p->n; i++) {
        profile_fini(&p->list[i]);
    }
    json_decref(p->threads);
    mem_free(p->path);
    *p = (struct profiles){.n = 0};
}

const char *profiles_of_thread(const struct profiles *p, const char *thread)
{
    const char *name = json_get_str(p->threads, thread);
    return name == NULL ? "" : name;
}

enum err profiles_note(struct profiles *p, const char *thread, const char *name)
{
    struct buf text;
    if (json_object_size(p->threads) >= PROFILE_THREADS_MAX) {
        void *oldest = json_object_iter(p->threads);
        (void)json_object_del(p->threads, json_object_iter_key(oldest));
    }
    json_set_str(p->threads, thread, name);
    buf_init(&text, FILE_MAX);
    enum err e = json_print(p->threads, &text);
    e = e == OK ? file_replace(p->path, buf_bytes(&text), 0600) : e;
    buf_fini(&text);
    return e;
}

/* ---- what they mean ------------------------------------------------------------------- */

/* Another filter than the host's own lets through what that one holds back, unless it
 * begins with less. */
static bool shows_more(const struct profile *p, const struct profile *own)
{
    return own->env != NULL && p->inherit <= own->inherit &&
           (p->env == NULL || json_equal(p->env, own->env) != 1);
}

const char *profile_weaker(const struct profile *p, const struct profile *own)
{
    if (approval_policy_is_weaker(p->policy, own->policy)) {
        return "asks less (approval_policy)";
    }
    if (p->sandbox > own->sandbox) {
        return "has a wider sandbox (sandbox_mode)";
    }
    if (p->network && !own->network) {
        return "has the network (network_access)";
    }
    if (own->no_outside && !p->no_outside) {
        return "lets commands leave the sandbox (outside_sandbox)";
    }
    return shows_more(p, own) ? "shows more variables (shell_environment_policy)"
                              : NULL;
}

json_t *profile_config(const struct profile *p)
{
    json_t *out = json_object();
    if (p->env != NULL) {
        json_set(out, "shell_environment_policy", json_incref(p->env));
    }
    if (p->effort[0] != '\0') {
        json_set_str(out, "model_reasoning_effort", p->effort);
    }
    if (p->network) {
        json_set(out, "sandbox_workspace_write",
                 json_pack("{s:b}", "network_access", 1));
    }
    if (json_object_size(out) == 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}
