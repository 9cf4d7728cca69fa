#include "client/stdio.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "client/lines.h"
#include "wire/ws.h"

#define PAUSE_AT (1024u * 1024)

struct stdio {
    struct loop *loop;
    int in_fd;
    int out_fd;
    struct lines *lines;
    struct ws_conn *ws;
    enum link_cause cause;
    struct diag *diag;
};

/* Blocking on purpose: this process has nothing else to do, and a reader that stops
 * thereby stops the host's side of this one connection. */
static bool write_all(int fd, struct bytes octets)
{
    while (octets.len != 0) {
        const ssize_t n = write(fd, octets.at, octets.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        octets = bytes_sub(octets, (size_t)n, SIZE_MAX);
    }
    return true;
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    const struct stdio *s = user;
    if (text &&
        (!write_all(s->out_fd, payload) || !write_all(s->out_fd, BYTES_LIT("\n")))) {
        ws_conn_close(ws, WS_CLOSE_GOING_AWAY, NULL);
    }
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    (void)ws;
    struct stdio *s = user;
    log_debug("stdio.closed", "reason=\"%s\" code=%u", err_text(e), (unsigned)code);
    s->ws = NULL;
    lines_close(s->lines);
    s->lines = NULL;
    if (s->cause == LINK_LOST) {
        diag_set(s->diag, "the host closed the connection");
    }
}

static void on_drained(struct ws_conn *ws, void *user)
{
    (void)ws;
    const struct stdio *s = user;
    if (s->lines != NULL) {
        lines_resume(s->lines);
    }
}

static const struct ws_conn_events ws_events = {
    .message = on_message,
    .closed = on_closed,
    .drained = on_drained,
};

static void on_line(void *user, struct bytes line)
{
    const struct stdio *s = user;
    if (s->ws == NULL || line.len == 0) {
        return;
    }
    if (ws_conn_send_text(s->ws, line) != OK) {
        ws_conn_close(s->ws, WS_CLOSE_INTERNAL, NULL);
    } else if (ws_conn_queued(s->ws) > PAUSE_AT) {
        lines_pause(s->lines);
        ws_conn_want_drained(s->ws);
    }
}

static void on_end(void *user, enum err e)
{
    struct stdio *s = user;
    if (e == ERR_CLOSED) {
        s->cause = LINK_OK;
    } else {
        s->cause = LINK_BROKEN;
        diag_set(s->diag, "a line of the input is too long");
    }
    if (s->ws != NULL) {
        ws_conn_close(s->ws, WS_CLOSE_NORMAL, NULL);
    }
}

static const struct lines_events line_events = {.line = on_line, .end = on_end};

static void on_reached(void *user, enum link_cause cause, const char *sentence,
                       struct ws_conn *ws)
{
    struct stdio *s = user;
    if (cause != LINK_OK) {
        s->cause = cause;
        diag_set(s->diag, "%s", sentence);
        return;
    }
    s->ws = ws;
    ws_conn_start(ws, &ws_events, s);
    s->lines = lines_open(s->loop, s->in_fd, STDIO_LINE_MAX, &line_events, s);
}

enum link_cause stdio_run(const struct reach_options *o, int in_fd, int out_fd,
                          struct diag *d)
{
    struct stdio s = {
        .loop = loop_create(),
        .in_fd = in_fd,
        .out_fd = out_fd,
        .cause = LINK_LOST,
        .diag = d,
    };
    (void)reach_open(s.loop, o, on_reached, &s);
    loop_run(s.loop);
    lines_close(s.lines);
    loop_destroy(s.loop);
    return s.cause;
}
