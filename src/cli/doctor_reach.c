#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/doctor.h"
#include "loop/timer.h"
#include "net/dial.h"
#include "wire/envelope.h"

#define REACH_MS    8000
#define SKEW_OK_MS  30000
#define SKEW_MAX_MS 120000 // protocol.md 8: beyond it no relay lets a host in
#define CERT_SOON_S (UINT64_C(14) * 86400)
#define STALE_MS    INT64_C(90000)

/* ---- one address ------------------------------------------------------------------- */

struct probe {
    struct loop *loop;
    bool door; // it says nothing until it is spoken to: an upgrade is the answer
    struct timer deadline;
    struct ws_conn *ws;
    enum err e;
    unsigned http_status;
    uint64_t cert_until_s;
    uint64_t relay_ms; // the relay's clock; 0: it said nothing
    uint64_t heard_ms; // ours, then
    char text[256];
};

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct probe *p = user;
    struct envelope frame;
    struct envelope_challenge challenge;
    if (!text && envelope_parse(payload, &frame) == OK &&
        frame.type == ENVELOPE_CHALLENGE &&
        envelope_challenge_parse(frame.body, &challenge) == OK) {
        p->relay_ms = challenge.time_ms;
        p->heard_ms = clock_wall_ms();
    }
    ws_conn_abort(c);
}

static void on_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct probe *p = user;
    (void)c;
    (void)e;
    (void)code;
    p->ws = NULL;
    timer_stop(&p->deadline);
}

static void on_silence(struct timer *t)
{
    ws_conn_abort(CONTAINER_OF(t, struct probe, deadline)->ws);
}

static void on_dialled(void *user, enum err e, const struct dial_result *r)
{
    static const struct ws_conn_events events = {.message = on_message,
                                                 .closed = on_closed};
    struct probe *p = user;
    p->e = e;
    p->http_status = r->http_status;
    p->cert_until_s = r->cert_until_s;
    text_sanitize(bytes_from_str(r->text), p->text, sizeof(p->text));
    if (e == OK) {
        p->ws = r->ws;
        ws_conn_start(p->ws, &events, p);
        if (p->door) {
            ws_conn_abort(p->ws);
            return;
        }
        timer_start(p->loop, &p->deadline, REACH_MS, on_silence);
    }
}

static void probe(struct doctor *d, const char *url, struct probe *p)
{
    struct tls_client *tls = NULL;
    struct diag why = {.text = ""};
    *p = (struct probe){.e = ERR_IO, .door = p->door};
    if (tls_client_create(cli_value(d->args, "ca"), &why, &tls) != OK) {
        text_sanitize(bytes_from_str(why.text), p->text, sizeof(p->text));
        return;
    }
    p->loop = loop_create();
    const struct dial_options o = {.url = url, .tls = tls, .timeout_ms = REACH_MS};
    (void)dial_ws(p->loop, &o, on_dialled, p);
    loop_run(p->loop);
    loop_destroy(p->loop);
    tls_client_destroy(tls);
}

/* False after a row: the certificate ends soon. */
static bool certificate_lasts(struct doctor *d, const struct probe *p, const char *name)
{
    const uint64_t now_s = clock_wall_ms() / 1000;
    if (p->cert_until_s == 0 || p->cert_until_s > now_s + CERT_SOON_S) {
        return true;
    }
    doctor_say(
        d, DOCTOR_WARN, name, "renew it: farhand relay takes a new one on SIGHUP",
        "the certificate ends in %llu days",
        (unsigned long long)(p->cert_until_s > now_s ? (p->cert_until_s - now_s) / 86400
                                                     : 0));
    return false;
}

/* ---- the relay ----------------------------------------------------------------------- */

static void clock_row(struct doctor *d, const struct probe *p)
{
    const int64_t skew = (int64_t)(p->heard_ms - p->relay_ms);
    const int64_t by = skew < 0 ? -skew : skew;
    const char *which = skew < 0 ? "behind" : "ahead of";
    if (by > SKEW_MAX_MS) {
        doctor_say(d, DOCTOR_FAIL, "clock", "set the clock (timedatectl set-ntp true)",
                   "this machine is %lld s %s the relay: it will not let us in",
                   (long long)(by / 1000), which);
    } else if (by > SKEW_OK_MS) {
        doctor_say(d, DOCTOR_WARN, "clock", "set the clock (timedatectl set-ntp true)",
                   "this machine is %lld s %s the relay", (long long)(by / 1000),
                   which);
    } else {
        doctor_say(d, DOCTOR_OK, "clock", NULL, "agrees with the relay's");
    }
}

static void relay_reached(struct doctor *d, const struct probe *p, const char *url)
{
    const json_t *relay = json_get_obj(d->status, "relay");
    const char *state = json_get_str(relay, "state");
    const char *error = json_get_str(relay, "lastError");
    if (p->relay_ms == 0) {
        doctor_say(d, DOCTOR_FAIL, "relay",
                   "the address is not a relay's: look at --relay and at the proxy "
                   "before it",
                   "%s answers, but does not speak as a relay", url);
        return;
    }
    if (state != NULL && strcmp(state, "disabled") == 0) {
        doctor_say(d, DOCTOR_WARN, "relay", "farhand remote-control start",
                   "%s can be reached; remote control is switched off", url);
    } else if (state != NULL && strcmp(state, "connected") != 0) {
        doctor_say(d, DOCTOR_FAIL, "relay",
                   "'farhand relay' says in its log why it refuses",
                   "%s can be reached, but this host is not let in: %s", url,
                   error != NULL ? error : state);
    } else if (certificate_lasts(d, p, "relay")) {
        doctor_say(d, DOCTOR_OK, "relay", NULL, "%s, reached%s", url,
                   p->cert_until_s != 0 ? " over TLS" : "");
    }
    clock_row(d, p);
}

static const char *relay_fix(const struct probe *p)
{
    if (strncmp(p->text, "TLS:", 4) == 0) {
        return "look at the relay's certificate: its names, its dates, and who signed "
               "it (--ca FILE trusts one more authority)";
    }
    if (p->e == ERR_NOT_FOUND) {
        return "look at the name in --relay, and at this machine's DNS";
    }
    return p->http_status != 0
               ? "the address is not a relay's: look at --relay and at the proxy before it"
               : "is the relay running, and does a firewall stand between?";
}

void doctor_relay(struct doctor *d)
{
    const json_t *relay = json_get_obj(d->status, "relay");
    const char *url = json_get_str(relay, "url");
    struct probe p = {.door = false};
    if (cli_has(d->args, "relay")) {
        url = cli_value(d->args, "relay");
    }
    if (url == NULL && json_get_str(relay, "door") != NULL) {
        doctor_say(d, DOCTOR_SKIP, "relay", NULL,
                   "this host has none: devices come in by its door");
        return;
    }
    if (url == NULL) {
        doctor_say(d, d->status == NULL ? DOCTOR_SKIP : DOCTOR_WARN, "relay",
                   "give the host one with --relay URL, or use 'farhand up'",
                   d->status == NULL
                       ? "not known while no host runs; --relay URL tries one"
                       : "this host has none: devices cannot come in");
        return;
    }
    probe(d, url, &p);
    if (p.e == OK) {
        relay_reached(d, &p, url);
    } else if (p.http_status != 0) {
        doctor_say(d, DOCTOR_FAIL, "relay", relay_fix(&p), "%s answers with HTTP %u",
                   url, p.http_status);
    } else {
        doctor_say(d, DOCTOR_FAIL, "relay", relay_fix(&p), "%s: %s", url, p.text);
    }
}

/* ---- the direct door ----------------------------------------------------------------- */

void doctor_door(struct doctor *d)
{
    const char *url = json_get_str(json_get_obj(d->status, "relay"), "door");
    struct probe p = {.door = true};
    if (url == NULL) {
        return;
    }
    probe(d, url, &p);
    if (p.e == OK) {
        doctor_say(d, DOCTOR_OK, "door", NULL, "%s lets devices in", url);
    } else {
        doctor_say(d, DOCTOR_FAIL, "door",
                   "is the address still this machine's, and does a firewall stand "
                   "before it? Start the host again with --listen ADDR:PORT",
                   "%s: %s", url, p.text);
    }
}

/* ---- the page -------------------------------------------------------------------------- */

void doctor_page(struct doctor *d)
{
    char url[512];
    struct probe p = {.door = false};
    const char *app = json_get_str(json_get_obj(d->status, "host"), "page");
    if (app == NULL) {
        doctor_say(d, DOCTOR_SKIP, "page", NULL,
                   d->status == NULL ? "not known while no host runs"
                                     : "this host names none: devices bring their own");
        return;
    }
    // http asks as ws does; what matters is that somebody answers with a page
    if (strncmp(app, "http", 4) != 0 ||
        text_format(url, sizeof(url), "ws%s/", app + 4) != OK) {
        doctor_say(d, DOCTOR_FAIL, "page", "look at --app", "%s is no address", app);
        return;
    }
    probe(d, url, &p);
    if (p.http_status == 0) {
        doctor_say(d, DOCTOR_FAIL, "page",
                   "is its server running? 'farhand up' serves it itself", "%s: %s",
                   app, p.text);
    } else if (p.http_status >= 500 || p.http_status == 404) {
        doctor_say(d, DOCTOR_FAIL, "page",
                   "build it ('make web'), or name it with --web",
                   "%s answers with HTTP %u", app, p.http_status);
    } else if (certificate_lasts(d, &p, "page")) {
        doctor_say(d, DOCTOR_OK, "page", NULL, "%s answers", app);
    }
}

/* ---- the host and its devices -------------------------------------------------------------- */

void doctor_host(struct doctor *d)
{
    const json_t *agent = json_get_obj(d->status, "agent");
    const json_t *audit = json_get_obj(d->status, "audit");
    const char *state = json_get_str(agent, "state");
    const char *error = json_get_str(agent, "lastError");
    if (d->status == NULL) {
        doctor_say(d, DOCTOR_FAIL, "host", "farhand up", "%s", d->why.text);
        return;
    }
    doctor_say(d, DOCTOR_OK, "host", NULL, "running as %s",
               json_get_str(json_get_obj(d->status, "host"), "name"));
    if (state != NULL && strcmp(state, "ready") == 0) {
        doctor_say(d, DOCTOR_OK, "agent", NULL, "Codex %s answers%s",
                   json_get_str(agent, "version"),
                   json_get_bool(agent, "practice", false) ? ", on the practice model"
                                                           : "");
    } else if (state != NULL && strcmp(state, "loginRequired") == 0) {
        doctor_say(d, DOCTOR_FAIL, "agent", "run 'codex login'",
                   "Codex runs and is not logged in");
    } else {
        doctor_say(d, DOCTOR_FAIL, "agent",
                   "run/codex.log in the state folder says more; 'farhand stop' and a "
                   "new start often help",
                   "%s%s%s", state == NULL ? "down" : state, error != NULL ? ": " : "",
                   error != NULL ? error : "");
    }
    error = json_get_str(audit, "lastError");
    if (error != NULL) {
        doctor_say(
            d, DOCTOR_FAIL, "records",
            "see 'audit log' and 'disk' above; what cannot be recorded is refused",
            "%s", error);
    }
}

void doctor_devices(struct doctor *d)
{
    const json_t *devices = json_get_arr(d->status, "devices");
    size_t connected = 0;
    size_t i;
    json_t *row;
    if (d->status == NULL) {
        return;
    }
    if (json_array_size(devices) == 0) {
        doctor_say(d, DOCTOR_WARN, "devices", "farhand pair", "none is paired");
        return;
    }
    json_array_foreach(devices, i, row)
    {
        int64_t age_ms = INT64_MAX;
        (void)json_read_int(row, "ageMs", &age_ms);
        connected += json_get_bool(row, "connected", false) ? 1 : 0;
        if (json_get_bool(row, "connected", false) && age_ms > STALE_MS) {
            doctor_say(d, DOCTOR_WARN, "devices", "open the app on it again",
                       "%s is connected, but has not answered for long",
                       json_get_str(row, "displayName"));
        }
    }
    doctor_say(d, DOCTOR_OK, "devices", NULL, "%zu paired, %zu connected",
               json_array_size(devices), connected);
}
