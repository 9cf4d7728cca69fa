#include "cli/serve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/address.h"
#include "wire/json.h"
#include "wire/toml.h"

#define CONFIG_MAX (256u * 1024) // config.toml: a person wrote it

static int read_cwd(const struct cli_args *args, char out[PATH_MAX])
{
    const char *asked = cli_value(args, "cwd");
    if (realpath(asked == NULL ? "." : asked, out) == NULL || !file_is_dir(out)) {
        return cli_fail(EXIT_USAGE, "--cwd %s is not a folder",
                        asked == NULL ? "." : asked);
    }
    return EXIT_DONE;
}

bool serve_own_codex(char out[PATH_MAX])
{
    char self[PATH_MAX];
    char *slash;
    const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0) {
        return false;
    }
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return text_format(out, PATH_MAX, "%s/../tools/node_modules/.bin/codex", self) ==
               OK &&
           access(out, X_OK) == 0;
}

/* A secret, so it comes from a file: the command line is everybody's to read. */
static int read_invite(const struct cli_args *args, char out[ENVELOPE_INVITE_MAX + 1])
{
    const char *path = cli_value(args, "invite-file");
    struct buf text;
    out[0] = '\0';
    if (path == NULL) {
        return EXIT_DONE;
    }
    buf_init(&text, ENVELOPE_INVITE_MAX + 1); // and the end of its line
    const enum err e = file_read(path, &text);
    const struct bytes all = buf_bytes(&text);
    size_t len = 0;
    while (len < all.len && all.at[len] != '\n' && all.at[len] != '\r') {
        len++;
    }
    const bool good = e == OK && len != 0 && len <= ENVELOPE_INVITE_MAX;
    if (good) {
        memcpy(out, all.at, len);
        out[len] = '\0';
    }
    buf_wipe(&text);
    return good ? EXIT_DONE
                : cli_fail(EXIT_USAGE, "--invite-file %s: %s", path,
                           e == OK ? "its first line is no invite" : err_text(e));
}

/* What makes no sense is said now, not tried again and again later. */
static int check_words(const struct cli_args *args, const char *endpoint)
{
    const char *name = cli_value(args, "name");
    if (!address_is_relay(args, "relay") || !address_is_relay(args, "allow-relay") ||
        !address_is_page(args, "app") || !address_is_agent(endpoint)) {
        return EXIT_USAGE;
    }
    if (name != NULL && name[strspn(name, " ")] == '\0') {
        return cli_fail(EXIT_USAGE, "--name wants a name that people can tell apart");
    }
    return address_check_ca(args);
}

int serve_read(const struct cli_args *args, struct serve *out)
{
    if (cli_home(args, out->home) != OK) {
        return EXIT_HOME;
    }
    int code = read_cwd(args, out->cwd);
    if (code == EXIT_DONE) {
        code = read_invite(args, out->invite);
    }
    if (code != EXIT_DONE) {
        return code;
    }
    const bool has_own_codex = serve_own_codex(out->codex);
    const char *endpoint = cli_value(args, "codex-endpoint");
    if (endpoint == NULL) {
        endpoint = getenv("FARHAND_CODEX_ENDPOINT");
    }
    code = check_words(args, endpoint);
    if (code != EXIT_DONE) {
        return code;
    }
    const bool private_agent = cli_has(args, "private-agent");
    if (private_agent && endpoint != NULL && endpoint[0] != '\0') {
        return cli_fail(EXIT_USAGE,
                        "--private-agent starts an agent of our own: it "
                        "cannot join %s (--codex-endpoint)",
                        endpoint);
    }
    out->host = (struct host_options){
        .home = out->home,
        .cwd = out->cwd,
        .profile = cli_value(args, "profile"),
        .name = cli_value(args, "name"),
        .app_server = cli_value(args, "listen-app-server"),
        .listen = cli_value(args, "listen"),
        .engine = {.codex_path = cli_value(args, "codex"),
                   .last_resort = has_own_codex ? out->codex : NULL,
                   .codex_home = getenv("CODEX_HOME"),
                   .endpoint = endpoint,
                   .practice = cli_has(args, "practice"),
                   .private_agent = private_agent},
    };
    return EXIT_DONE;
}

const char *serve_invite(const struct serve *s)
{
    return s->invite[0] == '\0' ? NULL : s->invite;
}

void serve_log_beside_terminal(const struct cli_args *args, const char *home)
{
    char path[PATH_MAX];
    if (cli_has(args, "verbose") || isatty(STDERR_FILENO) != 1 ||
        text_format(path, sizeof(path), "%s/run", home) != OK ||
        file_make_dir(path, 0700) != OK ||
        text_format(path, sizeof(path), "%s/run/host.log", home) != OK) {
        return;
    }
    const int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        log_set_fd(fd);
    }
}

void serve_say_app_server(const struct host *h, const char *home)
{
    const char *address = host_app_server(h);
    if (address[0] != '\0') {
        cli_say("App-server: %s, with the bearer token in %s/run/app-server.token",
                address, home);
    }
    if (host_door(h)[0] != '\0') {
        cli_say("Direct door: %s", host_door(h));
    }
}

int serve_fail(enum err e, int exists, const struct diag *d)
{
    const char *text = d->text[0] == '\0' ? err_text(e) : d->text;
    return cli_fail(e == ERR_EXISTS  ? exists
                    : e == ERR_USAGE ? EXIT_USAGE
                                     : EXIT_HOME,
                    "%s", text);
}

const char *serve_agent_sentence(const struct engine_status *status, char *out,
                                 size_t size)
{
    enum err e = OK;
    switch (status->state) {
    case ENGINE_STARTING:
        return NULL;
    case ENGINE_READY:
        e = text_format(out, size, "The agent is ready: Codex %s%s%s.", status->version,
                        status->joined ? ", joined" : "",
                        status->practice
                            ? ", on the practice model (scripted answers, no "
                              "account, no network)"
                            : "");
        break;
    case ENGINE_LOGIN_REQUIRED:
        e = text_format(
            out, size,
            "Codex is not logged in: run 'codex login', or try Farhand with "
            "--practice.");
        break;
    case ENGINE_DOWN:
        e = text_format(out, size, "The agent is down: %s", status->error);
        break;
    }
    return e == OK ? out : status->error;
}

/* ---- the relay ----------------------------------------------------------------------- */

static bool from_config(const char *home, char *out, size_t size)
{
    char path[PATH_MAX];
    struct buf text;
    json_t *config = NULL;
    struct diag d = {.text = ""};
    bool found = false;
    buf_init(&text, CONFIG_MAX);
    if (text_format(path, sizeof(path), "%s/config.toml", home) != OK ||
        file_read(path, &text) != OK) {
        buf_fini(&text);
        return false;
    }
    if (toml_parse(buf_bytes(&text), &config, &d) != OK) {
        log_warn("config.unread", "reason=\"%s\"", d.text);
    }
    const char *relay = json_get_str(config, "relay");
    found = relay != NULL && text_format(out, size, "%s", relay) == OK;
    json_decref(config);
    buf_fini(&text);
    return found;
}

static void from_running(const char *home, char *out, size_t size)
{
    char path[PATH_MAX];
    struct buf text;
    const char *url;
    buf_init(&text, 1024);
    out[0] = '\0';
    if (text_format(path, sizeof(path), "%s/run/relay.url", home) == OK &&
        file_read(path, &text) == OK && buf_cstr(&text, &url) == OK) {
        const size_t len = strcspn(url, "\n");
        if (text_format(out, size, "%.*s", (int)len, url) != OK) {
            out[0] = '\0';
        }
    }
    buf_fini(&text);
}

void serve_default_relay(const struct cli_args *args, const char *home, char *out,
                         size_t size)
{
    const char *candidates[] = {cli_value(args, "relay"), getenv("FARHAND_RELAY"),
                                getenv("REMODEX_RELAY")};
    for (size_t i = 0; i < COUNT(candidates); i++) {
        if (candidates[i] != NULL && candidates[i][0] != '\0' &&
            text_format(out, size, "%s", candidates[i]) == OK) {
            return;
        }
    }
    if (!from_config(home, out, size)) {
        from_running(home, out, size);
    }
}
