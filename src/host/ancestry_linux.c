#include "host/ancestry.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

/* proc(5), /proc/PID/stat: "pid (name) state ppid …"; the name may hold anything, so
 * the last parenthesis counts. 0: no such process. */
static pid_t parent_of(pid_t pid)
{
    char path[64];
    char text[512];
    uint64_t parent = 0;
    if (text_format(path, sizeof(path), "/proc/%d/stat", (int)pid) != OK) {
        return 0;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    const ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len <= 0) {
        return 0;
    }
    text[len] = '\0';
    const char *at = strrchr(text, ')');
    if (at == NULL || strlen(at) < 5) {
        return 0;
    }
    at += 4; // ") S "
    const struct bytes digits = {(const uint8_t *)at, strcspn(at, " ")};
    return u64_parse(digits, INT32_MAX, &parent) == OK ? (pid_t)parent : 0;
}

bool ancestry_is_below(pid_t pid, pid_t ancestor)
{
    for (int step = 0; ancestor > 1 && pid > 1 && step < ANCESTRY_MAX; step++) {
        if (pid == ancestor) {
            return true;
        }
        pid = parent_of(pid);
    }
    return false;
}
