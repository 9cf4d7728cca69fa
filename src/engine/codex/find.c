#include "engine/codex/find.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* One folder of the PATH; an empty one would mean "here", which nobody wants. */
static bool try_folder(const char *dir, size_t len, const char *name,
                       char out[PATH_MAX])
{
    return len > 0 && dir[0] == '/' &&
           text_format(out, PATH_MAX, "%.*s/%s", (int)len, dir, name) == OK &&
           is_program(out);
}

static bool search(const char *path, const char *name, char out[PATH_MAX])
{
    while (path != NULL && *path != '\0') {
        const size_t len = strcspn(path, ":");
        if (try_folder(path, len, name, out)) {
            return true;
        }
        path += len + (path[len] == ':' ? 1 : 0);
    }
    return false;
}

enum err find_codex(const struct find_options *o, struct diag *diag, char out[PATH_MAX])
{
    char found[PATH_MAX];
    const char *name = o->asked != NULL ? o->asked : "codex";
    const bool is_path = strchr(name, '/') != NULL;
    const bool there = is_path ? text_format(found, sizeof(found), "%s", name) == OK &&
                                     is_program(found)
                               : search(o->search_path, name, found);
    if (there) {
        memcpy(out, found, strlen(found) + 1);
        return OK;
    }
    if (o->asked == NULL && o->last_resort != NULL && is_program(o->last_resort)) {
        return text_format(out, PATH_MAX, "%s", o->last_resort);
    }
    if (is_path) {
        diag_set(diag, "there is no program %s: name the codex to use with --codex",
                 name);
    } else {
        diag_set(
            diag,
            "codex is not installed: npm install -g @openai/codex, or name it with "
            "--codex");
    }
    return ERR_NOT_FOUND;
}
