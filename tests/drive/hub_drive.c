/*
 * hub_drive: engine, hub and local door, without devices, relay and state.
 *
 * Shape      `hub_drive --run DIR --home DIR --cwd DIR [--practice] [--program P]`
 *            serves DIR/host.sock until stdin ends; states and the hub's events are
 *            lines of stdout. "stop" on stdin ends the agent too.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/random.h"
#include "engine/engine.h"
#include "host/hub.h"
#include "host/local_door.h"
#include "loop/stream.h"
#include "loop/timer.h"
#include "wire/json.h"

struct drive {
    struct loop *loop;
    struct engine *engine;
    struct hub *hub;
    struct local_door *door;
    struct stream *in;
    struct timer timer;
    bool ending;
};

static void on_message(void *user, struct bytes text)
{
    struct drive *d = user;
    hub_upstream(d->hub, text, loop_now_ms(d->loop));
}

static void on_state(void *user, const struct engine_status *s)
{
    static const char *const names[] = {"starting", "ready", "loginRequired", "down"};
    struct drive *d = user;
    hub_engine_state(d->hub, s, loop_now_ms(d->loop));
    local_door_set_agent(d->door, s->pid);
    printf("# state %s %s\n", names[s->state], s->error);
    (void)fflush(stdout);
}

static enum err to_agent(void *user, struct bytes text)
{
    struct drive *d = user;
    return engine_send(d->engine, text);
}

static void on_call(void *user, struct controller *c, struct call *call)
{
    (void)user;
    (void)c;
    hub_reply(call, json_object());
}

static void on_event(void *user, const struct hub_event *e)
{
    (void)user;
    printf("# event %d %s %s %s\n", (int)e->kind, e->method != NULL ? e->method : "-",
           e->by != NULL ? e->by->name : "-", e->detail != NULL ? e->detail : "-");
    (void)fflush(stdout);
}

static bool is_folder(void *user, const char *path)
{
    struct stat st;
    (void)user;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void on_timer(struct timer *t)
{
    struct drive *d = CONTAINER_OF(t, struct drive, timer);
    hub_tick(d->hub, loop_now_ms(d->loop));
}

static void wake(void *user, uint64_t at_ms)
{
    struct drive *d = user;
    const uint64_t now = loop_now_ms(d->loop);
    timer_start(d->loop, &d->timer, at_ms > now ? at_ms - now : 0, on_timer);
}

static void on_engine_closed(void *user)
{
    struct drive *d = user;
    loop_stop(d->loop);
}

static void on_door_closed(void *user)
{
    struct drive *d = user;
    engine_close(d->engine, on_engine_closed, d);
}

static void on_stopped(void *user)
{
    struct drive *d = user;
    local_door_close(d->door, on_door_closed, d);
}

static void drive_end(struct drive *d, bool stop)
{
    if (d->ending) {
        return;
    }
    d->ending = true;
    stream_close(d->in, NULL, NULL);
    if (stop) {
        engine_stop_agent(d->engine, on_stopped, d);
    } else {
        on_stopped(d);
    }
}

static void on_data(struct stream *s, void *user, uint8_t *at, size_t len)
{
    (void)s;
    drive_end(user, len >= 4 && memcmp(at, "stop", 4) == 0);
}

static void on_end(struct stream *s, void *user, enum err e)
{
    (void)s;
    (void)e;
    drive_end(user, false);
}

static struct engine_options read_options(int argc, char **argv)
{
    struct engine_options o = {.codex_path = NULL};
    const struct {
        const char *name;
        const char **value;
    } values[] = {{"--codex-home", &o.codex_home},
                  {"--endpoint", &o.endpoint},
                  {"--cwd", &o.cwd},
                  {"--run", &o.run_dir},
                  {"--home", &o.home},
                  {"--program", &o.program}};
    for (int i = 1; i < argc; i++) {
        o.practice = o.practice || strcmp(argv[i], "--practice") == 0;
        for (size_t k = 0; k < COUNT(values) && i + 1 < argc; k++) {
            if (strcmp(argv[i], values[k].name) == 0) {
                *values[k].value = argv[++i];
                break;
            }
        }
    }
    return o;
}

static bool drive_open(struct drive *d, const struct engine_options *o)
{
    static const struct engine_ops engine_ops = {.on_message = on_message,
                                                 .on_state = on_state};
    static const struct hub_ops hub_ops = {.upstream = to_agent,
                                           .call = on_call,
                                           .event = on_event,
                                           .is_folder = is_folder,
                                           .wake = wake};
    static const struct stream_events events = {.data = on_data, .end = on_end};
    const struct hub_options hub_options = {
        .codex_home = o->home, .cwd = o->cwd, .host_name = "drive"};
    struct diag diag = {.text = ""};
    char path[4096];
    d->loop = loop_create();
    d->hub = hub_create(&hub_options, &hub_ops, d);
    d->engine = engine_create(d->loop, o, &engine_ops, d);
    if (text_format(path, sizeof(path), "%s/host.sock", o->run_dir) != OK ||
        local_door_open(d->loop, d->hub, path, &diag, &d->door) != OK ||
        stream_open(d->loop, 0, &d->in) != OK) {
        fprintf(stderr, "hub_drive: %s\n", diag.text);
        return false;
    }
    stream_start(d->in, &events, d);
    engine_start(d->engine);
    return true;
}

int main(int argc, char **argv)
{
    struct drive d = {.ending = false};
    const struct engine_options o = read_options(argc, argv);
    if (o.run_dir == NULL || o.cwd == NULL || o.home == NULL) {
        fprintf(stderr, "hub_drive: --run, --home and --cwd are needed\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    crypto_init();
    if (!drive_open(&d, &o)) {
        return 1;
    }
    loop_run(d.loop);
    timer_stop(&d.timer);
    hub_destroy(d.hub);
    loop_destroy(d.loop);
    return 0;
}
