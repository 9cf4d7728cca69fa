/*
 * serve: what `farhand up` and `farhand host` share: options, signals, the end.
 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include <limits.h>

#include "cli/cli.h"
#include "host/host.h"
#include "wire/envelope.h"

/* Options of both commands. */
#define SERVE_OPTIONS                                                                 \
    {"cwd", "DIR", "default workspace of new threads (default: here)"},               \
        {"profile", "NAME", "profile of config.toml (default: everything asks)"},     \
        {"name", "NAME", "how this host is called (default: the machine's name)"},    \
        {"codex", "FILE", "the codex program (default: $FARHAND_CODEX, then PATH)"},  \
        {"codex-endpoint", "URL", "join an app-server: unix://PATH or ws://…"},       \
        {"listen-app-server", "URL", "also serve ws://127.0.0.1:PORT, with a token"}, \
        {"listen", "ADDR:PORT",                                                       \
         "a direct door for devices, beside or without a relay"},                     \
        {"private-agent", NULL, "an agent of our own that no other Codex joins"},     \
        {"invite-file", "FILE", "the secret by which a relay admits this host"},      \
    {                                                                                 \
        "practice", NULL, "use the practice model: no account, no network"            \
    }

struct serve {
    char home[PATH_MAX];
    char cwd[PATH_MAX];
    char codex[PATH_MAX];                 // of the build tree, when there is one
    char invite[ENVELOPE_INVITE_MAX + 1]; // "": none
    struct host_options host;
};

/* Fills it from the command line; EXIT_DONE or the code of a sentence printed. */
int serve_read(const struct cli_args *args, struct serve *out);

/* A build tree keeps its own codex (<tree>/build/X/farhand, <tree>/build/tools): for a
 * machine that has no other. False: this is none, or there is none in it. */
bool serve_own_codex(char out[PATH_MAX]);

/* The invite of the relay, or NULL. */
const char *serve_invite(const struct serve *s);

/* At a terminal the log would run through the code and the questions: it goes to
 * run/host.log then, unless --verbose asks for it. */
void serve_log_beside_terminal(const struct cli_args *args, const char *home);

/* Says where the loopback app-server with its token and the direct door are, when they
 * were asked for. */
void serve_say_app_server(const struct host *h, const char *home);

/* The exit code for a host that did not start; prints the sentence. `exists`: what
 * ERR_EXISTS meant there. */
int serve_fail(enum err e, int exists, const struct diag *d);

/* One plain sentence about the agent for people, or NULL when nothing changed that
 * they should hear. */
const char *serve_agent_sentence(const struct engine_status *status, char *out,
                                 size_t size);

/* The relay that a bare phrase means: --relay, FARHAND_RELAY, REMODEX_RELAY, `relay`
 * of config.toml, else run/relay.url of a running `up`. "" when there is none. */
void serve_default_relay(const struct cli_args *args, const char *home, char *out,
                         size_t size);

#endif
