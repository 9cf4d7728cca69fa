/*
 * err: the one error vocabulary of the program.
 *
 * A function that can fail returns `enum err`, is NODISCARD, and leaves its
 * out-parameters untouched unless it returns OK. Codes name what the CALLER
 * can do about it (retry, drop the peer, tell the user), not where it happened;
 * "where" belongs in the log line.
 *
 * Human detail (a path, a line of a configuration file) travels in an optional
 * `struct diag *`, only in configuration, command line and start-up code.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

#define ERR_LIST(X)                                       \
    X(OK, "success")                                      \
    X(ERR_AGAIN, "more input is needed")                  \
    X(ERR_NOMEM, "out of memory")                         \
    X(ERR_LIMIT, "a limit was reached")                   \
    X(ERR_PROTO, "the peer broke the protocol")           \
    X(ERR_AUTH, "the peer is not who it claims to be")    \
    X(ERR_DENIED, "not allowed")                          \
    X(ERR_NOT_FOUND, "not found")                         \
    X(ERR_EXISTS, "already there")                        \
    X(ERR_EXPIRED, "expired")                             \
    X(ERR_CANCELED, "the operation was cancelled")        \
    X(ERR_CLOSED, "the other side has closed")            \
    X(ERR_USAGE, "the request makes no sense as written") \
    X(ERR_IO, "the operating system refused")

#define ERR_ENUM(name, text) name,
enum err { ERR_LIST(ERR_ENUM) };
#undef ERR_ENUM

/* Static, never NULL, safe to log. */
const char *err_text(enum err e);

#define DIAG_MAX 512 // one or two sentences on a terminal

struct diag {
    char text[DIAG_MAX]; // NUL-terminated; empty when nothing was said
};

/* Says what went wrong; the first sentence wins. `d` may be NULL. */
PRINTF(2, 3) void diag_set(struct diag *d, const char *format, ...);

#endif
