/*
 * remote_start: `farhand remote-control start`: a host that outlives the terminal.
 *
 * Shape      starts `farhand up --no-code` in a session of its own, its log in
 *            run/host.log, and returns when farhand/status says that host, agent and
 *            relay are ready, or says what is not.
 */
#ifndef CLI_REMOTE_START_H
#define CLI_REMOTE_START_H

#include "cli/cli.h"

/* Handed on to `up`. */
#define REMOTE_START_OPTIONS                                                          \
    {"cwd", "DIR", "default workspace of new threads (default: here)"},               \
        {"name", "NAME", "how this host is called"},                                  \
        {"codex", "FILE", "the codex program"},                                       \
        {"codex-endpoint", "URL", "join an app-server"},                              \
        {"private-agent", NULL, "an agent of our own that no other Codex joins"},     \
        {"listen", "ADDR:PORT", "a direct door for devices"},                         \
        {"practice", NULL, "use the practice model"},                                 \
        {"port", "N", "port of page and relay (default 4317; 0: a free one)"},        \
        {"lan", "[ADDR]", "serve an address of this network over https"},             \
        {"relay", "URL", "use this relay instead of one of its own"},                 \
        {"app", "URL", "where the page is served"}, {"web", "DIR", "the built page"}, \
        {"ca", "FILE", "certificates trusted besides the system's"},                  \
        {"invite-file", "FILE", "the secret by which a relay admits this host"},      \
        {"allow-relay", "URL", "a relay that the page may dial (repeat)"},            \
    {                                                                                 \
        "role", "ROLE", "offered by codes"                                            \
    }

int remote_start(const struct cli_args *args);

#endif
