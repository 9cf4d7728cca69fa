/*
 * record: which processes are ours, on disk, so that a restarted host knows them.
 *
 * Shape      one small file in run/ per process: its process_name(), and for the
 *            practice model its port before that.
 * Errors     ERR_NOT_FOUND  no such file, or its process has ended
 */
#ifndef ENGINE_CODEX_RECORD_H
#define ENGINE_CODEX_RECORD_H

#include <stdint.h>

#include "engine/codex/process.h"

#define RECORD_CODEX    "codex.pid"          // the agent with the user's account
#define RECORD_PRACTICE "codex-practice.pid" // the agent of the practice model
#define RECORD_MODEL    "practice-model.pid" // the practice model itself

struct record {
    pid_t pid;
    uint16_t port; // 0: none
    char name[PROCESS_NAME_MAX];
};

NODISCARD enum err record_write(const char *run_dir, const char *file, pid_t pid,
                                uint16_t port);

/* OK only while the process lives. */
NODISCARD enum err record_read(const char *run_dir, const char *file,
                               struct record *out);

/* The port that was written last, whether or not its process lives; 0: none. */
uint16_t record_last_port(const char *run_dir, const char *file);

#endif
