#include "sandbox/denial.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sandbox/explain.h"

void denial_log_fini(struct denial_log *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->rows[i].what);
    }
    memset(l, 0, sizeof(*l));
}

void denial_add(struct denial_log *l, const char *call, const char *what,
                const char *why)
{
    for (size_t i = 0; i < l->n; i++) {
        struct denial *row = &l->rows[i];
        if (strcmp(row->call, call) == 0 && strcmp(row->what, what) == 0) {
            row->times++;
            return;
        }
    }
    if (l->n == DENIAL_ROWS_MAX) {
        l->more++;
        return;
    }
    l->rows[l->n++] =
        (struct denial){.call = call, .why = why, .what = mem_strdup(what), .times = 1};
}

const char *denial_judge(const struct plan *p, const char *path)
{
    switch (plan_access_at(p, path)) {
    case PLAN_READ:
        return path_is_below(path, "/proc") || path_is_below(path, "/sys")
                   ? "belongs to the kernel"
                   : "outside what is writable";
    case PLAN_PROTECT:
        return "stays read-only inside the workspace";
    case PLAN_HIDE:
        return "not visible to a sandboxed command";
    case PLAN_DEVICE:
    case PLAN_SCRATCH:
    case PLAN_WRITE:
    case PLAN_PIN:
        break;
    }
    return NULL;
}

/* Appends the parts of `path` to out[0..*len], eating one part for each "..". */
static bool append(char *out, size_t size, size_t *len, const char *path)
{
    while (*path != '\0') {
        path += strspn(path, "/");
        const size_t part = strcspn(path, "/");
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            while (*len > 0 && out[--*len] != '/') {
            }
        } else if (part > 0 && !(part == 1 && *path == '.')) {
            if (*len + part + 2 > size) {
                return false;
            }
            out[(*len)++] = '/';
            memcpy(out + *len, path, part);
            *len += part;
        }
        path += part;
    }
    return true;
}

enum err denial_path(const char *folder, const char *path, char *out, size_t size)
{
    size_t len = 0;
    if (size < 2 || (path[0] != '/' && !append(out, size, &len, folder)) ||
        !append(out, size, &len, path)) {
        return ERR_LIMIT;
    }
    if (len == 0) {
        out[len++] = '/';
    }
    out[len] = '\0';
    return OK;
}

static enum err json_row(const struct denial *row, struct buf *out)
{
    enum err e = buf_putf(out, "{\"call\":\"%s\",\"what\":", row->call);
    e = e == OK ? explain_json_string(out, row->what) : e;
    e = e == OK ? buf_put_str(out, ",\"why\":") : e;
    e = e == OK ? explain_json_string(out, row->why) : e;
    return e == OK ? buf_putf(out, ",\"times\":%" PRIu64 "}", row->times) : e;
}

enum err denial_json(const struct denial_log *l, struct buf *out)
{
    enum err e = buf_put_u8(out, '[');
    for (size_t i = 0; i < l->n && e == OK; i++) {
        e = i == 0 ? OK : buf_put_u8(out, ',');
        e = e == OK ? json_row(&l->rows[i], out) : e;
    }
    return e == OK ? buf_put_u8(out, ']') : e;
}
