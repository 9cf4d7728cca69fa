#include "sandbox/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* The parent in /proc/PID/stat: the second number behind the last ')'. */
static pid_t parent_of(const char *pid)
{
    char path[64];
    char text[512];
    if (text_format(path, sizeof(path), "/proc/%s/stat", pid) != OK) {
        return 0;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    uint64_t parent = 0;
    if (at == NULL || strlen(at) < 5) {
        return 0;
    }
    at += 4; // ") S "
    return u64_parse((struct bytes){(const uint8_t *)at, strcspn(at, " ")}, INT32_MAX,
                     &parent) == OK
               ? (pid_t)parent
               : 0;
}

static void kill_children(void)
{
    DIR *proc = opendir("/proc");
    if (proc == NULL) {
        return;
    }
    const pid_t me = getpid();
    for (struct dirent *d = readdir(proc); d != NULL; d = readdir(proc)) {
        uint64_t pid = 0;
        if (u64_parse(bytes_from_str(d->d_name), INT32_MAX, &pid) == OK && pid > 1 &&
            parent_of(d->d_name) == me) {
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
    (void)closedir(proc);
}

void orphans_end(void)
{
    const uint64_t until = clock_mono_ms() + ORPHANS_MS;
    while (clock_mono_ms() < until) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0) {
            return; // no child is left
        }
        if (pid == 0) {
            kill_children();
            (void)waitpid(-1, NULL, 0); // one of them ends now
        }
    }
}
