/*
 * doctor: the path from this program to a phone, looked at link by link.
 *
 * Shape      doctor_*() look at one part each and say rows, in the order of the path;
 *            the first failed row is the broken link, and every row that is not fine
 *            says what to do. Nothing is changed by looking.
 * Tests      tests/functional/doctor.test.ts
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/cli.h"
#include "wire/json.h"

enum doctor_level { DOCTOR_OK, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor {
    const struct cli_args *args;
    char home[PATH_MAX]; // "" when it cannot be used
    json_t *status;      // of the running host; NULL: none answers,
    struct diag why;     // and this is why
    json_t *rows;
    enum doctor_level worst;
};

/* `fix` is said when the level is not OK; NULL: there is nothing to do. */
PRINTF(5, 6)
void doctor_say(struct doctor *d, enum doctor_level level, const char *name,
                const char *fix, const char *format, ...);

void doctor_place(struct doctor *d);   // program, folder, disk, state, audit, sandbox
void doctor_codex(struct doctor *d);   // found, version, login, rules
void doctor_host(struct doctor *d);    // running, its agent, its log
void doctor_relay(struct doctor *d);   // TCP, TLS, upgrade, clock
void doctor_door(struct doctor *d);    // the host's own listener, if it has one
void doctor_page(struct doctor *d);    // what the phone loads
void doctor_devices(struct doctor *d); // paired, last proof

void doctor_sandbox(struct doctor *d); // what the kernel gives a sandbox

#endif
