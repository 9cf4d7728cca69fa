/*
 * core: every command but `sandbox`, with the libraries that they need, in one file that is
 * loaded beside the program.
 *
 * Shape      `farhand` itself links nothing but the C library: a sandboxed command does not
 *            pay for TLS and a database that it never uses (3 ms and 1.5 MB each time).
 */
#ifndef MAIN_CORE_H
#define MAIN_CORE_H

#define CORE_NAME  "farhand-core.so"
#define CORE_ENTRY "farhand_core_main"

typedef int core_main_fn(int argc, char **argv);

__attribute__((visibility("default"))) core_main_fn farhand_core_main;

#endif
