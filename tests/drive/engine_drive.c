/*
 * engine_drive: the engine alone on stdin and stdout.
 *
 * Shape      a line of stdin is sent to the agent; what the agent says is a line of
 *            stdout; states are lines "# state …". "stop" ends the agent, the end of
 *            stdin leaves it alone. The functional tests talk through it to the real
 *            Codex and the practice model, without a hub in between.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/random.h"
#include "engine/engine.h"
#include "loop/stream.h"

#define LINE_MAX_IN (64u * 1024 * 1024)

struct drive {
    struct loop *loop;
    struct engine *engine;
    struct stream *in;
    struct buf text; // of stdin, not yet a line
    bool ending;
};

static void print_message(void *user, struct bytes text)
{
    (void)user;
    (void)fwrite(text.at, 1, text.len, stdout);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static void print_state(void *user, const struct engine_status *s)
{
    static const char *const names[] = {"starting", "ready", "loginRequired", "down"};
    (void)user;
    printf("# state %s joined=%d practice=%d shared=%d pid=%ld version=%s instance=%s "
           "error=%s\n",
           names[s->state], s->joined, s->practice, s->shared, (long)s->pid, s->version,
           s->instance, s->error);
    (void)fflush(stdout);
}

static void print_managed(void *user, bool managed)
{
    (void)user;
    printf("# managed=%d\n", managed);
    (void)fflush(stdout);
}

static void on_closed(void *user)
{
    struct drive *d = user;
    loop_stop(d->loop);
}

static void drive_end(struct drive *d)
{
    if (!d->ending) {
        d->ending = true;
        stream_close(d->in, NULL, NULL);
        engine_close(d->engine, on_closed, d);
    }
}

static void on_stopped(void *user)
{
    printf("# stopped\n");
    (void)fflush(stdout);
    drive_end(user);
}

static void take_line(struct drive *d, struct bytes line)
{
    if (bytes_equal_str(line, "stop")) {
        engine_stop_agent(d->engine, on_stopped, d);
    } else if (engine_send(d->engine, line) != OK) {
        printf("# not sent\n");
        (void)fflush(stdout);
    }
}

static void on_data(struct stream *s, void *user, uint8_t *at, size_t len)
{
    struct drive *d = user;
    (void)s;
    if (buf_put(&d->text, (struct bytes){at, len}) != OK) {
        drive_end(d);
        return;
    }
    for (;;) {
        const struct bytes all = buf_bytes(&d->text);
        const uint8_t *nl = all.len == 0 ? NULL : memchr(all.at, '\n', all.len);
        if (nl == NULL || d->ending) {
            return;
        }
        const size_t n = (size_t)(nl - all.at);
        take_line(d, bytes_sub(all, 0, n));
        buf_consume(&d->text, n + 1);
    }
}

static void on_end(struct stream *s, void *user, enum err e)
{
    (void)s;
    (void)e;
    drive_end(user);
}

static struct engine_options read_options(int argc, char **argv)
{
    struct engine_options o = {.codex_path = NULL};
    const struct {
        const char *name;
        const char **value;
    } values[] = {{"--codex", &o.codex_path},  {"--codex-home", &o.codex_home},
                  {"--endpoint", &o.endpoint}, {"--cwd", &o.cwd},
                  {"--run", &o.run_dir},       {"--home", &o.home},
                  {"--program", &o.program}};
    for (int i = 1; i < argc; i++) {
        o.practice = o.practice || strcmp(argv[i], "--practice") == 0;
        o.private_agent = o.private_agent || strcmp(argv[i], "--private") == 0;
        for (size_t k = 0; k < COUNT(values) && i + 1 < argc; k++) {
            if (strcmp(argv[i], values[k].name) == 0) {
                *values[k].value = argv[++i];
                break;
            }
        }
    }
    return o;
}

int main(int argc, char **argv)
{
    static const struct engine_ops ops = {.on_message = print_message,
                                          .on_state = print_state,
                                          .on_managed = print_managed};
    static const struct stream_events events = {.data = on_data, .end = on_end};
    struct drive d = {.ending = false};
    const struct engine_options o = read_options(argc, argv);
    if (o.run_dir == NULL) {
        fprintf(stderr, "engine_drive: --run DIR is needed\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    crypto_init();
    buf_init(&d.text, LINE_MAX_IN);
    d.loop = loop_create();
    if (stream_open(d.loop, 0, &d.in) != OK) {
        fprintf(stderr, "engine_drive: stdin must be a pipe or a socket\n");
        return 2;
    }
    stream_start(d.in, &events, &d);
    d.engine = engine_create(d.loop, &o, &ops, &d);
    engine_start(d.engine);
    loop_run(d.loop);
    while (loop_turn(d.loop)) {
    }
    loop_destroy(d.loop);
    buf_fini(&d.text);
    return 0;
}
