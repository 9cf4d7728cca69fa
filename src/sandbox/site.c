#include "sandbox/site.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sandbox/plan.h"
#include "sandbox/repository.h"

static const char *const kind_names[] = {
    [SITE_MISSING] = "missing",
    [SITE_FOLDER] = "a folder",
    [SITE_FILE] = "a file",
    [SITE_LINK] = "a link",
    [SITE_OTHER] = "neither file nor folder",
};

const char *site_kind_name(enum site_kind kind)
{
    return kind_names[kind];
}

/* ---- one path ------------------------------------------------------------------------ */

static enum site_kind kind_of(const struct stat *st)
{
    if (S_ISDIR(st->st_mode)) {
        return SITE_FOLDER;
    }
    if (S_ISREG(st->st_mode)) {
        return SITE_FILE;
    }
    return S_ISLNK(st->st_mode) ? SITE_LINK : SITE_OTHER;
}

static void note(struct site_path *out, const char *path)
{
    struct stat st;
    out->path = mem_strdup(path);
    out->kind = SITE_MISSING;
    if (lstat(path, &st) == 0) {
        out->kind = kind_of(&st);
        out->dev = (uint64_t)st.st_dev;
        out->ino = (uint64_t)st.st_ino;
    }
}

/* Appends the parts of `rest`, none of which exists; ".." would lead out of what does not. */
static enum err append_missing(char out[PATH_MAX], const char *rest)
{
    size_t len = strcmp(out, "/") == 0 ? 0 : strlen(out);
    while (*rest != '\0') {
        rest += strspn(rest, "/");
        const size_t part = strcspn(rest, "/");
        if (part == 2 && memcmp(rest, "..", 2) == 0) {
            return ERR_USAGE;
        }
        if (part > 0 && !(part == 1 && *rest == '.')) {
            if (len + part + 2 > PATH_MAX) {
                return ERR_LIMIT;
            }
            out[len++] = '/';
            memcpy(out + len, rest, part);
            len += part;
            out[len] = '\0';
        }
        rest += part;
    }
    return OK;
}

/* The real path, also of what does not exist: then of the nearest folder that does. */
enum err site_resolve(const char *path, char out[PATH_MAX])
{
    if (realpath(path, out) != NULL) {
        return OK;
    }
    if (path[0] != '/') {
        return ERR_NOT_FOUND;
    }
    char *above = mem_strdup(path);
    size_t cut = strlen(path);
    bool found = false;
    while (!found) {
        while (cut > 0 && above[cut - 1] != '/') {
            cut--;
        }
        cut = cut == 0 ? 0 : cut - 1;
        above[cut] = '\0';
        found = realpath(cut == 0 ? "/" : above, out) != NULL || cut == 0;
    }
    mem_free(above);
    return append_missing(out, path + cut);
}

static enum err look_folder(struct site_path *out, const char *path, const char *what,
                            struct diag *diag)
{
    char real[PATH_MAX];
    struct stat st;
    if (realpath(path, real) == NULL) {
        diag_set(diag, "%s '%s' %s", what, path,
                 errno == ENOENT ? "does not exist" : "cannot be reached");
        return ERR_NOT_FOUND;
    }
    if (stat(real, &st) != 0 || !S_ISDIR(st.st_mode)) {
        diag_set(diag, "%s '%s' is no folder", what, path);
        return ERR_USAGE;
    }
    note(out, real);
    return OK;
}

/* ---- what stays read-only below a root -------------------------------------------------- */

/* What is missing together with the folders above it is held at the first of them: nothing
 * can be made there at all. */
enum err site_hold(struct site *s, const char *path)
{
    struct stat st;
    char *step = mem_strdup(path);
    for (char *slash = strrchr(step, '/'); slash != NULL && slash != step;
         slash = strrchr(step, '/')) {
        *slash = '\0';
        if (lstat(step, &st) == 0) {
            *slash = '/';
            break;
        }
    }
    bool known = false;
    for (size_t i = 0; i < s->n_held; i++) {
        known = known || strcmp(s->held[i].path, step) == 0;
    }
    const bool full = !known && s->n_held == SITE_PATHS_MAX;
    if (!known && !full) {
        note(&s->held[s->n_held++], step);
    }
    mem_free(step);
    return full ? ERR_LIMIT : OK;
}

static enum err look_held(struct site *s, struct diag *diag)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < s->n_roots; i++) {
        const char *root = strcmp(s->roots[i].path, "/") == 0 ? "" : s->roots[i].path;
        for (size_t k = 0; k < plan_n_protected_names; k++) {
            enum err e =
                text_format(path, sizeof(path), "%s/%s", root, plan_protected_names[k]);
            if (e == OK) {
                e = site_hold(s, path);
            }
            if (e != OK) {
                return e;
            }
        }
        const enum err e = repository_hold(s, s->roots[i].path, diag);
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

/* ---- the whole --------------------------------------------------------------------------- */

static enum err look_roots(struct site *s, const struct sandbox_policy *policy,
                           struct diag *diag)
{
    if (policy->mode == SANDBOX_WORKSPACE_WRITE) {
        note(&s->roots[s->n_roots++], s->workspace.path);
    }
    for (size_t i = 0; i < policy->n_writable; i++) {
        const enum err e =
            look_folder(&s->roots[s->n_roots], policy->writable[i], "--writable", diag);
        if (e != OK) {
            return e;
        }
        s->n_roots++;
    }
    return OK;
}

static enum err look_hidden(struct site *s, const struct sandbox_policy *policy,
                            const char *const *states, size_t n_states,
                            struct diag *diag)
{
    char real[PATH_MAX];
    for (size_t i = 0; i < n_states && i < 2; i++) {
        if (site_resolve(states[i], real) == OK) {
            note(&s->hidden[s->n_hidden++], real);
        }
    }
    for (size_t i = 0; i < policy->n_hidden; i++) {
        if (realpath(policy->hidden[i], real) == NULL) {
            diag_set(diag, "--hidden '%s' does not exist", policy->hidden[i]);
            return ERR_NOT_FOUND;
        }
        note(&s->hidden[s->n_hidden++], real);
    }
    return OK;
}

static enum err look_cwd(struct site *s, struct diag *diag)
{
    char here[PATH_MAX];
    if (getcwd(here, sizeof(here)) == NULL || here[0] != '/') {
        diag_set(diag, "the current folder is gone: go to another one first");
        return ERR_NOT_FOUND;
    }
    s->cwd = mem_strdup(here);
    return OK;
}

enum err site_look(struct site *out, const struct sandbox_policy *policy,
                   const char *const *states, size_t n_states, struct diag *diag)
{
    struct stat st;
    memset(out, 0, sizeof(*out));
    enum err e = look_cwd(out, diag);
    if (e == OK) {
        const char *named = policy->workspace == NULL ? out->cwd : policy->workspace;
        e = look_folder(&out->workspace, named, "the workspace", diag);
        out->workspace_linked =
            e == OK && lstat(named, &st) == 0 && S_ISLNK(st.st_mode);
    }
    if (e == OK) {
        e = look_roots(out, policy, diag);
    }
    if (e == OK) {
        e = look_hidden(out, policy, states, n_states, diag);
    }
    if (e == OK) {
        e = look_held(out, diag);
        if (e != OK) {
            diag_set(diag, "too many folders, or a path too long");
        }
    }
    if (e == OK && policy->workspace != NULL) {
        mem_free(out->cwd);
        out->cwd = mem_strdup(out->workspace.path);
    }
    return e;
}

static void free_paths(struct site_path *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(paths[i].path);
    }
}

void site_fini(struct site *s)
{
    free_paths(s->roots, s->n_roots);
    free_paths(s->held, s->n_held);
    free_paths(s->hidden, s->n_hidden);
    mem_free(s->workspace.path);
    mem_free(s->cwd);
    memset(s, 0, sizeof(*s));
}
