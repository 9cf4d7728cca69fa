#include "host/surroundings.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"

#define GIT_CONFIG_MAX (64u * 1024)
#define GIT_INDEX_MAX  (32u * 1024 * 1024)

/* ---- variables ---------------------------------------------------------------------- */

/* The shell, the loader or a reader obeys them. */
static const char *const commanding[] = {
    "BASH_ENV",
    "BASHOPTS",
    "ENV",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DIR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PAGER",
    "GIT_WORK_TREE",
    "GREP_OPTIONS",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "RIPGREP_CONFIG_PATH",
    "SHELLOPTS",
    NULL,
};

static bool is_commanding(const char *variable)
{
    const size_t len = strcspn(variable, "=");
    if (variable[len] == '\0' || variable[len + 1] == '\0') {
        return false; // empty: nothing to obey
    }
    if (strncmp(variable, "BASH_FUNC_", strlen("BASH_FUNC_")) == 0) {
        return true; // a function under the name of a program
    }
    for (const char *const *name = commanding; *name != NULL; name++) {
        if (strlen(*name) == len && strncmp(variable, *name, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_below(const char *path, const char *root)
{
    const size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Every folder of it is the system's or the user's, never the workspace's. */
static bool path_is_outside(const char *path, const char *root)
{
    char folder[PATH_MAX];
    char real[PATH_MAX];
    for (;;) {
        const size_t len = strcspn(path, ":");
        if (len == 0 || path[0] != '/' || len >= sizeof(folder)) {
            return false; // it is wherever the command runs
        }
        memcpy(folder, path, len);
        folder[len] = '\0';
        if (is_below(folder, root) ||
            (realpath(folder, real) != NULL && is_below(real, root))) {
            return false;
        }
        if (path[len] == '\0') {
            return true;
        }
        path += len + 1;
    }
}

const char *surroundings_of_programs(const char *const *environ_, const char *root)
{
    for (; *environ_ != NULL; environ_++) {
        if (is_commanding(*environ_)) {
            return "a variable of the host changes what programs do";
        }
        if (strncmp(*environ_, "PATH=", 5) == 0 &&
            !path_is_outside(*environ_ + 5, root)) {
            return "programs are looked for in the workspace (PATH)";
        }
    }
    return NULL;
}

/* ---- git ------------------------------------------------------------------------------ */

/* Keys and sections that name a program, or another file. */
static const char *const running[] = {
    "fsmonitor",      "textconv",   "command",      "external",   "pager", "[include",
    "hookspath",      "sshcommand", "[filter",      "worktree",   "gpg",   "program",
    "attributesfile", "promisor",   "partialclone", "uploadpack", NULL};

static bool config_runs(const char *text)
{
    for (const char *const *word = running; *word != NULL; word++) {
        if (strcasestr(text, *word) != NULL) {
            return true;
        }
    }
    return false;
}

static const char *look_at_config(const char *root)
{
    char path[PATH_MAX];
    struct buf text;
    const char *plain = NULL;
    buf_init(&text, GIT_CONFIG_MAX);
    enum err e = text_format(path, sizeof(path), "%s/.git/config", root);
    e = e == OK ? file_read(path, &text) : e;
    const bool bad =
        (e != OK && e != ERR_NOT_FOUND) ||
        (e == OK && (memchr(buf_bytes(&text).at, '\0', buf_bytes(&text).len) != NULL ||
                     buf_cstr(&text, &plain) != OK || config_runs(plain)));
    buf_fini(&text);
    return bad ? "the repository's configuration may name a program" : NULL;
}

/* git goes into the repositories that the index links, and obeys their configuration,
 * which lies in the workspace. 0160000, as an index holds it. */
static const char *look_at_index(const char *root)
{
    static const uint8_t link_mode[] = {0, 0, 0xe0, 0};
    char path[PATH_MAX];
    struct buf octets;
    buf_init(&octets, GIT_INDEX_MAX);
    enum err e = text_format(path, sizeof(path), "%s/.git/index", root);
    e = e == OK ? file_read(path, &octets) : e;
    const struct bytes all = buf_bytes(&octets);
    const bool bad =
        (e != OK && e != ERR_NOT_FOUND) ||
        (all.len != 0 && memmem(all.at, all.len, link_mode, sizeof(link_mode)) != NULL);
    buf_fini(&octets);
    return bad ? "the repository has others within it" : NULL;
}

/* Without all three git passes over `.git`, and may take the folder around it for a bare
 * repository. */
static bool is_repository(const char *root)
{
    static const struct {
        const char *name;
        mode_t kind;
    } parts[] = {{"HEAD", S_IFREG}, {"objects", S_IFDIR}, {"refs", S_IFDIR}};
    char path[PATH_MAX];
    struct stat st;
    size_t i = 0;
    while (i < COUNT(parts) &&
           text_format(path, sizeof(path), "%s/.git/%s", root, parts[i].name) == OK &&
           lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == parts[i].kind) {
        i++;
    }
    return i == COUNT(parts);
}

const char *surroundings_of_git(const char *root)
{
    char path[PATH_MAX];
    struct stat st;
    if (text_format(path, sizeof(path), "%s/.git", root) != OK) {
        return "the name of the repository is too long";
    }
    if (lstat(path, &st) !=
        0) { // git would look above, or take the folder for a bare one
        return "the workspace is not the root of a repository";
    }
    if (!S_ISDIR(st.st_mode) || !is_repository(root)) {
        return "the repository lies elsewhere";
    }
    if (text_format(path, sizeof(path), "%s/.git/commondir", root) != OK ||
        lstat(path, &st) == 0) {
        return "the repository's configuration lies elsewhere";
    }
    const char *why = look_at_config(root);
    return why != NULL ? why : look_at_index(root);
}
