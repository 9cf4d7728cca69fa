/*
 * process: telling one process from another.
 *
 * Shape      a pid alone may have been given to somebody else since; a pid with the
 *            time of its start names one process for the life of the machine.
 * Errors     ERR_NOT_FOUND  there is no such process (or it is a zombie)
 *            ERR_IO         the system does not say
 */
#ifndef ENGINE_CODEX_PROCESS_H
#define ENGINE_CODEX_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define PROCESS_NAME_MAX 48

/* "PID-START-BOOT": the same text for the same process, for ever another one for
 * any other. */
NODISCARD enum err process_name(pid_t pid, char out[PROCESS_NAME_MAX]);

/* The leader of its session: a child started with setsid, or a child of that. */
pid_t process_session(pid_t pid); // 0: unknown

#endif
