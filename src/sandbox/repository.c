#include "sandbox/repository.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "sandbox/git_config.h"
#include "sandbox/plan.h"

#define GIT_FILE_MAX (256u * 1024u) // a config larger than this is no config

struct look {
    struct site *site;
    struct diag *diag;
    const char *home; // NULL: none
    char top[PATH_MAX];
    char git[PATH_MAX];
    char real[PATH_MAX];    // where the last name led to; "" when nowhere
    struct git_entry entry; // the last one read
};

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

static bool is_a_root(const struct site *s, const char *path)
{
    for (size_t i = 0; i < s->n_roots; i++) {
        if (strcmp(path, s->roots[i].path) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_kind(const char *path, mode_t kind)
{
    struct stat st;
    return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

/* ---- a name in a file of the repository ---------------------------------------------------- */

/* "~/x", "/x", or "x" seen from `base`. */
static enum err absolute(const struct look *l, const char *base, const char *name,
                         char out[PATH_MAX])
{
    if (name[0] == '~' && name[1] == '/' && l->home != NULL) {
        return text_format(out, PATH_MAX, "%s/%s", l->home, name + 2);
    }
    return text_format(out, PATH_MAX, "%s%s%s", name[0] == '/' ? "" : base,
                       name[0] == '/' ? "" : "/", name);
}

/* A link on the way could be replaced by one that leads elsewhere: it must be held too,
 * and a link cannot be. The plan says so. */
static enum err hold_links(struct look *l, const char *path)
{
    char part[PATH_MAX];
    enum err e = OK;
    for (const char *at = strchr(path + 1, '/'); at != NULL && e == OK;
         at = strchr(at + 1, '/')) {
        if (text_format(part, sizeof(part), "%.*s", (int)(at - path), path) != OK) {
            return ERR_LIMIT;
        }
        if (below_a_root(l->site, part) && is_kind(part, S_IFLNK)) {
            e = site_hold(l->site, part);
        }
    }
    return e;
}

/* Holds what is named where it lies below a writable folder; l->real says where it is. */
static enum err hold_named(struct look *l, const char *base, const char *name)
{
    char path[PATH_MAX];
    l->real[0] = '\0';
    if (absolute(l, base, name, path) != OK || path[0] != '/') {
        return OK; // leads nowhere: nothing to hold
    }
    enum err e = site_resolve(path, l->real);
    if (e != OK) {
        diag_set(l->diag, "git looks for '%s', which cannot be held in its place",
                 name);
        return ERR_DENIED;
    }
    e = hold_links(l, path);
    if (e == OK && is_a_root(l->site, l->real)) {
        diag_set(
            l->diag,
            "git takes '%s', which is the writable folder itself, for its own (%s): "
            "it cannot be held",
            l->real, name);
        return ERR_DENIED;
    }
    if (e == OK && below_a_root(l->site, l->real)) {
        e = site_hold(l->site, l->real);
    }
    return e;
}

static bool read_text(const char *path, struct buf *out)
{
    char real[PATH_MAX]; // git follows links here
    buf_clear(out);
    return realpath(path, real) != NULL && file_read(real, out) == OK;
}

/* ---- configuration --------------------------------------------------------------------------- */

static enum err hold_config(struct look *l, const char *path, int depth);

static enum err hold_entry(struct look *l, const char *config, int depth)
{
    const struct git_entry *entry = &l->entry;
    if (strcmp(entry->section, "core") == 0 && strcmp(entry->key, "hookspath") == 0) {
        return hold_named(l, l->top, entry->value);
    }
    const bool includes = strcmp(entry->section, "include") == 0 ||
                          strcmp(entry->section, "includeif") == 0;
    if (!includes || strcmp(entry->key, "path") != 0 || depth == INCLUDE_DEPTH) {
        return OK;
    }
    char base[PATH_MAX];
    char next[PATH_MAX];
    const char *slash = strrchr(config, '/');
    if (text_format(base, sizeof(base), "%.*s", (int)(slash - config), config) != OK ||
        absolute(l, base, entry->value, next) != OK) {
        return OK;
    }
    const enum err e = hold_named(l, base, entry->value);
    return e == OK ? hold_config(l, next, depth + 1) : e;
}

static enum err hold_config(struct look *l, const char *path, int depth)
{
    struct buf text;
    struct git_config config;
    enum err e = OK;
    buf_init(&text, GIT_FILE_MAX);
    if (read_text(path, &text)) {
        git_config_init(&config, buf_bytes(&text));
        while (e == OK && git_config_next(&config, &l->entry)) {
            e = hold_entry(l, path, depth);
        }
    }
    buf_fini(&text);
    return e;
}

static enum err hold_config_of(struct look *l, const char *folder, const char *name,
                               bool ours)
{
    char path[PATH_MAX];
    if (folder == NULL ||
        text_format(path, sizeof(path), "%s/%s", folder, name) != OK) {
        return OK;
    }
    /* The user's own file may lie in a writable home; that of .git is held with it. */
    const enum err e =
        ours || !is_kind(path, S_IFREG) ? OK : hold_named(l, folder, name);
    return e == OK ? hold_config(l, path, 0) : e;
}

static enum err hold_configs(struct look *l)
{
    const struct {
        const char *folder;
        const char *name;
        bool ours;
    } files[] = {
        {l->git, "config", true},
        {l->git, "config.worktree", true},
        {l->home, ".gitconfig", false},
        {getenv("XDG_CONFIG_HOME"), "git/config", false},
        {l->home, ".config/git/config", false},
        {"/etc", "gitconfig", false},
    };
    enum err e = OK;
    for (size_t i = 0; i < COUNT(files) && e == OK; i++) {
        e = hold_config_of(l, files[i].folder, files[i].name, files[i].ours);
    }
    return e;
}

/* ---- the repository ---------------------------------------------------------------------------- */

/* The git folder of a `.git` file; OK with `out` unchanged when it is no such file. */
static enum err follow_file(struct look *l, const char *file, const char *base,
                            char out[PATH_MAX])
{
    struct buf text;
    struct bytes part;
    char name[PATH_MAX];
    enum err e = OK;
    buf_init(&text, GIT_FILE_MAX);
    if (read_text(file, &text) && git_dir_of_file(buf_bytes(&text), &part) &&
        text_format(name, sizeof(name), "%.*s", (int)part.len, (const char *)part.at) ==
            OK) {
        e = hold_named(l, base, name);
        if (e == OK && l->real[0] != '\0') {
            e = text_format(out, PATH_MAX, "%s", l->real);
        }
    }
    buf_fini(&text);
    return e;
}

/* A worktree's git folder names the one that it shares. */
static enum err follow_common(struct look *l)
{
    char path[PATH_MAX];
    struct buf text;
    enum err e = OK;
    buf_init(&text, PATH_MAX);
    if (text_format(path, sizeof(path), "%s/commondir", l->git) == OK &&
        read_text(path, &text) && buf_bytes(&text).len > 0) {
        char name[PATH_MAX];
        const struct bytes line = buf_bytes(&text);
        const size_t len = line.at[line.len - 1] == '\n' ? line.len - 1 : line.len;
        e = text_format(name, sizeof(name), "%.*s", (int)len, (const char *)line.at);
        /* What a worktree has of its own, before the shared one takes its place. */
        e = e == OK ? hold_config_of(l, l->git, "config.worktree", true) : e;
        e = e == OK ? hold_named(l, l->git, name) : e;
        if (e == OK && l->real[0] != '\0') {
            e = text_format(l->git, PATH_MAX, "%s", l->real);
        }
    }
    buf_fini(&text);
    return e;
}

/* git goes into each submodule that the index knows: its .git must stay what it is. */
static enum err hold_submodules(struct look *l)
{
    char path[PATH_MAX];
    struct buf text;
    struct git_config config;
    enum err e = OK;
    buf_init(&text, GIT_FILE_MAX);
    if (text_format(path, sizeof(path), "%s/.gitmodules", l->top) == OK &&
        read_text(path, &text)) {
        git_config_init(&config, buf_bytes(&text));
        while (e == OK && git_config_next(&config, &l->entry)) {
            if (strcmp(l->entry.section, "submodule") == 0 &&
                strcmp(l->entry.key, "path") == 0 &&
                text_format(path, sizeof(path), "%s/.git", l->entry.value) == OK) {
                e = hold_named(l, l->top, path);
            }
        }
    }
    buf_fini(&text);
    return e;
}

/* The nearest folder, upwards, that has a .git. */
static bool find_top(struct look *l, const char *root)
{
    if (text_format(l->top, sizeof(l->top), "%s", root) != OK) {
        return false;
    }
    for (;;) {
        if (text_format(l->git, sizeof(l->git), "%s/.git", l->top) != OK) {
            return false;
        }
        if (is_kind(l->git, S_IFDIR) || is_kind(l->git, S_IFREG)) {
            return true;
        }
        char *slash = strrchr(l->top, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
    }
}

enum err repository_hold(struct site *s, const char *root, struct diag *diag)
{
    struct look *l = mem_new(sizeof(*l));
    enum err e = OK;
    l->site = s;
    l->diag = diag;
    l->home = getenv("HOME");
    if (find_top(l, strcmp(root, "/") == 0 ? "" : root)) {
        if (is_kind(l->git, S_IFREG)) {
            char file[PATH_MAX];
            memcpy(file, l->git, sizeof(file));
            e = follow_file(l, file, l->top, l->git);
            e = e == OK ? follow_common(l) : e;
        }
        e = e == OK ? hold_configs(l) : e;
        e = e == OK ? hold_submodules(l) : e;
    }
    mem_free(l);
    return e;
}
