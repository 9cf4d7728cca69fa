#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "crypto/random.h"
#include "engine/codex/record.h"
#include "engine/practice/home.h"
#include "engine/practice/model.h"
#include "engine/practice/step.h"
#include "loop/signal.h"

#define WORD_LINE(name, argument, kind, text, count, pace_ms, takes_numbers) \
    "\n  " name " " argument "\n      " text

static const struct cli_option options[] = {
    {"port", "N", "listen on this port of 127.0.0.1 (0, the default: a free one)"},
    {"codex-home", "DIR", "write a CODEX_HOME that uses this model"},
    {"trust", "DIR", "a folder that CODEX_HOME trusts (default: this one)"},
    {"image", "FILE", "what the word 'image' looks at when it names nothing"},
    {"run", "DIR", "keep the port and the process id in DIR (the host does)"},
    CLI_COMMON_OPTIONS,
};

struct practice {
    struct loop *loop;
    struct model *model;
    struct signal_watch *on_int;
    struct signal_watch *on_term;
};

static void on_signal(void *user, int signum)
{
    struct practice *p = user;
    (void)signum;
    loop_stop(p->loop);
}

static void on_closed(void *user)
{
    struct practice *p = user;
    loop_stop(p->loop);
}

/* The port of the last time first: a Codex that still runs knows no other. */
static enum err listen_somewhere(struct practice *p, const struct cli_args *args,
                                 uint16_t asked, struct diag *diag, uint16_t *out)
{
    const char *run = cli_value(args, "run");
    const uint16_t last =
        run != NULL && asked == 0 ? record_last_port(run, RECORD_MODEL) : 0;
    if (last != 0 && model_listen(p->model, last, NULL, out) == OK) {
        return OK;
    }
    return model_listen(p->model, asked, diag, out);
}

static enum err write_home(const struct cli_args *args, uint16_t port)
{
    const char *dir = cli_value(args, "codex-home");
    const char *trust = cli_value(args, "trust");
    char here[PATH_MAX];
    char full[PATH_MAX];
    if (dir == NULL) {
        return OK;
    }
    if (getcwd(here, sizeof(here)) == NULL) {
        return ERR_IO;
    }
    const enum err e = dir[0] == '/'
                           ? text_format(full, sizeof(full), "%s", dir)
                           : text_format(full, sizeof(full), "%s/%s", here, dir);
    return e != OK ? e : home_write(full, port, trust != NULL ? trust : here);
}

static int serve(struct practice *p, const struct cli_args *args, uint16_t asked)
{
    struct diag diag = {.text = ""};
    uint16_t port = 0;
    enum err e = listen_somewhere(p, args, asked, &diag, &port);
    if (e != OK) {
        return cli_fail(e == ERR_EXISTS ? EXIT_TAKEN : EXIT_FAILED, "%s", diag.text);
    }
    if (write_home(args, port) != OK) {
        return cli_fail(EXIT_HOME, "cannot write into %s",
                        cli_value(args, "codex-home"));
    }
    const char *run = cli_value(args, "run");
    if (run != NULL && record_write(run, RECORD_MODEL, getpid(), port) != OK) {
        return cli_fail(EXIT_HOME, "cannot write into %s", run);
    }
    cli_say("practice model on http://127.0.0.1:%u/v1", (unsigned)port);
    if (cli_value(args, "codex-home") != NULL) {
        cli_say("try it: CODEX_HOME=%s codex", cli_value(args, "codex-home"));
    }
    log_info("model.listen", "port=%u", (unsigned)port);
    loop_run(p->loop);
    return EXIT_DONE;
}

static int run_practice_model(struct cli_args *args)
{
    uint64_t port = 0;
    const char *asked = cli_value(args, "port");
    if (asked != NULL && u64_parse(bytes_from_str(asked), UINT16_MAX, &port) != OK) {
        return cli_fail(EXIT_USAGE, "--port wants a number up to 65535, not '%s'",
                        asked);
    }
    crypto_init();
    const char *image = cli_value(args, "image");
    struct practice p = {.loop = loop_create()};
    p.model = model_create(p.loop, image != NULL ? image : HOME_IMAGE);
    p.on_int = signal_watch(p.loop, SIGINT, on_signal, &p);
    p.on_term = signal_watch(p.loop, SIGTERM, on_signal, &p);
    const int code = serve(&p, args, (uint16_t)port);
    model_close(p.model, on_closed, &p);
    loop_run(p.loop);
    signal_close(p.on_int);
    signal_close(p.on_term);
    while (loop_turn(p.loop)) {
    }
    loop_destroy(p.loop);
    return code;
}

const struct cli_command cmd_practice_model = {
    .name = "practice-model",
    .words = "",
    .summary = "serve a scripted model, so that Codex runs without an account",
    .text =
        "A server of the Responses API on loopback, without intelligence: plain words "
        "of the newest prompt say what it does, one step a line. After a command it "
        "says the first line that the command printed. 'farhand up' uses it when "
        "nobody is logged in to Codex, or with --practice.\n"
        "\n"
        "The words:" STEP_WORDS(WORD_LINE),
    .options = options,
    .n_options = COUNT(options),
    .run = run_practice_model,
};
