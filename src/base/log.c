#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define PEER_LINES_PER_SECOND 20 // a peer that causes lines cannot fill the disk

static const char *const level_names[] = {"trace", "debug", "info", "warn", "error"};

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    int fd;
    unsigned next; // ring slot of the next line
    char ring[LOG_RING][LOG_LINE_MAX];
    uint64_t peer_second;
    unsigned peer_lines;
    unsigned peer_dropped;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO, .fd = STDERR_FILENO};

static size_t put_time(char *line, size_t size)
{
    const uint64_t ms = clock_wall_ms();
    const time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL) {
        return 0;
    }
    const size_t n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    const int more = snprintf(line + n, size - n, ".%03uZ", (unsigned)(ms % 1000));
    return n + (more > 0 ? (size_t)more : 0);
}

/* Control characters would let a peer forge lines or drive a terminal. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) {
            *text = '?';
        }
    }
}

__attribute__((format(printf, 3, 0))) static void emit(enum log_level level,
                                                       const char *event,
                                                       const char *format, va_list args)
{
    char line[LOG_LINE_MAX];
    size_t n = put_time(line, sizeof(line));
    int more =
        snprintf(line + n, sizeof(line) - n, " %s %s ", level_names[level], event);
    n += more > 0 ? (size_t)more : 0;
    if (n < sizeof(line)) {
        (void)vsnprintf(line + n, sizeof(line) - n, format, args);
    }
    clean(line);
    (void)pthread_mutex_lock(&state.lock);
    memcpy(state.ring[state.next], line, sizeof(line));
    state.next = (state.next + 1) % LOG_RING;
    if (level >= state.level) {
        (void)dprintf(state.fd, "%s\n", line);
    }
    (void)pthread_mutex_unlock(&state.lock);
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    emit(level, event, format, args);
    va_end(args);
}

/* True when this line may pass; *dropped is how many did not since the last. */
static bool peer_admit(unsigned *dropped)
{
    const uint64_t second = clock_mono_ms() / 1000;
    bool pass = false;
    (void)pthread_mutex_lock(&state.lock);
    if (second != state.peer_second) {
        state.peer_second = second;
        state.peer_lines = 0;
    }
    if (state.peer_lines < PEER_LINES_PER_SECOND) {
        state.peer_lines++;
        *dropped = state.peer_dropped;
        state.peer_dropped = 0;
        pass = true;
    } else {
        state.peer_dropped++;
    }
    (void)pthread_mutex_unlock(&state.lock);
    return pass;
}

void log_peer(const char *event, const char *format, ...)
{
    unsigned dropped = 0;
    if (!peer_admit(&dropped)) {
        return;
    }
    if (dropped != 0) {
        log_warn("log.dropped", "lines=%u", dropped);
    }
    va_list args;
    va_start(args, format);
    emit(LOG_WARN, event, format, args);
    va_end(args);
}

void log_set_level(enum log_level level)
{
    state.level = level;
}

void log_set_fd(int fd)
{
    state.fd = fd;
}

void log_crash_dump(int fd)
{
    for (unsigned i = 0; i < LOG_RING; i++) {
        const char *line = state.ring[(state.next + i) % LOG_RING];
        const size_t n = strnlen(line, LOG_LINE_MAX);
        if (n != 0 && (write(fd, line, n) < 0 || write(fd, "\n", 1) < 0)) {
            return;
        }
    }
}

static void on_crash(int signal_number)
{
    log_crash_dump(STDERR_FILENO);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

void log_install_crash_handler(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < COUNT(signals); i++) {
        (void)sigaction(signals[i], &action, NULL);
    }
}
