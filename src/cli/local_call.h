/*
 * local_call: one JSON-RPC call to a host, for short commands.
 *
 * Shape      connects to run/host.sock, or to the session process of a joined host,
 *            initializes, calls, gives the result.
 * Errors     the exit code; a sentence was printed when it is not EXIT_DONE:
 *            EXIT_NOT_FOUND  no such host, or none is running; EXIT_UNREACHABLE, EXIT_DENIED
 *            the path to it is broken, it let us go; EXIT_RPC  it answered with an error
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

/* As local_call(), of the host that --host names: without it the local one when it runs,
 * else the only joined one. */
int target_call(const struct cli_args *args, const char *method, json_t *params,
                json_t **result);
struct target_asked {
    const char *home;
    const char *program; // argv[0]
    const char *host;    // as --host; may be NULL
    const char *method;
};
int target_ask(const struct target_asked *a, json_t *params /* take */, json_t **result,
               struct diag *why);

/* Prints compact JSON and a newline to stdout. */
void local_print(const json_t *value);

#endif
