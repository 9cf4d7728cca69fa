#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "host/requirements.h"
#include "wire/toml.h"

/* The file is believed when nobody but root could have put it there: every folder on its
 * way, and itself, is root's and nobody else's to write; no link is followed. Where one
 * is missing there is no file. Anything else stops the start: who could make the file
 * unreadable must not get rid of it. */

#define READ_STEP  4096u
#define CODEX_PATH "/etc/codex/requirements.toml"

static bool is_roots(int fd, mode_t kind)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind && st.st_uid == 0 &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static enum err doubt(const char *path, const char *why, struct diag *diag)
{
    diag_set(diag, "%s %s: check with your administrator", path, why);
    return ERR_DENIED;
}

struct walk {
    const char *path;
    int at;
    bool is_safe; // so far
    struct diag *diag;
};

/* One step down; ERR_NOT_FOUND: the way ends here. */
static enum err step(struct walk *w, const char *name, int flags)
{
    const int fd = openat(w->at, name, O_CLOEXEC | O_NOFOLLOW | flags);
    const int failed = errno;
    (void)close(w->at);
    w->at = fd;
    if (fd >= 0) {
        return OK;
    }
    if (failed == ENOENT) {
        return ERR_NOT_FOUND;
    }
    return doubt(w->path,
                 failed == ELOOP || failed == ENOTDIR
                     ? "is behind a link, or something that is no folder"
                     : "cannot be read",
                 w->diag);
}

/* *out is the open file. */
static enum err open_file(const char *path, int *out, struct diag *diag)
{
    struct walk w = {.path = path, .is_safe = true, .diag = diag};
    const char *from = path + 1;
    const char *slash;
    enum err e = OK;
    w.at = open("/", O_DIRECTORY | O_CLOEXEC | O_RDONLY);
    while (e == OK && (slash = strchr(from, '/')) != NULL) {
        char name[256];
        w.is_safe = w.is_safe && is_roots(w.at, S_IFDIR);
        e = text_format(name, sizeof(name), "%.*s", (int)(slash - from), from);
        e = e == OK ? step(&w, name, O_DIRECTORY | O_RDONLY) : e;
        from = slash + 1;
    }
    w.is_safe = e == OK && w.is_safe && is_roots(w.at, S_IFDIR);
    e = e == OK ? step(&w, from, O_RDONLY | O_NONBLOCK) : e;
    if (e == OK && (!w.is_safe || !is_roots(w.at, S_IFREG))) {
        e = doubt(
            path,
            "or a folder on its way is not root's alone to write, so it cannot be "
            "believed",
            diag);
        (void)close(w.at);
    }
    if (e == OK) {
        *out = w.at;
    }
    return e;
}

static enum err read_fd(int fd, struct buf *out)
{
    for (;;) {
        uint8_t part[READ_STEP];
        const ssize_t n = read(fd, part, sizeof(part));
        if (n <= 0) {
            return n == 0 ? OK : ERR_IO;
        }
        const enum err e = buf_put(out, (struct bytes){part, (size_t)n});
        if (e != OK) {
            return e;
        }
    }
}

/* ERR_NOT_FOUND: there is none. */
static enum err read_file(const char *path, struct buf *out, struct stat *st,
                          struct diag *diag)
{
    int fd = -1;
    enum err e = open_file(path, &fd, diag);
    if (e != OK) {
        return e;
    }
    e = fstat(fd, st) == 0 ? read_fd(fd, out) : ERR_IO;
    (void)close(fd);
    return e == OK ? OK : doubt(path, "cannot be read", diag);
}

static enum err load_ours(struct requirements *out, struct diag *diag)
{
    struct buf text;
    struct stat st = {.st_ino = 0};
    buf_init(&text, TOML_MAX);
    enum err e = read_file(requirements_path, &text, &st, diag);
    if (e == OK) {
        e = requirements_read(requirements_path, buf_bytes(&text), out, diag);
    } else if (e == ERR_NOT_FOUND) {
        requirements_none(out);
        e = OK;
    }
    if (e == OK) {
        out->changed = st.st_mtim;
        out->inode = st.st_ino;
    }
    buf_fini(&text);
    return e;
}

/* What of Codex's file is not about remote control is Codex's own to obey. */
static enum err add_codex(struct requirements *out, struct diag *diag)
{
    struct buf text;
    struct stat st;
    json_t *root = NULL;
    buf_init(&text, TOML_MAX);
    enum err e = read_file(CODEX_PATH, &text, &st, diag);
    if (e == OK && toml_parse(buf_bytes(&text), &root, NULL) != OK) {
        e = doubt(CODEX_PATH, "cannot be understood", diag);
    }
    if (e == OK && !json_get_bool(root, "allow_remote_control", true) &&
        !out->no_remote) {
        out->no_remote = true;
        out->remote_source = CODEX_PATH;
    }
    json_decref(root);
    buf_fini(&text);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err requirements_load(struct requirements *out, struct diag *diag)
{
    struct requirements q;
    enum err e = load_ours(&q, diag);
    if (e != OK) {
        return e;
    }
    e = add_codex(&q, diag);
    if (e != OK) {
        requirements_fini(&q);
        return e;
    }
    *out = q;
    return OK;
}

bool requirements_are_stale(const struct requirements *r)
{
    struct stat st;
    if (lstat(requirements_path, &st) != 0) {
        return r->exists || (errno != ENOENT && errno != ENOTDIR);
    }
    return !r->exists || st.st_ino != r->inode ||
           st.st_mtim.tv_sec != r->changed.tv_sec ||
           st.st_mtim.tv_nsec != r->changed.tv_nsec;
}
