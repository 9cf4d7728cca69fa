/*
 * pair_term: a pairing at this terminal: the view, a connection to the host, stdin.
 *
 * Shape      dials run/host.sock, drives pair_view over it, and feeds it the lines a
 *            person types. `farhand up` keeps one open on its own host; `farhand pair`
 *            ends with it.
 * Ownership  options are copied; strings in them are kept. pair_term_close() frees
 *            after it returned; no callback follows.
 * Errors     the host is not there: a sentence and `ended` with EXIT_NOT_FOUND.
 */
#ifndef CLI_PAIR_TERM_H
#define CLI_PAIR_TERM_H

#include "cli/pair_view.h"

struct loop;
struct pair_term;

struct pair_term_options {
    const char *socket;            // path of run/host.sock
    struct pair_view_options view; // `send`, `ended`, `user` are filled in here
    void (*ended)(void *user, int exit_code);
    void *user;
};

struct pair_term *pair_term_open(struct loop *loop, const struct pair_term_options *o);
void pair_term_close(struct pair_term *t); // NULL is fine

/* A line that does not bury the question of a pairing. `t` may be NULL. */
void pair_term_say(struct pair_term *t, const char *text);

#endif
