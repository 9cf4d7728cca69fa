#include "client/reach.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/child.h"
#include "loop/timer.h"
#include "loop/unix_addr.h"
#include "wire/ws.h"

#define POLL_MS     15u // while a keeper comes up
#define MESSAGE_MAX (64u * 1024 * 1024)
#define QUEUE_MAX   (80u * 1024 * 1024) // one message of that size, and then some

/* ---- which host --------------------------------------------------------------- */

/* Does somebody listen on this socket? A listener that is busy does. */
static bool is_served(const char *path)
{
    int fd = -1;
    const enum err e = unix_addr_connect(path, &fd);
    if (e == OK) {
        (void)close(fd);
    }
    return e == OK || e == ERR_AGAIN;
}

static enum err local_target(const char *home, struct target *out, struct diag *d)
{
    struct target t = {.local = true, .name = "local"};
    const enum err e =
        text_format(t.socket, sizeof(t.socket), "%s/run/host.sock", home);
    if (e != OK) {
        return e;
    }
    if (!is_served(t.socket)) {
        diag_set(d, "no host runs here: start one with 'farhand up' or 'farhand host'");
        return ERR_NOT_FOUND;
    }
    *out = t;
    return OK;
}

static enum err joined_target(const char *home, const char *name, struct target *out,
                              struct diag *d)
{
    struct link_joined j;
    enum err e = joined_find(home, name, &j, d);
    if (e != OK) {
        return e;
    }
    struct target t = {.local = false};
    joined_id(&j, t.id);
    memcpy(t.name, j.name, sizeof(t.name));
    link_joined_wipe(&j);
    e = joined_run_path(home, t.id, ".sock", t.socket);
    if (e == OK) {
        *out = t;
    }
    return e;
}

enum err target_find(const char *home, const char *name, struct target *out,
                     struct diag *d)
{
    if (name != NULL && strcmp(name, "local") == 0) {
        return local_target(home, out, d);
    }
    if (name == NULL && local_target(home, out, NULL) == OK) {
        return OK;
    }
    const enum err e = joined_target(home, name, out, d);
    if (e == ERR_NOT_FOUND && name == NULL && d != NULL) {
        d->text[0] = '\0';
        diag_set(d,
                 "no host runs here and none is joined: start one with 'farhand up', "
                 "or pair with 'farhand join URL|PHRASE'");
    }
    return e;
}

/* ---- causes ----------------------------------------------------------------------- */

static const struct {
    enum link_cause cause;
    unsigned status;
    const char *sentence;
} refusals[] = {
    {LINK_REVOKED, 410, "the host has removed this device: pair again"},
    {LINK_EXPIRED, 402, "this pairing has expired: pair again"},
    {LINK_FORBIDDEN, 403, "the host forbids it"},
    {LINK_UNTRUSTED, 401,
     "the host does not accept this pairing (removed there, or reset): pair again"},
    {LINK_RELAY_DOWN, 502,
     "the relay cannot be reached: is it running, is its address "
     "right?"},
    {LINK_RELAY_REFUSED, 421,
     "the relay does not admit this device: it may have been removed on the host"},
    {LINK_HOST_OFFLINE, 503,
     "the host is offline: start 'farhand up' or 'farhand host' there"},
    {LINK_TIMEOUT, 504, "the relay or the host does not answer in time"},
    {LINK_TOO_MANY, 429, "the host or the relay is at a limit; try again later"},
    {LINK_REPLACED, 409,
     "another process with this device's keys took the session over"},
    {LINK_LOST, 500, "the connection to the host broke off"},
};

unsigned reach_status(enum link_cause cause)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        if (refusals[i].cause == cause) {
            return refusals[i].status;
        }
    }
    return 500;
}

/* ---- the way there ------------------------------------------------------------------ */

struct reach {
    struct loop *loop;
    char home[PATH_MAX];
    char program[PATH_MAX];
    struct target target;
    reach_done_fn *done;
    void *user;
    struct dial *dial; // NULL between tries
    struct timer retry;
    uint64_t give_up_ms;
    struct child *keeper; // NULL: none was started, or it has ended
    bool started;         // a keeper was
    bool canceled;
};

static void try_dial(struct reach *r);

static void finish(struct reach *r, enum link_cause cause, const char *sentence,
                   struct ws_conn *ws)
{
    timer_stop(&r->retry);
    if (r->keeper != NULL) {
        child_close(r->keeper, NULL, NULL); // watching it would keep our loop alive
    }
    r->done(r->user, cause, sentence, ws);
    mem_free(r);
}

static void on_retry(struct timer *t)
{
    struct reach *r = CONTAINER_OF(t, struct reach, retry);
    if (r->canceled) {
        finish(r, LINK_CANCELED, "cancelled", NULL);
    } else {
        try_dial(r);
    }
}

static void on_keeper_exit(struct child *c, void *user, int code, int signum)
{
    struct reach *r = user;
    log_debug("reach.keeper_exit", "code=%d signal=%d", code, signum);
    r->keeper = NULL;
    child_close(c, NULL, NULL);
}

/* Detached: it outlives us, and the next command finds it. */
static enum err start_keeper(struct reach *r, struct diag *d)
{
    char log_path[PATH_MAX];
    char folder[PATH_MAX];
    const char *const argv[] = {r->program, "session",    "--home", r->home,
                                "--host",   r->target.id, NULL};
    enum err e = text_format(folder, sizeof(folder), "%s/run/hosts", r->home);
    if (e == OK) {
        e = file_make_dir(folder, 0700);
    }
    if (e == OK) {
        e = joined_run_path(r->home, r->target.id, ".log", log_path);
    }
    if (e != OK) {
        diag_set(d, "the folder %s/run cannot be used", r->home);
        return e;
    }
    const struct child_options options = {
        .file = r->program,
        .argv = argv,
        .stderr_path = log_path,
        .detached = true,
    };
    return child_spawn(r->loop, &options, on_keeper_exit, r, d, &r->keeper);
}

static void on_nobody(struct reach *r)
{
    struct diag d = {.text = ""};
    if (r->target.local) {
        finish(r, LINK_HOST_OFFLINE,
               "the host on this machine does not run: start it with 'farhand up'",
               NULL);
        return;
    }
    if (!r->started && start_keeper(r, &d) != OK) {
        finish(r, LINK_LOST, d.text, NULL);
        return;
    }
    r->started = true;
    if (loop_now_ms(r->loop) >= r->give_up_ms) {
        finish(r, LINK_LOST,
               "the session process of this host does not start: see its "
               "log in run/hosts",
               NULL);
        return;
    }
    timer_start(r->loop, &r->retry, POLL_MS, on_retry);
}

static void on_refused(struct reach *r, const struct dial_result *result)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        if (refusals[i].status == result->http_status) {
            finish(r, refusals[i].cause, refusals[i].sentence, NULL);
            return;
        }
    }
    finish(r, LINK_LOST, result->text, NULL);
}

static void on_dialed(void *user, enum err e, const struct dial_result *result)
{
    struct reach *r = user;
    r->dial = NULL;
    if (e == OK && r->canceled) {
        ws_conn_abort(result->ws);
    }
    if (r->canceled) {
        finish(r, LINK_CANCELED, "cancelled", NULL);
    } else if (e == OK) {
        finish(r, LINK_OK, "connected", result->ws);
    } else if (result->http_status != 0) {
        on_refused(r, result);
    } else if (e == ERR_NOT_FOUND || e == ERR_IO) {
        on_nobody(r);
    } else {
        finish(r, e == ERR_EXPIRED ? LINK_TIMEOUT : LINK_LOST, result->text, NULL);
    }
}

static void try_dial(struct reach *r)
{
    char url[PATH_MAX + sizeof("unix://")];
    if (text_format(url, sizeof(url), "unix://%s", r->target.socket) != OK) {
        finish(r, LINK_LOST, "the path of the socket is too long", NULL);
        return;
    }
    const struct dial_options options = {
        .url = url,
        .target = "/rpc",
        .timeout_ms = REACH_WAIT_MS,
        .ws = {.max_message = MESSAGE_MAX,
               .max_queue = QUEUE_MAX,
               .ping_ms = UINT32_MAX},
    };
    r->dial = dial_ws(r->loop, &options, on_dialed, r);
}

struct reach *reach_open(struct loop *loop, const struct reach_options *o,
                         reach_done_fn *done, void *user)
{
    struct reach *r = mem_new(sizeof(*r));
    r->loop = loop;
    r->target = *o->target;
    r->done = done;
    r->user = user;
    r->give_up_ms = loop_now_ms(loop) + REACH_START_MS;
    if (text_format(r->home, sizeof(r->home), "%s", o->home) != OK ||
        text_format(r->program, sizeof(r->program), "%s",
                    o->program != NULL ? o->program : "") != OK) {
        r->canceled = true; // a path longer than the system allows
    }
    timer_start(loop, &r->retry, 0, on_retry);
    return r;
}

void reach_cancel(struct reach *r)
{
    r->canceled = true;
    if (r->dial != NULL) {
        dial_cancel(r->dial);
    } else {
        timer_start(r->loop, &r->retry, 0, on_retry);
    }
}
