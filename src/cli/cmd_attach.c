#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/cause_exit.h"
#include "cli/commands.h"
#include "cli/serve.h"
#include "cli/witness_say.h"
#include "client/endpoint.h"
#include "crypto/random.h"
#include "engine/codex/find.h"
#include "loop/child.h"
#include "loop/signal.h"

#define TOKEN_ENV    "FARHAND_ATTACH_TOKEN"
#define TOKEN_OCTETS 32
#define SOCKET_MAX   100u // of a unix socket's path; the system allows 107
#define ARGS_MAX     (CLI_WORDS_MAX + 8)

struct attach {
    struct loop *loop;
    const struct cli_args *args;
    const char *home;
    struct target target;
    char folder[PATH_MAX]; // private; removed at the end
    char socket[PATH_MAX]; // "" for loopback
    char token[B64URL_SIZE(TOKEN_OCTETS)];
    char address[PATH_MAX + 16];
    struct endpoint *endpoint;
    struct reach *probe; // before the TUI: is the host there?
    struct child *codex;
    struct signal_watch *signals[4];
    enum link_cause cause; // why a connection failed, said after the TUI left
    char sentence[256];
    int code;
    bool ending;
};

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* ---- the end ----------------------------------------------------------------------- */

static void end(struct attach *a)
{
    if (a->ending) {
        return;
    }
    a->ending = true;
    for (size_t i = 0; i < COUNT(a->signals); i++) {
        signal_close(a->signals[i]);
    }
    if (a->probe != NULL) {
        reach_cancel(a->probe);
    }
    if (a->codex != NULL) {
        child_close(a->codex, NULL, NULL);
    }
    if (a->endpoint != NULL) {
        endpoint_close(a->endpoint, NULL, NULL);
    }
}

/* The TUI would try again for ever where no try can help. */
static bool is_final(enum link_cause cause)
{
    return cause == LINK_REVOKED || cause == LINK_EXPIRED || cause == LINK_FORBIDDEN ||
           cause == LINK_UNTRUSTED || cause == LINK_RELAY_REFUSED;
}

static void on_failed(void *user, enum link_cause cause, const char *sentence)
{
    struct attach *a = user;
    if (is_final(a->cause)) {
        return; // said already
    }
    a->cause = cause;
    text_sanitize(bytes_from_str(sentence), a->sentence, sizeof(a->sentence));
    if (is_final(cause) && a->codex != NULL && child_kill(a->codex, SIGTERM) != OK) {
        end(a);
    }
}

/* Ctrl-C belongs to the TUI: it is in our process group and gets it, too. */
static void on_signal(void *user, int signum)
{
    struct attach *a = user;
    if (a->codex == NULL) {
        a->code = signum == SIGTERM || signum == SIGINT ? EXIT_DONE : EXIT_FAILED;
        end(a);
    } else if (signum == SIGTERM || signum == SIGHUP) {
        if (child_kill(a->codex, signum) != OK) {
            end(a);
        }
    }
}

/* ---- codex ---------------------------------------------------------------------------- */

static void on_codex_exit(struct child *c, void *user, int code, int signum)
{
    (void)c;
    struct attach *a = user;
    a->code = code >= 0 ? code : 128 + signum;
    if (is_final(a->cause) || (a->cause != LINK_OK && a->code != EXIT_DONE)) {
        a->code = cli_fail(cause_exit(a->cause), "%s", a->sentence);
    }
    end(a);
}

/* A TUI asks for its own machine's sandbox, which for a folder that this machine does
 * not know is read-only: the host's profile is what applies there. A resumed task keeps
 * its own: Codex refuses a sandbox beside it. */
static bool has_sandbox(const struct attach *a)
{
    static const char *const words[] = {
        "-s",     "--sandbox", "-p",   "--profile", "--full-auto", "--dangerously",
        "--yolo", "resume",    "fork",
    };
    for (size_t i = 0; i < a->args->n_rest; i++) {
        for (size_t k = 0; k < COUNT(words); k++) {
            if (strncmp(a->args->rest[i], words[k], strlen(words[k])) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void codex_argv(const struct attach *a, const char *file, const char **argv)
{
    size_t n = 0;
    argv[n++] = file;
    argv[n++] = "--remote";
    argv[n++] = a->address;
    if (a->token[0] != '\0') {
        argv[n++] = "--remote-auth-token-env";
        argv[n++] = TOKEN_ENV;
    }
    if (!has_sandbox(a)) {
        argv[n++] = "--sandbox";
        argv[n++] = "workspace-write";
    }
    for (size_t i = 0; i < a->args->n_rest && n + 1 < ARGS_MAX; i++) {
        argv[n++] = a->args->rest[i];
    }
    argv[n] = NULL;
}

/* The same Codex that a host would start here. */
static enum err find_program(const struct attach *a, struct diag *d, char out[PATH_MAX])
{
    char own[PATH_MAX];
    const char *asked = cli_value(a->args, "codex");
    if (asked == NULL) {
        asked = getenv("FARHAND_CODEX");
    }
    const struct find_options o = {
        .asked = asked == NULL || asked[0] == '\0' ? NULL : asked,
        .search_path = getenv("PATH"),
        .last_resort = serve_own_codex(own) ? own : NULL,
    };
    return find_codex(&o, d, out);
}

static void start_codex(struct attach *a)
{
    const char *argv[ARGS_MAX];
    char file[PATH_MAX];
    struct diag d = {.text = ""};
    if (find_program(a, &d, file) != OK) {
        a->code = cli_fail(EXIT_AGENT, "%s", d.text);
        end(a);
        return;
    }
    codex_argv(a, file, argv);
    if (a->token[0] != '\0' && setenv(TOKEN_ENV, a->token, 1) != 0) {
        a->code = cli_fail(EXIT_FAILED, "out of memory");
        end(a);
        return;
    }
    const struct child_options o = {.file = file, .argv = argv, .keep_stdio = true};
    const enum err e = child_spawn(a->loop, &o, on_codex_exit, a, &d, &a->codex);
    if (e != OK) {
        a->code = cli_fail(
            EXIT_AGENT,
            "%s. Install Codex (npm install -g @openai/codex), or say --codex FILE",
            d.text);
        end(a);
    }
}

/* ---- the host is there -------------------------------------------------------------------- */

static void on_probed(void *user, enum link_cause cause, const char *sentence,
                      struct ws_conn *ws)
{
    struct attach *a = user;
    a->probe = NULL;
    if (ws != NULL) {
        ws_conn_abort(ws);
    }
    if (a->ending) {
        return;
    }
    if (cause != LINK_OK) {
        a->code = cli_fail(cause_exit(cause), "%s", sentence);
        end(a);
    } else if (cli_has(a->args, "print")) {
        cli_say("%s", a->address);
        if (a->token[0] != '\0') {
            cli_say("%s", a->token);
        }
    } else {
        start_codex(a);
    }
}

/* ---- the endpoint ---------------------------------------------------------------------------- */

static enum err make_folder(struct attach *a, struct diag *d)
{
    enum err e = text_format(a->folder, sizeof(a->folder), "%s/run/attach-%ld", a->home,
                             (long)getpid());
    if (e == OK && strlen(a->folder) + sizeof("/app.sock") <= SOCKET_MAX) {
        e = file_make_dir(a->folder, 0700);
    } else {
        const char *base = getenv("XDG_RUNTIME_DIR");
        e = text_format(a->folder, sizeof(a->folder), "%s/farhand-XXXXXX",
                        base == NULL || strlen(base) > SOCKET_MAX / 2 ? "/tmp" : base);
        if (e == OK && mkdtemp(a->folder) == NULL) {
            e = ERR_IO;
        }
    }
    if (e != OK) {
        diag_set(d, "no private folder for the socket: %s", a->folder);
        a->folder[0] = '\0';
    }
    return e;
}

static enum err open_unix(struct attach *a, struct endpoint_options *o, struct diag *d)
{
    enum err e = make_folder(a, d);
    if (e == OK) {
        e = text_format(a->socket, sizeof(a->socket), "%s/app.sock", a->folder);
    }
    if (e == OK) {
        o->socket = a->socket;
        e = endpoint_open(a->loop, o, d, &a->endpoint);
    }
    return e == OK ? text_format(a->address, sizeof(a->address), "unix://%s", a->socket)
                   : e;
}

/* Port 0 is no address to dial, so this is not wire/url's. */
static enum err read_listen(const char *text, uint16_t *port, struct diag *d)
{
    static const char start[] = "ws://127.0.0.1:";
    const size_t len = sizeof(start) - 1;
    uint64_t number;
    if (strncmp(text, start, len) != 0 ||
        u64_parse(bytes_from_str(text + len), UINT16_MAX, &number) != OK) {
        diag_set(d, "--listen wants ws://127.0.0.1:PORT, not '%s'", text);
        return ERR_USAGE;
    }
    *port = (uint16_t)number;
    return OK;
}

static enum err open_tcp(struct attach *a, const char *listen,
                         struct endpoint_options *o, struct diag *d)
{
    uint8_t secret[TOKEN_OCTETS];
    enum err e = read_listen(listen, &o->port, d);
    if (e != OK) {
        return e;
    }
    random_bytes(secret, sizeof(secret));
    b64url_encode(BYTES_OF(secret), a->token);
    secret_wipe(secret, sizeof(secret));
    o->token = a->token;
    e = endpoint_open(a->loop, o, d, &a->endpoint);
    return e == OK ? text_format(a->address, sizeof(a->address), "ws://127.0.0.1:%u",
                                 (unsigned)endpoint_port(a->endpoint))
                   : e;
}

static enum err open_endpoint(struct attach *a, struct diag *d)
{
    const char *listen = cli_value(a->args, "listen");
    struct endpoint_options o = {
        .reach = {.home = a->home, .program = a->args->program, .target = &a->target},
        .cwd = cli_value(a->args, "cd"),
        .profile = cli_value(a->args, "profile"),
        .failed = on_failed,
        .user = a,
    };
    return listen == NULL ? open_unix(a, &o, d) : open_tcp(a, listen, &o, d);
}

static void remove_folder(const struct attach *a)
{
    if (a->folder[0] != '\0') {
        (void)unlink(a->socket);
        (void)rmdir(a->folder);
    }
}

static int run(struct attach *a)
{
    struct diag d = {.text = ""};
    a->loop = loop_create();
    const enum err e = open_endpoint(a, &d);
    if (e == OK) {
        const struct reach_options reach = {
            .home = a->home, .program = a->args->program, .target = &a->target};
        for (size_t i = 0; i < COUNT(watched); i++) {
            a->signals[i] = signal_watch(a->loop, watched[i], on_signal, a);
        }
        a->probe = reach_open(a->loop, &reach, on_probed, a);
    } else {
        a->code = cli_fail(e == ERR_USAGE    ? EXIT_USAGE
                           : e == ERR_EXISTS ? EXIT_TAKEN
                                             : EXIT_FAILED,
                           "%s", d.text);
    }
    loop_run(a->loop);
    loop_destroy(a->loop);
    remove_folder(a);
    return a->code;
}

static int run_attach(struct cli_args *args)
{
    char home[PATH_MAX];
    struct diag d = {.text = ""};
    crypto_init();
    if (!cli_has(args, "verbose")) {
        log_set_level(LOG_ERROR); // people read sentences, not log lines
    }
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    const char *cwd = cli_value(args, "cd");
    if (cwd != NULL && cwd[0] != '/') {
        return cli_fail(EXIT_USAGE,
                        "--cd names a folder on the host: say its whole path");
    }
    struct attach *a = mem_new(sizeof(*a));
    a->args = args;
    a->home = home;
    a->code = EXIT_FAILED;
    const enum err e = target_find(home, cli_value(args, "host"), &a->target, &d);
    const bool said = e == OK && witness_say(home, &a->target);
    const int code = e == OK ? run(a) : cli_fail(find_exit(e), "%s", d.text);
    if (e == OK && !said) {
        (void)witness_say(home, &a->target); // found out in this very session
    }
    secret_wipe(a->token, sizeof(a->token));
    mem_free(a);
    return code;
}

static const struct cli_option options[] = {
    {"host", "NAME", "a joined host, or 'local' (default: the local one, if it runs)"},
    {"cd", "DIR", "folder on the host for new threads"},
    {"profile", "NAME", "profile of the host's config.toml for new threads"},
    {"print", NULL, "print the address and serve it until Ctrl-C; start nothing"},
    {"listen", "URL", "ws://127.0.0.1:PORT with a bearer token, not a unix socket"},
    {"codex", "FILE", "the codex program (default: $FARHAND_CODEX, then PATH)"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_attach = {
    .name = "attach",
    .words = "[-- CODEX-ARGUMENT…]",
    .summary = "steer a host with the stock Codex TUI",
    .text =
        "Opens an app-server address here, carries it over the encrypted session, and "
        "starts 'codex --remote' on it. Any number may be attached at once. What "
        "follows '--' goes to codex:\n\n"
        "    farhand attach --host desk -- resume --last\n\n"
        "A folder that does not exist on the host is replaced by its default "
        "workspace; --cd names another one there. With --print and --listen the "
        "second line is the bearer token.",
    .options = options,
    .n_options = COUNT(options),
    .run = run_attach,
};
