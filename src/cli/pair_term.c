#include "cli/pair_term.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "client/lines.h"
#include "net/dial.h"

#define ANSWER_MAX 256 // y or n; more is a paste by mistake

struct pair_term {
    struct pair_term_options o;
    struct loop *loop;
    struct dial *dial;
    struct ws_conn *ws;
    struct lines *lines;
    struct pair_view view;
    struct loop_task end;
    int exit_code;
    bool closing;
};

static void tell_end(struct loop_task *task)
{
    struct pair_term *t = CONTAINER_OF(task, struct pair_term, end);
    t->o.ended(t->o.user, t->exit_code);
}

static void end_later(struct pair_term *t, int exit_code)
{
    t->exit_code = exit_code;
    loop_defer(t->loop, &t->end, tell_end);
}

/* ---- the view ------------------------------------------------------------------------ */

static void view_send(void *user, struct bytes text)
{
    struct pair_term *t = user;
    if (t->ws == NULL || ws_conn_send_text(t->ws, text) != OK) {
        end_later(t, EXIT_UNREACHABLE);
    }
}

static void view_ended(void *user, int exit_code)
{
    end_later(user, exit_code);
}

/* ---- stdin ---------------------------------------------------------------------------- */

static void on_line(void *user, struct bytes line)
{
    struct pair_term *t = user;
    char text[ANSWER_MAX + 1];
    text_sanitize(line, text, sizeof(text));
    pair_view_line(&t->view, text);
}

static void on_line_end(void *user, enum err e)
{
    struct pair_term *t = user;
    (void)e; // no more answers: another terminal may give them
    lines_close(t->lines);
    t->lines = NULL;
    pair_view_input_ended(&t->view);
}

/* ---- the connection --------------------------------------------------------------------- */

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct pair_term *t = user;
    (void)c;
    if (text) {
        pair_view_message(&t->view, payload);
    }
}

static void free_term(struct pair_term *t)
{
    loop_task_cancel(&t->end);
    lines_close(t->lines);
    mem_free(t);
}

static void on_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct pair_term *t = user;
    (void)c;
    (void)e;
    (void)code;
    t->ws = NULL;
    if (t->closing) {
        free_term(t);
        return;
    }
    end_later(t, cli_fail(EXIT_UNREACHABLE, "the host has ended"));
}

static void on_dialed(void *user, enum err e, const struct dial_result *r)
{
    static const struct ws_conn_events events = {.message = on_message,
                                                 .closed = on_closed};
    static const struct lines_events line_events = {.line = on_line,
                                                    .end = on_line_end};
    struct pair_term *t = user;
    t->dial = NULL;
    if (t->closing) {
        free_term(t);
        return;
    }
    if (e != OK) {
        end_later(t, cli_fail(EXIT_NOT_FOUND,
                              "no host is running here: start one with 'farhand up'"));
        return;
    }
    t->ws = r->ws;
    ws_conn_start(t->ws, &events, t);
    pair_view_start(&t->view, &t->o.view);
    t->lines = lines_open(t->loop, STDIN_FILENO, ANSWER_MAX, &line_events, t);
}

struct pair_term *pair_term_open(struct loop *loop, const struct pair_term_options *o)
{
    char url[PATH_MAX + 8];
    struct pair_term *t = mem_new(sizeof(*t));
    *t = (struct pair_term){.o = *o, .loop = loop};
    t->o.view.send = view_send;
    t->o.view.ended = view_ended;
    t->o.view.user = t;
    if (text_format(url, sizeof(url), "unix://%s", o->socket) != OK) {
        end_later(t, EXIT_HOME);
        return t;
    }
    const struct dial_options options = {.url = url};
    t->dial = dial_ws(loop, &options, on_dialed, t);
    return t;
}

void pair_term_say(struct pair_term *t, const char *text)
{
    if (t != NULL && t->ws != NULL) {
        pair_view_say(&t->view, text);
    } else {
        cli_say("  %s", text);
    }
}

void pair_term_close(struct pair_term *t)
{
    if (t == NULL || t->closing) {
        return;
    }
    t->closing = true;
    loop_task_cancel(&t->end);
    if (t->dial != NULL) {
        dial_cancel(t->dial); // on_dialed() frees
    } else if (t->ws != NULL) {
        ws_conn_abort(t->ws); // on_closed() frees
    } else {
        free_term(t);
    }
}
