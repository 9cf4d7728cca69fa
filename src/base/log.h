/*
 * log: one event, one line, key=value.
 *
 *     log_info("room.joined", "room=%08x peers=%u", room->tag, room->n_peers);
 *
 * The event is a literal, so grep finds it. Never payload, token, key, code or a
 * path outside the workspace. Lines that a peer can cause go through log_peer(),
 * which lets a limited number a second through and counts the rest. The last
 * lines of all levels stay in a ring that log_crash_dump() prints.
 *
 * Limits     LOG_LINE_MAX octets a line; longer ones are cut.
 * Threads    safe from any thread; the ring is guarded by one lock.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"

#define LOG_LINE_MAX 512
#define LOG_RING     512 // lines kept for a crash

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define log_trace(event, ...) log_line(LOG_TRACE, event, __VA_ARGS__)
#define log_debug(event, ...) log_line(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)

PRINTF(3, 4)
void log_line(enum log_level level, const char *event, const char *format, ...);

/* For lines that a peer can cause: at most 20 a second, the rest are counted and
 * reported by the next one that passes. Level warn. */
PRINTF(2, 3) void log_peer(const char *event, const char *format, ...);

/* Lines below `level` go to the ring only. Default: LOG_INFO. */
void log_set_level(enum log_level level);

/* Where lines go: a descriptor the caller keeps open. Default: 2. */
void log_set_fd(int fd);

/* Writes the ring to `fd`; async-signal-safe. */
void log_crash_dump(int fd);

/* Prints the ring on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT, then dies. */
void log_install_crash_handler(void);

#endif
