/*
 * stdio: an app-server on standard input and output, carried to a host.
 *
 * Source     docs/architecture.md, doors: one JSON text a line, each way, as `codex app-server`
 *            speaks on stdio.
 * Shape      runs until the input ends or the host closes.
 * Errors     the cause for which it ended; LINK_OK: the input ended.
 * Limits     STDIO_LINE_MAX octets a line.
 */
#ifndef CLIENT_STDIO_H
#define CLIENT_STDIO_H

#include "client/reach.h"

#define STDIO_LINE_MAX (8u * 1024 * 1024)

enum link_cause stdio_run(const struct reach_options *o, int in_fd, int out_fd,
                          struct diag *d);

#endif
