#include "host/inside.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

static bool is_below(const char *const *roots, const char *path)
{
    for (; *roots != NULL; roots++) {
        const size_t len = strlen(*roots);
        if (strncmp(path, *roots, len) == 0 &&
            (path[len] == '/' || path[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* A link whose target is missing leads wherever somebody makes it. */
static bool is_dangling(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* The nearest part of it that exists: what is missing has no links in it. */
static bool leads_inside(const char *const *roots, const char *path)
{
    char part[PATH_MAX];
    char real[PATH_MAX];
    if (text_format(part, sizeof(part), "%s", path) != OK) {
        return false;
    }
    while (realpath(part, real) == NULL) {
        char *slash = strrchr(part, '/');
        if ((errno != ENOENT && errno != ENOTDIR) || is_dangling(part) ||
            slash == NULL || slash == part) {
            return false;
        }
        *slash = '\0';
    }
    return is_below(roots, real);
}

static bool all_inside(const char *const *roots, const char *pattern)
{
    glob_t found;
    bool ok = true;
    const int code = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found);
    if (code == GLOB_NOMATCH) {
        return true;
    }
    if (code != 0) {
        return false;
    }
    ok = found.gl_pathc <= INSIDE_MATCHES_MAX;
    for (size_t i = 0; ok && i < found.gl_pathc; i++) {
        ok = leads_inside(roots, found.gl_pathv[i]);
    }
    globfree(&found);
    return ok;
}

bool inside_roots(void *roots, const char *path, bool pattern)
{
    return pattern ? all_inside(roots, path) : leads_inside(roots, path);
}
