#include "host/folder.h"

#include <string.h>

#include "base/mem.h"

#define PATH_OCTETS_MAX 4096 // PATH_MAX of Linux: no longer path exists

void folders_init(struct folders *f, const char *home)
{
    *f = (struct folders){.home = mem_strdup(home)};
}

void folders_fini(struct folders *f)
{
    for (size_t i = 0; i < f->count; i++) {
        mem_free(f->at[i].path);
    }
    mem_free(f->home);
    *f = (struct folders){.count = 0};
}

static bool path_is_plain(const char *path)
{
    if (path[0] != '/' || strlen(path) > PATH_OCTETS_MAX) {
        return false;
    }
    for (const char *at = path; at != NULL; at = strchr(at + 1, '/')) {
        const size_t len = strcspn(at + 1, "/");
        if ((len == 1 && at[1] == '.') || (len == 2 && at[1] == '.' && at[2] == '.')) {
            return false;
        }
    }
    return true;
}

static size_t folders_find(const struct folders *f, const char *path)
{
    size_t i = 0;
    while (i < f->count && strcmp(f->at[i].path, path) != 0) {
        i++;
    }
    return i;
}

void folders_learn(struct folders *f, const char *path, int64_t used_at)
{
    if (path == NULL || !path_is_plain(path)) {
        return;
    }
    size_t at = folders_find(f, path);
    struct folder found = {.used_at = used_at};
    if (at < f->count) {
        found = f->at[at];
        found.used_at = used_at > found.used_at ? used_at : found.used_at;
    } else {
        if (f->count == FOLDERS_MAX) {
            mem_free(f->at[--f->count].path);
        }
        at = f->count++;
        found.path = mem_strdup(path);
    }
    size_t to = at; // insertion sort: newest first
    while (to > 0 && f->at[to - 1].used_at < found.used_at) {
        f->at[to] = f->at[to - 1];
        to--;
    }
    f->at[to] = found;
}

static bool is_or_below(const char *path, const char *folder)
{
    const size_t len = strlen(folder);
    if (len == 0 || strncmp(path, folder, len) != 0) {
        return false;
    }
    return path[len] == '\0' || path[len] == '/' || folder[len - 1] == '/';
}

bool folders_allow(const struct folders *f, const char *path)
{
    if (!path_is_plain(path)) {
        return false;
    }
    if (is_or_below(path, f->home)) {
        return true;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (is_or_below(path, f->at[i].path)) {
            return true;
        }
    }
    return false;
}

json_t *folders_json(const struct folders *f)
{
    json_t *data = json_array();
    for (size_t i = 0; i < f->count; i++) {
        json_t *row = json_object();
        json_set_str(row, "path", f->at[i].path);
        json_set_int(row, "lastUsedAt", f->at[i].used_at);
        json_push(data, row);
    }
    json_t *out = json_object();
    json_set_str(out, "default", f->home);
    json_set(out, "data", data);
    return out;
}
