#include "host/trust.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define NS_PER_S UINT64_C(1000000000)

enum err trust_identify(const char *path, struct store_trust *out)
{
    char real[PATH_MAX];
    struct statx st;
    struct store_trust row = {.born_ns = 0};
    // a name with a link in it may lead elsewhere tomorrow
    if (path[0] != '/' || realpath(path, real) == NULL || strcmp(path, real) != 0 ||
        text_format(row.path, sizeof(row.path), "%s", path) != OK) {
        return ERR_NOT_FOUND;
    }
    const int fd = open(path, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return ERR_NOT_FOUND;
    }
    const int failed = statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st);
    (void)close(fd);
    if (failed != 0) {
        return ERR_NOT_FOUND;
    }
    row.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
    row.inode = st.stx_ino;
    if ((st.stx_mask & STATX_BTIME) != 0) {
        row.born_ns = (uint64_t)st.stx_btime.tv_sec * NS_PER_S + st.stx_btime.tv_nsec;
    }
    *out = row;
    return OK;
}

enum trust_state trust_of(struct store *s, const char *path)
{
    struct store_trust now;
    struct store_trust then;
    if (trust_identify(path, &now) != OK || store_trust_get(s, path, &then) != OK ||
        now.device != then.device || now.inode != then.inode ||
        now.born_ns != then.born_ns) {
        return TRUST_UNASKED;
    }
    return then.trusted ? TRUST_GIVEN : TRUST_DECLINED;
}

bool trust_look(const char *home, const char *path)
{
    char file[PATH_MAX];
    struct store *store = NULL;
    if (text_format(file, sizeof(file), "%s/state.db", home) != OK ||
        access(file, F_OK) != 0 || store_open(file, &store, NULL) != OK) {
        return false;
    }
    const bool given = trust_of(store, path) == TRUST_GIVEN;
    store_close(store);
    return given;
}

bool trust_matters(const char *path)
{
    static const char *const names[] = {".farhand", ".codex"};
    char file[PATH_MAX];
    for (size_t i = 0; i < 2; i++) {
        if (text_format(file, sizeof(file), "%s/%s", path, names[i]) == OK &&
            access(file, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

const char *trust_state_name(enum trust_state state)
{
    static const char *const names[] = {
        [TRUST_UNASKED] = "unasked",
        [TRUST_GIVEN] = "trusted",
        [TRUST_DECLINED] = "declined",
    };
    return names[state];
}
