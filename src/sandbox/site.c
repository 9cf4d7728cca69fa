#include "sandbox/site.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/git_config.h"
#include "sandbox/plan.h"

#define GIT_FILE_MAX (64u * 1024u) // a config larger than this is no config

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

/* The real path, also of what does not exist: then of the nearest folder that does. */
static enum err resolve(const char *path, char out[PATH_MAX])
{
    char *real = realpath(path, out);
    if (real != NULL) {
        return OK;
    }
    char *copy = mem_strdup(path);
    char *slash = strrchr(copy, '/');
    enum err e = ERR_NOT_FOUND;
    if (slash != NULL && slash != copy && slash[1] != '\0' &&
        strcmp(slash, "/..") != 0) {
        char above[PATH_MAX];
        *slash = '\0';
        e = resolve(copy, above);
        if (e == OK) {
            e = text_format(out, PATH_MAX, "%s/%s",
                            strcmp(above, "/") == 0 ? "" : above, slash + 1);
        }
    }
    mem_free(copy);
    return e;
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

static enum err hold(struct site *s, const char *path)
{
    if (s->n_held == SITE_PATHS_MAX) {
        return ERR_LIMIT;
    }
    note(&s->held[s->n_held++], path);
    return OK;
}

static bool below_a_root(const struct site *s, const char *path)
{
    for (size_t i = 0; i < s->n_roots; i++) {
        if (path_is_below(path, s->roots[i].path) &&
            strcmp(path, s->roots[i].path) != 0) {
            return true;
        }
    }
    return false;
}

/* A path written in a file of the repository, seen from `base`; held when it lies below a
 * writable folder. */
static enum err hold_named(struct site *s, const char *base, struct bytes name,
                           char *real)
{
    char path[PATH_MAX];
    const bool absolute = name.len > 0 && name.at[0] == '/';
    if (text_format(path, sizeof(path), "%s%s%.*s", absolute ? "" : base,
                    absolute ? "" : "/", (int)name.len, (const char *)name.at) != OK ||
        resolve(path, real) != OK) {
        real[0] = '\0';
        return OK; // leads nowhere: nothing to hold
    }
    return below_a_root(s, real) ? hold(s, real) : OK;
}

static bool read_small(const char *folder, const char *name, struct buf *out)
{
    char path[PATH_MAX];
    buf_clear(out);
    return text_format(path, sizeof(path), "%s/%s", folder, name) == OK &&
           file_read(path, out) == OK;
}

/* .git may be a file that names the real folder; hooks may be anywhere. */
static enum err hold_repository(struct site *s, const char *root)
{
    char git[PATH_MAX];
    char named[PATH_MAX];
    struct buf text;
    struct bytes part;
    enum err e = text_format(git, sizeof(git), "%s/.git", root);
    buf_init(&text, GIT_FILE_MAX);
    if (e == OK && read_small(root, ".git", &text) &&
        git_dir_of_file(buf_bytes(&text), &part)) {
        e = hold_named(s, root, part, named);
        if (e == OK && named[0] != '\0') {
            e = text_format(git, sizeof(git), "%s", named);
        }
        if (e == OK && read_small(git, "commondir", &text)) {
            part = buf_bytes(&text);
            while (part.len > 0 && part.at[part.len - 1] == '\n') {
                part.len--;
            }
            e = hold_named(s, git, part, named);
            if (e == OK && named[0] != '\0') {
                e = text_format(git, sizeof(git), "%s", named);
            }
        }
    }
    if (e == OK && read_small(git, "config", &text) &&
        git_hooks_path(buf_bytes(&text), &part)) {
        e = hold_named(s, root, part, named);
    }
    buf_fini(&text);
    return e;
}

static enum err look_held(struct site *s)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < s->n_roots; i++) {
        const char *root = strcmp(s->roots[i].path, "/") == 0 ? "" : s->roots[i].path;
        for (size_t k = 0; k < plan_n_protected_names; k++) {
            enum err e =
                text_format(path, sizeof(path), "%s/%s", root, plan_protected_names[k]);
            if (e == OK) {
                e = hold(s, path);
            }
            if (e != OK) {
                return e;
            }
        }
        const enum err e = hold_repository(s, root);
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
        if (resolve(states[i], real) == OK) {
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
        e = look_held(out);
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
