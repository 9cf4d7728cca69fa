#include "sandbox/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum err scratch_make(char *out, size_t size)
{
    const char *named = getenv("TMPDIR"); // in a sandbox the only place there is
    const char *folder = named != NULL && named[0] == '/' ? named : "/tmp";
    const enum err e = text_format(out, size, "%s/farhand-sandbox-XXXXXX", folder);
    if (e != OK || mkdtemp(out) == NULL) {
        out[0] = '\0';
        return e != OK ? e : ERR_IO;
    }
    return OK;
}

static void empty(int folder, int depth)
{
    DIR *dir = fdopendir(folder);
    if (dir == NULL) {
        (void)close(folder);
        return;
    }
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
            unlinkat(dirfd(dir), d->d_name, 0) == 0) {
            continue;
        }
        const int below = openat(dirfd(dir), d->d_name,
                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0 && depth < SCRATCH_DEPTH) {
            empty(below, depth + 1);
        } else if (below >= 0) {
            (void)close(below);
        }
        (void)unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR);
    }
    (void)closedir(dir);
}

void scratch_remove(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        empty(fd, 0);
    }
    (void)rmdir(path);
}
