/*
 * local_call: one JSON-RPC call to the host on this machine, for short commands.
 *
 * Shape      connects to run/host.sock, initializes, calls, gives the result.
 * Errors     the exit code; a sentence was printed when it is not EXIT_DONE:
 *            EXIT_NOT_FOUND  no host is running; EXIT_RPC  it answered with an error
 */
#ifndef CLI_LOCAL_CALL_H
#define CLI_LOCAL_CALL_H

#include "cli/cli.h"
#include "wire/json.h"

/* Takes params. On EXIT_DONE *result is given: json_decref() it. */
int local_call(const struct cli_args *args, const char *method, json_t *params,
               json_t **result);

/* As local_call() on a known home, and says nothing: the sentence goes to `why`. */
int local_ask(const char *home, const char *program, const char *method,
              json_t *params /* take */, json_t **result, struct diag *why);

/* Prints compact JSON and a newline to stdout. */
void local_print(const json_t *value);

#endif
