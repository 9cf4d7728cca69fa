/*
 * The end of a process that is not our child, as Linux tells it (since 5.3).
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/loop_uv.h"

enum err pidfd_of(pid_t pid, int *out_fd)
{
    const long fd = syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return errno == ESRCH ? ERR_NOT_FOUND : ERR_IO;
    }
    *out_fd = (int)fd;
    return OK;
}
