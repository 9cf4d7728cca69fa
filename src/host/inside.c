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

/* Wildcards stand in the last part only: in the folders before it they are names. */
static bool escape_folder(const char *pattern, char *out, size_t size)
{
    const char *last = strrchr(pattern, '/');
    size_t n = 0;
    for (const char *p = pattern; *p != '\0'; p++) {
        if (n + 3 > size) {
            return false;
        }
        if (p < last && strchr("*?[]\\", *p) != NULL) {
            out[n++] = '\\';
        }
        out[n++] = *p;
    }
    out[n] = '\0';
    return true;
}

static bool all_inside(const char *const *roots, const char *pattern)
{
    glob_t found;
    bool ok = true;
    char escaped[2 * PATH_MAX];
    if (!escape_folder(pattern, escaped, sizeof(escaped))) {
        return false;
    }
    const int code = glob(escaped, GLOB_NOSORT | GLOB_ERR, NULL, &found);
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
