/*
 * escape: small attempts to leave a sandbox, one function each.
 *
 * Shape      `escape NAME ARG…`; ends with 0 when the attempt worked. Written against the
 *            bare system calls: what a library might refuse is not what is tested.
 */
#ifndef TESTS_ESCAPE_ESCAPE_H
#define TESTS_ESCAPE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

struct attempt {
    const char *name;
    bool (*run)(char **args); // args[0..] are strings, "" where none was given
};

extern const struct attempt file_attempts[];
extern const size_t n_file_attempts;
extern const struct attempt process_attempts[];
extern const size_t n_process_attempts;
extern const struct attempt socket_attempts[];
extern const size_t n_socket_attempts;
extern const struct attempt kernel_attempts[];
extern const size_t n_kernel_attempts;
extern const struct attempt start_attempts[]; // these get all of the words
extern const size_t n_start_attempts;

#endif
