#include <string.h>

#include "policy/reader_priv.h"

/* One part of a path after those in `out`; false: there is no room. */
static bool add_part(const char *part, size_t n, char *out, size_t size)
{
    size_t len = strlen(out);
    if (n == 2 && memcmp(part, "..", 2) == 0) {
        const char *slash = strrchr(out, '/');
        len = slash == NULL ? 0 : (size_t)(slash - out);
    } else if (n != 0 && !(n == 1 && *part == '.')) {
        if (len + n + 2 > size) {
            return false;
        }
        out[len++] = '/';
        memcpy(out + len, part, n);
        len += n;
    }
    out[len] = '\0';
    return true;
}

bool path_absolute(const char *from, const char *path, char *out, size_t size)
{
    out[0] = '\0';
    const char *parts[2] = {path[0] == '/' ? "" : from, path};
    for (size_t i = 0; i < 2; i++) {
        for (const char *p = parts[i]; *p != '\0';) {
            p += strspn(p, "/");
            const size_t n = strcspn(p, "/");
            if (!add_part(p, n, out, size)) {
                return false;
            }
            p += n;
        }
    }
    return true;
}

static bool is_within(const struct reader_place *place, const char *path)
{
    for (const char *const *root = place->roots; *root != NULL; root++) {
        const size_t len = strlen(*root);
        if (len > 1 && strncmp(path, *root, len) == 0 &&
            (path[len] == '/' || path[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Wildcards in the last part only, and none that could become `..` . */
static bool pattern_is_tame(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash == NULL ? path : slash + 1;
    const size_t folders = (size_t)(last - path);
    if (folders != 0 && strcspn(path, "*?[") < folders) {
        return false;
    }
    return last[0] != '.' && last[0] != '[';
}

/* The kernel follows a link before it goes up from it; text does not. */
bool path_goes_up(const char *path)
{
    for (const char *p = path; *p != '\0'; p += *p == '/' ? 1 : 0) {
        const size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", 2) == 0) {
            return true;
        }
        p += n;
    }
    return false;
}

bool place_has(const struct reader_place *place, const struct shell_word *word)
{
    const bool pattern = (word->flags & WORD_GLOB) != 0;
    if ((word->flags & (WORD_UNSURE & ~WORD_GLOB)) != 0 || word->len == 0 ||
        strlen(word->text) != word->len || path_goes_up(word->text) ||
        (pattern && (word->flags & WORD_QUOTED) != 0) ||
        (pattern && !pattern_is_tame(word->text)) ||
        (place->lost && word->text[0] != '/')) {
        return false;
    }
    for (unsigned i = 0; i < place->n_places; i++) {
        char path[PATH_TEXT_MAX];
        if (!path_absolute(place->places[i], word->text, path, sizeof(path)) ||
            !is_within(place, path) ||
            (place->inside != NULL && !place->inside(place->user, path, pattern))) {
            return false;
        }
    }
    return true;
}

/* `ls` alone reads where it is. */
bool place_is_home(const struct reader_place *place)
{
    static const struct shell_word here = {".", 1, 0};
    return place_has(place, &here);
}

static bool place_is_known(const struct reader_place *place, const char *path)
{
    for (unsigned i = 0; i < place->n_places; i++) {
        if (strcmp(place->places[i], path) == 0) {
            return true;
        }
    }
    return false;
}

/* From now on the script may be where it was or there. */
bool place_enter(struct reader_place *place, const struct shell_word *word)
{
    const unsigned n = place->n_places;
    if ((word->flags & WORD_UNSURE) != 0 || !place_has(place, word)) {
        place->lost = true;
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        char path[PATH_TEXT_MAX];
        if (!path_absolute(place->places[i], word->text, path, sizeof(path)) ||
            (!place_is_known(place, path) && place->n_places == PLACES_MAX)) {
            place->lost = true;
            return false;
        }
        if (!place_is_known(place, path)) {
            memcpy(place->places[place->n_places++], path, strlen(path) + 1);
        }
    }
    return true;
}

bool reader_may_read(const struct reader_place *place, const struct shell_word *path)
{
    if ((path->flags & WORD_UNSURE) == 0 && strcmp(path->text, "/dev/null") == 0) {
        return true;
    }
    return (path->flags & WORD_GLOB) == 0 && place_has(place, path);
}

const char *program_name(const struct shell_word *word)
{
    static const char *const folders[] = {"/bin/", "/usr/bin/", "/usr/local/bin/"};
    if ((word->flags & WORD_UNSURE) != 0 || strlen(word->text) != word->len) {
        return NULL;
    }
    const char *name = word->text;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        const size_t len = strlen(folders[i]);
        if (strncmp(word->text, folders[i], len) == 0) {
            name = word->text + len;
        }
    }
    return strchr(name, '/') == NULL && name[0] != '\0' ? name : NULL;
}
