#include <signal.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/cause_exit.h"
#include "cli/commands.h"
#include "cli/serve.h"
#include "client/joined.h"
#include "client/lines.h"
#include "client/witness.h"
#include "crypto/random.h"
#include "link/link_pair.h"
#include "loop/signal.h"
#include "session/grant.h"
#include "wire/json.h"

#define LINE_MAX_OCTETS 4096u

struct join {
    struct loop *loop;
    const char *home;
    const char *ca; // --ca, or NULL
    bool json;
    bool terminal;
    struct link_pair *pair;
    struct lines *lines; // while an answer is awaited
    struct signal_watch *interrupt;
    int code;
};

/* ---- what is printed ---------------------------------------------------------- */

static void print_json(json_t *line) // takes
{
    struct buf text;
    const char *out;
    buf_init(&text, JOINED_FILE_MAX);
    if (json_print(line, &text) == OK && buf_cstr(&text, &out) == OK) {
        cli_say("%s", out);
    }
    buf_fini(&text);
    json_decref(line);
}

static json_t *event(const char *name)
{
    json_t *line = json_object();
    json_set_str(line, "event", name);
    return line;
}

static void on_progress(void *user, const char *step, const char *sentence)
{
    const struct join *j = user;
    if (j->json) {
        json_t *line = event("progress");
        json_set_str(line, "step", step);
        json_set_str(line, "text", sentence);
        print_json(line);
    } else {
        cli_say("%s%s%s", cli_dim(), sentence, cli_plain());
    }
}

static int fail_with(const struct join *j, enum link_cause cause, const char *sentence)
{
    const int code = cause_exit(cause);
    if (!j->json) {
        return cli_fail(code, "%s", sentence);
    }
    json_t *line = event("failed");
    json_set_str(line, "cause", link_cause_name(cause));
    json_set_str(line, "text", sentence);
    json_set_int(line, "exit", code);
    print_json(line);
    return code;
}

static void print_digits(const struct join *j, const char *digits, const char *host,
                         bool confirm)
{
    if (j->json) {
        json_t *line = event("digits");
        json_set_str(line, "digits", digits);
        json_set_str(line, "host", host);
        json_set_bool(line, "confirm", confirm);
        print_json(line);
        return;
    }
    cli_say("\n    %s%s%s\n", cli_bold(), digits, cli_plain());
    if (!confirm) {
        cli_say("%s asks its user whether these digits match.", host);
    } else if (j->terminal) {
        cli_say("Does %s show the same digits? [y/N]", host);
    } else {
        cli_say("Compare them with %s, then write 'matches' to stdin.", host);
    }
}

/* ---- the person's answer --------------------------------------------------------- */

static void stop_listening(struct join *j)
{
    lines_close(j->lines);
    j->lines = NULL;
}

static bool is_yes(const struct join *j, struct bytes line)
{
    char word[16];
    text_sanitize(line, word, sizeof(word));
    return strcmp(word, "matches") == 0 ||
           (j->terminal &&
            (strcasecmp(word, "y") == 0 || strcasecmp(word, "yes") == 0));
}

static void on_line(void *user, struct bytes line)
{
    struct join *j = user;
    if (j->lines != NULL) {
        stop_listening(j);
        link_pair_confirm(j->pair, is_yes(j, line));
    }
}

static void on_end(void *user, enum err e)
{
    (void)e;
    on_line(user, BYTES_NONE); // no answer is a no
}

static const struct lines_events line_events = {.line = on_line, .end = on_end};

static void on_digits(void *user, const char *digits, const char *host_name,
                      bool confirm)
{
    struct join *j = user;
    print_digits(j, digits, host_name, confirm);
    if (confirm && j->lines == NULL) {
        j->lines = lines_open(j->loop, STDIN_FILENO, LINE_MAX_OCTETS, &line_events, j);
    }
}

/* ---- the end ------------------------------------------------------------------------ */

/* A keeper of an older pairing with the same host goes on with keys that this machine
 * has just replaced: let it end, the next command starts one. */
static void end_old_keeper(const char *home, const char *id)
{
    char path[PATH_MAX];
    int fd = -1;
    pid_t holder = 0;
    if (joined_run_path(home, id, ".lock", path) == OK && access(path, F_OK) == 0 &&
        file_lock(path, &fd, &holder) == ERR_EXISTS && holder > 1) {
        (void)kill(holder, SIGTERM);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void print_joined(const struct join *j, const struct link_joined *joined,
                         const char *id)
{
    struct grant g;
    const char *role = "";
    const struct bytes signed_grant = {joined->grant, joined->grant_len};
    if (grant_read(signed_grant, joined->host_key, &g) == OK) {
        role = grant_role_name(g.role);
    }
    if (!j->json) {
        cli_say("%sJoined %s%s as %s.\nNow: farhand attach --host '%s'", cli_bold(),
                joined->name, cli_plain(), role, joined->name);
        return;
    }
    json_t *line = event("joined");
    json_set_str(line, "hostId", id);
    json_set_str(line, "name", joined->name);
    json_set_str(line, "role", role);
    json_set_str(line, "relay", joined->n_urls == 0 ? "" : joined->urls[0]);
    print_json(line);
}

static int keep(const struct join *j, const struct link_joined *joined)
{
    char id[JOINED_ID_SIZE];
    joined_id(joined, id);
    enum err e = joined_save(j->home, joined);
    witness_forget(j->home, id);
    if (e == OK) {
        e = joined_keep_ca(j->home, id, j->ca);
    }
    if (e != OK) {
        (void)cli_fail(EXIT_HOME, "paired, but %s/hosts cannot be written: %s", j->home,
                       err_text(e));
        return EXIT_HOME;
    }
    end_old_keeper(j->home, id);
    print_joined(j, joined, id);
    return EXIT_DONE;
}

static void finish(struct join *j)
{
    if (j->lines != NULL) {
        stop_listening(j);
    }
    signal_close(j->interrupt);
    j->interrupt = NULL;
    link_pair_close(j->pair, NULL);
}

static void on_done(void *user, enum link_cause cause, const char *sentence,
                    const struct link_joined *joined)
{
    struct join *j = user;
    j->code = cause == LINK_OK ? keep(j, joined) : fail_with(j, cause, sentence);
    finish(j);
}

static void on_interrupt(void *user, int signum)
{
    (void)signum;
    struct join *j = user;
    j->code = fail_with(j, LINK_CANCELED, "cancelled");
    finish(j);
}

static const struct link_pair_ops ops = {
    .progress = on_progress,
    .digits = on_digits,
    .done = on_done,
};

/* ---- the command ------------------------------------------------------------------------ */

static void default_relay(const struct cli_args *args, const char *home, char *out,
                          size_t size)
{
    serve_default_relay(args, home, out, size);
    if (out[0] == '\0' && joined_last_relay(home, out, size) != OK) {
        out[0] = '\0';
    }
}

static void device_name(const struct cli_args *args, char *out, size_t size)
{
    const char *name = cli_value(args, "name");
    if (name != NULL && name[0] != '\0') {
        text_sanitize(bytes_from_str(name), out, size);
    } else if (gethostname(out, size) != 0) {
        text_sanitize(BYTES_LIT("computer"), out, size);
    }
    out[size - 1] = '\0';
}

/* "-": the link or phrase is the first line of stdin, and in no process list. */
static bool read_text(const char *word, char *out, size_t size)
{
    if (strcmp(word, "-") != 0) {
        return text_format(out, size, "%s", word) == OK;
    }
    size_t n = 0;
    while (n + 1 < size && read(STDIN_FILENO, out + n, 1) == 1 && out[n] != '\n') {
        n++;
    }
    out[n] = '\0';
    return n != 0;
}

static int pair(struct join *j, const struct link_pair_options *o)
{
    struct diag d = {.text = ""};
    j->loop = loop_create();
    const enum err e = link_pair_create(j->loop, o, &ops, j, &j->pair, &d);
    if (e == OK) {
        j->interrupt = signal_watch(j->loop, SIGINT, on_interrupt, j);
        link_pair_start(j->pair);
        loop_run(j->loop);
    } else {
        j->code = fail_with(j, e == ERR_EXPIRED ? LINK_EXPIRED : LINK_BAD_CODE, d.text);
    }
    loop_destroy(j->loop);
    return j->code;
}

static int run_join(struct cli_args *args)
{
    char home[PATH_MAX];
    char text[LINE_MAX_OCTETS];
    char relay[256];
    char name[65];
    crypto_init();
    if (!cli_has(args, "verbose")) {
        log_set_level(LOG_ERROR); // people read sentences, not log lines
    }
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    struct join j = {
        .home = home,
        .ca = cli_value(args, "ca"),
        .json = cli_has(args, "json"),
        .terminal = isatty(STDIN_FILENO) == 1,
        .code = EXIT_FAILED,
    };
    if (!read_text(args->words[0], text, sizeof(text))) {
        return cli_fail(EXIT_USAGE, "there is no link and no phrase on stdin");
    }
    default_relay(args, home, relay, sizeof(relay));
    device_name(args, name, sizeof(name));
    const struct link_pair_options o = {
        .text = text, .relay = relay, .name = name, .ca_file = cli_value(args, "ca")};
    const int code = pair(&j, &o);
    secret_wipe(text, sizeof(text));
    if (code == EXIT_DONE && relay[0] != '\0' && joined_keep_relay(home, relay) != OK) {
        return cli_fail(EXIT_HOME, "the relay cannot be remembered");
    }
    return code;
}

static const struct cli_option options[] = {
    {"relay", "URL",
     "the relay of a phrase (default: as up and pair do, then the last one)"},
    {"name", "NAME", "how this device is called on the host (default: its hostname)"},
    {"ca", "FILE", "authorities to trust besides the system's, for wss:// relays"},
    {"json", NULL, "one JSON object a line: progress, digits, joined or failed"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_join = {
    .name = "join",
    .words = "URL|PHRASE",
    .summary = "pair this machine with a host, to steer it from here",
    .text = "Takes the link of the QR code or the phrase that 'farhand up' or 'farhand "
            "pair' shows. With '-' it is read from the first line of stdin.\n\n"
            "Both sides then show six digits. With a phrase, say here too whether they "
            "match: 'y' at a terminal, the word 'matches' on stdin from a script.",
    .options = options,
    .n_options = COUNT(options),
    .least_words = 1,
    .most_words = 1,
    .run = run_join,
};
