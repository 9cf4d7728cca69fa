#include "host/host.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rest.h"
#include "base/text.h"
#include "crypto/random.h"
#include "host/daemon.h"
#include "net/http_server.h"

#define SETTING_ENABLED    "remote_control_enabled"
#define SETTING_LANE_EPOCH "lane_epoch"
#define REST_AFTER_MS      3000u

/* ---- the agent --------------------------------------------------------------------- */

static void on_agent_message(void *user, struct bytes text)
{
    struct host *h = user;
    h->engine_heard_ms = loop_now_ms(h->loop);
    if (h->closed == NULL) {
        hub_upstream(h->hub, text, loop_now_ms(h->loop));
    }
}

static enum err to_agent(void *user, struct bytes text)
{
    const struct host *h = user;
    return h->engine == NULL ? ERR_CLOSED : engine_send(h->engine, text);
}

static void start_engine(struct host *h);
static void part_closed(void *user);

static void on_old_engine_gone(void *user)
{
    struct host *h = user;
    h->replacing_engine = false;
    if (h->closed != NULL) {
        part_closed(h);
        return;
    }
    start_engine(h);
}

static void on_old_agent_gone(void *user)
{
    struct host *h = user;
    struct engine *old = h->engine;
    h->engine = NULL;
    engine_close(old, on_old_engine_gone, h);
}

static void rest_later(void *user);

/* There is no login: the practice model stands in, and status says so. The agent that
 * was started for the account has nothing to do; one that was joined is left alone. */
static void fall_back(struct host *h)
{
    log_info("agent.practice", "reason=\"no login\"");
    h->practice_fallback = false;
    h->replacing_engine = true;
    h->engine_options.practice = true;
    engine_stop_agent(h->engine, on_old_agent_gone, h);
}

static void on_agent_state(void *user, const struct engine_status *status)
{
    struct host *h = user;
    if (h->replacing_engine || h->closed != NULL) {
        return; // of one that is on its way out
    }
    if (status->state == ENGINE_LOGIN_REQUIRED && h->practice_fallback) {
        fall_back(h); // whoever asks meanwhile waits, as for any agent that starts
        return;
    }
    h->engine_status = *status;
    h->engine_silent = false;
    if (status->state == ENGINE_READY) {
        h->engine_heard_ms = loop_now_ms(h->loop); // it has just shaken hands
    }
    log_info("agent.state", "state=%d version=%s joined=%d practice=%d error=\"%s\"",
             (int)status->state, status->version, status->joined, status->practice,
             status->error);
    hub_engine_state(h->hub, status, loop_now_ms(h->loop));
    if (h->door != NULL) {
        local_door_set_agent(h->door, status->pid);
    }
    host_changed(h);
    rest_later(h);
    h->ops.engine(h->user, status);
}

static void on_agent_silent(void *user, bool silent)
{
    struct host *h = user;
    if (h->closed == NULL && !h->replacing_engine) {
        h->engine_silent = silent;
        host_changed(h);
    }
}

static void on_agent_managed(void *user, bool managed)
{
    struct host *h = user;
    if (h->closed == NULL && !h->replacing_engine) {
        h->engine_status.managed = managed;
        host_changed(h);
    }
}

static void start_engine(struct host *h)
{
    static const struct engine_ops ops = {.on_message = on_agent_message,
                                          .on_state = on_agent_state,
                                          .on_silent = on_agent_silent,
                                          .on_managed = on_agent_managed};
    h->engine = engine_create(h->loop, &h->engine_options, &ops, h);
    engine_start(h->engine);
}

/* ---- the hub's timer ------------------------------------------------------------------ */

static void on_hub_timer(struct timer *t)
{
    struct host *h = CONTAINER_OF(t, struct host, hub_timer);
    hub_tick(h->hub, loop_now_ms(h->loop));
}

/* Whoever spoke to the hub: an agent, a device, a local program. */
static void on_hub_wake(void *user, uint64_t at_ms)
{
    struct host *h = user;
    const uint64_t now = loop_now_ms(h->loop);
    if (h->closed == NULL) {
        timer_start(h->loop, &h->hub_timer, at_ms > now ? at_ms - now : 0,
                    on_hub_timer);
    }
}

/* ---- rest ----------------------------------------------------------------------------- */

static void on_rest(struct timer *t)
{
    (void)t;
    rest_now();
}

/* Someone may come back at once: the last to go counts. */
static void rest_later(void *user)
{
    struct host *h = user;
    if (h->closed == NULL) {
        timer_start(h->loop, &h->rest_timer, REST_AFTER_MS, on_rest);
    }
}

static json_t *status_for(void *user, const struct controller_info *who)
{
    return status_json(user, who);
}

void host_changed(struct host *h)
{
    hub_tell_each(h->hub, "farhand/status/changed", status_for, h);
}

static const char *or_dash(const char *text)
{
    return text == NULL ? "-" : text;
}

static void on_hub_event(void *user, const struct hub_event *e)
{
    static const char *const names[] = {
        [HUB_EVENT_REQUEST] = "request", [HUB_EVENT_DECIDED] = "decided",
        [HUB_EVENT_OUTSIDE] = "outside", [HUB_EVENT_WITHDRAWN] = "withdrawn",
        [HUB_EVENT_REFUSED] = "refused", [HUB_EVENT_CLAMPED] = "clamped",
    };
    book_event(user, e);
    if (e->kind >= HUB_EVENT_CALLED) {
        return; // every call and every turn: the audit log has them
    }
    log_info("hub.event", "kind=%s by=\"%s\" pid=%d method=%s thread=%s detail=\"%s\"",
             names[e->kind], e->by == NULL ? "-" : e->by->name,
             e->by == NULL ? 0 : (int)e->by->pid, or_dash(e->method),
             or_dash(e->thread_id), or_dash(e->detail));
}

static bool on_is_folder(void *user, const char *path)
{
    (void)user;
    return file_is_dir(path);
}

/* ---- create ------------------------------------------------------------------------------ */

static enum err copy_text(char *out, size_t size, const char *text)
{
    return text_format(out, size, "%s", text == NULL ? "" : text);
}

static void machine_name_of(char *out, size_t size)
{
    char raw[256] = "";
    if (gethostname(raw, sizeof(raw) - 1) != 0 || raw[0] == '\0') {
        (void)copy_text(raw, sizeof(raw), "this machine");
    }
    text_sanitize(bytes_from_str(raw), out, size);
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static enum err copy_options(struct host *h, const struct host_options *o)
{
    const struct engine_options *e = &o->engine;
    if (copy_text(h->home, sizeof(h->home), o->home) != OK ||
        copy_text(h->cwd, sizeof(h->cwd), o->cwd) != OK ||
        copy_text(h->codex_path, sizeof(h->codex_path), e->codex_path) != OK ||
        copy_text(h->codex_home, sizeof(h->codex_home), e->codex_home) != OK ||
        copy_text(h->last_resort, sizeof(h->last_resort), e->last_resort) != OK ||
        copy_text(h->codex_endpoint, sizeof(h->codex_endpoint), e->endpoint) != OK ||
        copy_text(h->app_server, sizeof(h->app_server), o->app_server) != OK ||
        copy_text(h->listen, sizeof(h->listen), o->listen) != OK ||
        copy_text(h->profile, sizeof(h->profile), o->profile) != OK ||
        text_format(h->run_dir, sizeof(h->run_dir), "%s/run", o->home) != OK) {
        return ERR_LIMIT;
    }
    if (o->name != NULL) {
        text_sanitize(bytes_from_str(o->name), h->name, sizeof(h->name));
    } else {
        machine_name_of(h->name, sizeof(h->name));
    }
    h->practice_fallback = o->practice_fallback && e->endpoint == NULL;
    h->engine_options = *e;
    h->engine_options.codex_path = or_null(h->codex_path);
    h->engine_options.codex_home = or_null(h->codex_home);
    h->engine_options.endpoint = or_null(h->codex_endpoint);
    h->engine_options.last_resort = or_null(h->last_resort);
    h->engine_options.cwd = h->cwd;
    h->engine_options.run_dir = h->run_dir;
    h->engine_options.home = h->home;
    return OK;
}

static enum err take_lock(struct host *h, struct diag *d)
{
    char path[PATH_MAX];
    pid_t holder = 0;
    enum err e = file_make_dir(h->run_dir, 0700);
    e = e != OK ? e : text_format(path, sizeof(path), "%s/run/host.lock", h->home);
    e = e != OK ? e : file_lock(path, &h->lock_fd, &holder);
    if (e == ERR_EXISTS) {
        diag_set(
            d,
            "a host is already running on %s (pid %ld): 'farhand status' shows it, "
            "'farhand stop' ends it",
            h->home, (long)holder);
    } else if (e != OK) {
        diag_set(d, "%s/run cannot be used: %s", h->home, err_text(e));
    }
    return e;
}

static enum err open_state(struct host *h, struct diag *d)
{
    char path[PATH_MAX];
    enum err e = text_format(path, sizeof(path), "%s/state.db", h->home);
    e = e != OK ? e : keys_open(h->home, &h->keys, d);
    e = e != OK ? e : store_open(path, &h->store, d);
    e = e != OK ? e : devices_open(h->store, &h->keys, &h->devices);
    if (e != OK) {
        diag_set(d, "the state in %s cannot be used: %s", h->home, err_text(e));
    }
    return e;
}

static enum err open_book(struct host *h, struct diag *d)
{
    enum err e = book_open(h, d);
    e = e != OK ? e : ledger_mend(h);
    if (e != OK) {
        diag_set(d, "the log in %s cannot be used: %s", h->home, err_text(e));
    }
    return e;
}

static enum err load_rules(struct host *h, struct diag *d)
{
    const struct rulebook_from from = {.home = h->home,
                                       .workspace = h->cwd,
                                       .profile = or_null(h->profile),
                                       .admin = &h->requirements,
                                       .trusted = trust_is_given(h)};
    devices_cap(h->devices, h->requirements.max_role);
    return rulebook_load(&from, &h->rulebook, d);
}

static void make_hub(struct host *h)
{
    const struct hub_ops ops = {.upstream = to_agent,
                                .call = host_call,
                                .event = on_hub_event,
                                .accept = commands_accept,
                                .moved = commands_moved,
                                .trouble = book_trouble,
                                .is_folder = on_is_folder,
                                .is_trusted = trust_of_folder,
                                .requirements = admin_agent_says,
                                .wake = on_hub_wake,
                                .left = rest_later,
                                .approvals = ledger_ops(),
                                .policy = ruling_ops()};
    const struct hub_options options = {
        .codex_home = h->codex_home, .cwd = h->cwd, .host_name = h->name};
    h->hub = hub_create(&options, &ops, h);
}

static void free_host(struct host *h)
{
    hub_destroy(h->hub);
    invites_fini(&h->invites);
    devices_close(h->devices);
    book_close(h);
    store_close(h->store);
    keys_fini(&h->keys);
    rulebook_fini(&h->rulebook);
    requirements_fini(&h->requirements);
    if (h->lock_fd >= 0) {
        (void)close(h->lock_fd);
    }
    mem_free(h);
}

static void read_enabled(struct host *h, bool force)
{
    uint64_t stored = 1;
    if (store_setting_get(h->store, SETTING_ENABLED, &stored) == ERR_IO) {
        stored = 0; // fail closed
    }
    h->remote_enabled =
        (force || stored != 0) && requirements_remote(&h->requirements, NULL) == OK;
}

enum err host_create(struct loop *loop, const struct host_options *options,
                     const struct host_ops *ops, void *user, struct diag *diag,
                     struct host **out)
{
    struct host *h = mem_new(sizeof(*h));
    *h = (struct host){.loop = loop, .ops = *ops, .user = user, .lock_fd = -1};
    crypto_init();
    requirements_none(&h->requirements);
    enum err e = copy_options(h, options);
    e = e != OK ? e : take_lock(h, diag);
    e = e != OK ? e : requirements_load(&h->requirements, diag);
    e = e != OK ? e : open_state(h, diag);
    e = e != OK ? e : load_rules(h, diag);
    e = e != OK ? e : open_book(h, diag);
    if (e != OK) {
        diag_set(diag, "the host cannot start: %s", err_text(e));
        free_host(h);
        return e;
    }
    read_enabled(h, options->enable);
    make_hub(h);
    ledger_recall(h);
    hub_tick(h->hub,
             loop_now_ms(h->loop)); // what expired while no host ran is declined
    hub_remote_status(h->hub, remote_status(h));
    commands_recover(h);
    *out = h;
    return OK;
}

enum err host_start(struct host *h, struct diag *diag)
{
    char path[PATH_MAX];
    enum err e = text_format(path, sizeof(path), "%s/host.sock", h->run_dir);
    e = e != OK ? e : local_door_open(h->loop, h->hub, path, diag, &h->door);
    e = e != OK ? e : app_server_open(h, diag);
    e = e != OK ? e : direct_door_open(h, diag);
    if (e == OK) {
        people_arm(h);
        admin_arm(h);
        book_look_at_rules(h);
        start_engine(h);
    }
    return e;
}

/* ---- the way to devices ---------------------------------------------------------------------- */

static enum err check_reach(const struct host *h, const struct host_reach *reach,
                            struct diag *diag)
{
    enum err e = requirements_remote(&h->requirements, diag);
    if (e == OK && reach->relay != NULL) {
        e = requirements_relay(&h->requirements, reach->relay, diag);
    }
    for (size_t i = 0; i < reach->n_device_urls && e == OK; i++) {
        e = requirements_relay(&h->requirements, reach->device_urls[i], diag);
    }
    return e;
}

enum err host_reach(struct host *h, const struct host_reach *reach, struct diag *diag)
{
    struct diag why = {.text = ""};
    struct host_reach_copy *c = &h->reach;
    if (check_reach(h, reach, &why) != OK) {
        (void)copy_text(h->link_error, sizeof(h->link_error), why.text);
        diag_set(diag, "%s", why.text);
        return ERR_DENIED;
    }
    *c = (struct host_reach_copy){.set = true};
    enum err e = copy_text(c->relay, sizeof(c->relay), reach->relay);
    e = e != OK ? e : copy_text(c->app, sizeof(c->app), reach->app);
    e = e != OK ? e : copy_text(c->invite, sizeof(c->invite), reach->invite);
    e = e != OK ? e : copy_text(c->ca_file, sizeof(c->ca_file), reach->ca_file);
    if (h->door_url[0] != '\0') { // the nearest first; all are tried together
        e = e != OK ? e
                    : copy_text(c->urls[c->n_urls], sizeof(c->urls[0]), h->door_url);
        c->n_urls++;
    }
    for (size_t i = 0; i < reach->n_device_urls && c->n_urls < HOST_URLS_MAX; i++) {
        e = e != OK ? e
                    : copy_text(c->urls[c->n_urls], sizeof(c->urls[0]),
                                reach->device_urls[i]);
        c->n_urls++;
    }
    if (e != OK) {
        log_error("host.reach", "reason=\"an address is too long\"");
        c->set = false;
    }
    remote_open_link(h);
    return OK;
}

void remote_open_link(struct host *h)
{
    if (!h->remote_enabled || !h->reach.set) {
        return;
    }
    if (h->link == NULL) {
        const char *urls[HOST_URLS_MAX];
        for (size_t i = 0; i < h->reach.n_urls; i++) {
            urls[i] = h->reach.urls[i];
        }
        const struct link_host_options options = {
            .relay_url = or_null(h->reach.relay),
            .has_door = h->direct_door != NULL,
            .invite = or_null(h->reach.invite),
            .ca_file = or_null(h->reach.ca_file),
            .name = h->name,
            .host_key = h->keys.host,
            .relay_key = h->keys.relay,
            .lane_epoch = (uint32_t)host_next_counter(h, SETTING_LANE_EPOCH),
            .urls = urls,
            .n_urls = h->reach.n_urls,
        };
        h->link = link_host_create(h->loop, &options, device_door_ops(), h);
    }
    link_host_start(h->link);
}

/* ---- close --------------------------------------------------------------------------------------- */

static void part_closed(void *user)
{
    struct host *h = user;
    if (--h->n_closing != 0) {
        return;
    }
    void (*done)(void *) = h->closed;
    void *done_user = h->user;
    free_host(h);
    done(done_user);
}

static void agent_stopped(void *user)
{
    struct host *h = user;
    struct engine *engine = h->engine;
    h->engine = NULL;
    engine_close(engine, part_closed, h);
}

void host_close(struct host *h, void (*done)(void *user))
{
    timer_stop(&h->hub_timer);
    timer_stop(&h->invite_timer);
    timer_stop(&h->audit_timer);
    timer_stop(&h->people_timer);
    timer_stop(&h->admin_timer);
    timer_stop(&h->rest_timer);
    h->closed = done;
    h->n_closing = 1; // ours, until every part was asked
    if (h->link != NULL) {
        h->n_closing++;
        struct link_host *link = h->link;
        h->link = NULL;
        link_host_close(link, part_closed);
    }
    if (h->door != NULL) {
        h->n_closing++;
        struct local_door *door = h->door;
        h->door = NULL;
        local_door_close(door, part_closed, h);
    }
    if (h->tcp_door != NULL) {
        h->n_closing++;
        struct local_door *door = h->tcp_door;
        h->tcp_door = NULL;
        local_door_close(door, part_closed, h);
    }
    if (h->direct_door != NULL) {
        h->n_closing++;
        struct http_server *door = h->direct_door;
        h->direct_door = NULL;
        http_server_close(door, part_closed, h);
    }
    if (h->replacing_engine) {
        h->n_closing++; // on_old_engine_gone() ends it
    } else if (h->engine != NULL) {
        h->n_closing++;
        if (h->stop_agent) {
            engine_stop_agent(h->engine, agent_stopped, h);
        } else {
            agent_stopped(h);
        }
    }
    part_closed(h);
}

const uint8_t *host_relay_key(const struct host *h)
{
    return sign_key_pub(h->keys.relay);
}

const char *host_name(const struct host *h)
{
    return h->name;
}
