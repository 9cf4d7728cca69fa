#include "client/keeper.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "client/joined.h"
#include "client/reach.h"
#include "link_rig.h"
#include "net/dial.h"
#include "wire/ws.h"

/* A host in this process, its keeper in another, and a client of the keeper. */
struct scene {
    struct rig r;
    char home[64];
    char id[JOINED_ID_SIZE];
    char url[PATH_MAX];
    pid_t pid;
};

struct client {
    struct ws_conn *ws;
    bool done;
    enum err result;
    unsigned status;
    bool closed;
    uint16_t code;
};

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    (void)ws;
    (void)user;
    (void)text;
    (void)payload;
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct client *c = user;
    (void)ws;
    (void)e;
    c->ws = NULL;
    c->closed = true;
    c->code = code;
}

static const struct ws_conn_events events = {.message = on_message,
                                             .closed = on_closed};

static void on_dialed(void *user, enum err e, const struct dial_result *result)
{
    struct client *c = user;
    c->done = true;
    c->result = e;
    c->status = result->http_status;
    if (e == OK) {
        c->ws = result->ws;
        ws_conn_start(c->ws, &events, c);
    }
}

static void dial(struct scene *s, struct client *c)
{
    const struct dial_options o = {
        .url = s->url,
        .target = "/rpc",
        .ws = {.max_message = 1u << 20, .max_queue = 1u << 20}};
    *c = (struct client){.done = false};
    (void)dial_ws(s->r.loop, &o, on_dialed, c);
    RIG_UNTIL(&s->r, c->done);
}

static void start_keeper(struct scene *s)
{
    s->pid = fork();
    TRUE(s->pid >= 0);
    if (s->pid == 0) {
        const struct keeper_options o = {.home = s->home, .host_id = s->id};
        struct diag d = {.text = ""};
        _exit(keeper_run(&o, &d) == OK ? 0 : 1);
    }
}

static void scene_open(struct scene *s, struct client *c)
{
    struct rig_ctrl ctrl;
    char path[PATH_MAX];
    *s = (struct scene){.pid = -1};
    rig_init(&s->r);
    rig_join(&s->r, &ctrl);
    rig_disconnect(&ctrl);
    EQ_INT(text_format(s->home, sizeof(s->home), "/tmp/farhand-keeper-XXXXXX"), OK);
    TRUE(mkdtemp(s->home) != NULL);
    EQ_INT(joined_save(s->home, &ctrl.joined), OK);
    joined_id(&ctrl.joined, s->id);
    EQ_INT(joined_run_path(s->home, s->id, ".sock", path), OK);
    EQ_INT(text_format(s->url, sizeof(s->url), "unix://%s", path), OK);
    start_keeper(s);
    const uint64_t end_ms = clock_mono_ms() + RIG_WAIT_MS;
    do { // until it listens
        rig_pause(&s->r, 10);
        dial(s, c);
    } while (c->result != OK && c->status == 0 && clock_mono_ms() < end_ms);
    EQ_INT(c->result, OK);
}

static void scene_close(struct scene *s)
{
    char path[PATH_MAX];
    int status = -1;
    EQ_INT(kill(s->pid, SIGTERM), 0);
    EQ_INT(waitpid(s->pid, &status, 0), s->pid);
    TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EQ_INT(joined_run_path(s->home, s->id, ".lock", path), OK);
    EQ_INT(unlink(path), 0);
    EQ_INT(text_format(path, sizeof(path), "%s/hosts/%s/joined.json", s->home, s->id),
           OK);
    EQ_INT(unlink(path), 0);
    EQ_INT(text_format(path, sizeof(path), "%s/hosts/%s", s->home, s->id), OK);
    EQ_INT(rmdir(path), 0);
    static const char *const left[] = {"run/hosts", "run", "hosts", ""};
    for (size_t i = 0; i < COUNT(left); i++) {
        EQ_INT(text_format(path, sizeof(path), "%s/%s", s->home, left[i]), OK);
        EQ_INT(rmdir(path), 0);
    }
    rig_fini(&s->r);
}

/* The host goes, comes back, and refuses this device. */
static void refuse(struct scene *s, uint8_t code)
{
    s->r.deny = code;
    rig_host_stop(&s->r);
    rig_host_start(&s->r);
}

TEST(an_end_is_told_as_what_it_is)
{
    static const struct {
        const char *name;
        uint8_t deny;
        uint16_t close_code;
        enum link_cause cause;
    } cases[] = {
        {"revoked", DENIED_REVOKED, WS_CLOSE_POLICY, LINK_REVOKED},
        {"expired", DENIED_EXPIRED, WS_CLOSE_RESTART, LINK_EXPIRED},
        {"forbidden", DENIED_FORBIDDEN, WS_CLOSE_RESTART, LINK_FORBIDDEN},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene s;
        struct client c;
        struct client late;
        struct link_joined kept;
        CASE(cases[i].name);
        scene_open(&s, &c);
        refuse(&s, cases[i].deny);
        RIG_UNTIL(&s.r, c.closed);
        EQ_INT(c.code, cases[i].close_code);
        dial(&s, &late);
        EQ_INT(late.status, reach_status(cases[i].cause));
        EQ_INT(joined_load(s.home, s.id, &kept), OK);
        EQ_INT(kept.revoked, cases[i].deny == DENIED_REVOKED);
        scene_close(&s);
    }
}

/* ---- reach --------------------------------------------------------------------------- */

static void no_request(struct http_exchange *x, void *user)
{
    (void)user;
    http_reply_text(x, 404, "nothing here");
}

static bool server_gone;

static void on_server_gone(void *user)
{
    (void)user;
    server_gone = true;
}

TEST(a_host_in_a_deep_folder_is_found)
{
    char home[PATH_MAX];
    char path[PATH_MAX];
    char top[] = "/tmp/farhand-deep-XXXXXX";
    struct rig r = {.loop = loop_create()};
    struct target t;
    struct diag d = {.text = ""};
    const struct http_server_options o = {.request = no_request};
    TRUE(mkdtemp(top) != NULL);
    EQ_INT(text_format(home, sizeof(home), "%s/%0120d", top, 0), OK);
    EQ_INT(text_format(path, sizeof(path), "%s/run", home), OK);
    EQ_INT(mkdir(home, 0700), 0);
    EQ_INT(mkdir(path, 0700), 0);
    EQ_INT(target_find(home, "local", &t, &d), ERR_NOT_FOUND);
    struct http_server *server = http_server_create(r.loop, &o);
    EQ_INT(text_format(path, sizeof(path), "%s/run/host.sock", home), OK);
    EQ_INT(http_server_listen_unix(server, path, &d), OK);
    EQ_INT(target_find(home, "local", &t, &d), OK);
    EQ_STR(t.socket, path);
    server_gone = false;
    http_server_close(server, on_server_gone, NULL);
    RIG_UNTIL(&r, server_gone);
    loop_destroy(r.loop);
    (void)unlink(path);
    EQ_INT(text_format(path, sizeof(path), "%s/run", home), OK);
    EQ_INT(rmdir(path), 0);
    EQ_INT(rmdir(home), 0);
    EQ_INT(rmdir(top), 0);
}

struct reached {
    bool done;
    enum link_cause cause;
};

static void on_reached(void *user, enum link_cause cause, const char *sentence,
                       struct ws_conn *ws)
{
    struct reached *got = user;
    (void)sentence;
    (void)ws;
    *got = (struct reached){.done = true, .cause = cause};
}

TEST(who_names_no_program_is_told_that_the_host_is_not_there)
{
    struct rig r = {.loop = loop_create()};
    const struct target t = {.local = true, .socket = "/nonexistent/host.sock"};
    const struct reach_options o = {.home = "/nonexistent", .target = &t};
    struct reached got = {.done = false};
    (void)reach_open(r.loop, &o, on_reached, &got);
    RIG_UNTIL(&r, got.done);
    EQ_INT(got.cause, LINK_HOST_OFFLINE);
    loop_destroy(r.loop);
}

RUN_TESTS(T(an_end_is_told_as_what_it_is), T(a_host_in_a_deep_folder_is_found),
          T(who_names_no_program_is_told_that_the_host_is_not_there))
