#include "cli/status_print.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/terms.h"

#define TEXT_MAX 400
#define STALE_MS INT64_C(60000) // a connected thing that proved nothing for so long

enum light { LIGHT_GOOD, LIGHT_WAIT, LIGHT_BAD, LIGHT_OFF };

static const char *or_dash(const char *text)
{
    return text == NULL || text[0] == '\0' ? "-" : text;
}

static bool is(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

/* "8 s", "3 min", "2 h", "5 days". */
static const char *age_text(int64_t ms, char *out, size_t size)
{
    const long long s = (long long)(ms / 1000);
    const enum err e = s < 120      ? text_format(out, size, "%lld s", s)
                       : s < 7200   ? text_format(out, size, "%lld min", s / 60)
                       : s < 172800 ? text_format(out, size, "%lld h", s / 3600)
                                    : text_format(out, size, "%lld days", s / 86400);
    return e == OK ? out : "long";
}

/* name, light, word, details; then the last error and what to do about it. */
static void row(const char *name, enum light light, const char *word,
                const char *details, const json_t *part)
{
    static const char *const signs[] = {"●", "◐", "●", "○"};
    const char *colours[] = {cli_green(), cli_yellow(), cli_red(), cli_dim()};
    const char *error = json_get_str(part, "lastError");
    const char *next = json_get_str(part, "next");
    cli_say("%s%-8s%s %s%s%s %s%-13s%s %s", cli_bold(), name, cli_plain(),
            colours[light], signs[light], cli_plain(),
            light == LIGHT_BAD ? cli_red() : "", word, cli_plain(), details);
    if (error != NULL && light != LIGHT_GOOD && strcmp(error, word) != 0) {
        cli_say("           %s%s%s", light == LIGHT_BAD ? cli_red() : cli_dim(), error,
                cli_plain());
    }
    if (next != NULL && light != LIGHT_GOOD && light != LIGHT_OFF) {
        cli_say("           %s→ %s%s", cli_bold(), next, cli_plain());
    }
}

static void proof(const json_t *part, char *out, size_t size)
{
    int64_t age_ms = 0;
    char age[24];
    const enum err e = json_read_int(part, "ageMs", &age_ms)
                           ? text_format(out, size, "proved %s ago",
                                         age_text(age_ms, age, sizeof(age)))
                           : text_format(out, size, "not proved yet");
    if (e != OK) {
        out[0] = '\0';
    }
}

static void print_agent(const json_t *agent)
{
    char details[TEXT_MAX];
    char proved[48];
    const bool silent = json_get_bool(agent, "silent", false);
    const char *state = or_dash(json_get_str(agent, "state"));
    proof(agent, proved, sizeof(proved));
    if (text_format(details, sizeof(details), "%s · Codex %s%s%s%s", proved,
                    or_dash(json_get_str(agent, "version")),
                    json_get_bool(agent, "practice", false) ? " · practice model" : "",
                    !is(json_get_str(agent, "kind"), "joined") ? ""
                    : json_get_bool(agent, "managed", false)
                        ? " · joined, Codex's own daemon"
                        : " · joined",
                    json_get_bool(agent, "shared", false)    ? " · shared agent"
                    : json_get_bool(agent, "private", false) ? " · private"
                                                             : "") != OK) {
        details[0] = '\0';
    }
    row("agent",
        silent                  ? LIGHT_BAD
        : is(state, "ready")    ? LIGHT_GOOD
        : is(state, "starting") ? LIGHT_WAIT
                                : LIGHT_BAD,
        silent                       ? "silent"
        : is(state, "loginRequired") ? "needs a login"
                                     : state,
        details, agent);
}

static void print_relay(const json_t *relay)
{
    char details[TEXT_MAX];
    char proved[48];
    int64_t age_ms = 0;
    const char *state = or_dash(json_get_str(relay, "state"));
    proof(relay, proved, sizeof(proved));
    if (text_format(details, sizeof(details), "%s · %s", proved,
                    or_dash(json_get_str(relay, "url"))) != OK) {
        details[0] = '\0';
    }
    const bool stale = json_read_int(relay, "ageMs", &age_ms) && age_ms > STALE_MS;
    row("relay",
        is(state, "connected")    ? (stale ? LIGHT_WAIT : LIGHT_GOOD)
        : is(state, "connecting") ? LIGHT_WAIT
        : is(state, "disabled")   ? LIGHT_OFF
                                  : LIGHT_BAD,
        state, details, relay);
    if (json_get_str(relay, "door") != NULL) {
        row("door", LIGHT_GOOD, "listens", json_get_str(relay, "door"), NULL);
    }
}

static void print_device(const json_t *device, const char *label)
{
    char details[TEXT_MAX];
    char proved[48];
    char age[24];
    char limits[TERMS_TEXT_SIZE];
    int64_t seen_s = 0;
    int64_t age_ms = 0;
    const bool connected = json_get_bool(device, "connected", false);
    const bool stale = !json_read_int(device, "ageMs", &age_ms) || age_ms > STALE_MS;
    proof(device, proved, sizeof(proved));
    if (!connected && json_read_int(device, "lastSeenAt", &seen_s)) {
        const int64_t ms = (int64_t)clock_wall_ms() - seen_s * 1000;
        if (text_format(proved, sizeof(proved), "seen %s ago",
                        age_text(ms < 0 ? 0 : ms, age, sizeof(age))) != OK) {
            proved[0] = '\0';
        }
    }
    terms_text(device, limits);
    if (text_format(details, sizeof(details), "%s · %s · %s%s",
                    connected ? "connected" : "away",
                    or_dash(json_get_str(device, "role")), proved, limits) != OK) {
        details[0] = '\0';
    }
    row(label,
        !connected ? LIGHT_OFF
        : stale    ? LIGHT_WAIT
                   : LIGHT_GOOD,
        json_get_str(device, "displayName"), details, device);
}

static void print_devices(const json_t *devices)
{
    size_t i;
    json_t *device;
    if (json_array_size(devices) == 0) {
        row("devices", LIGHT_OFF, "none paired", "'farhand pair' makes a code", NULL);
        return;
    }
    json_array_foreach(devices, i, device)
    {
        print_device(device, i == 0 ? "devices" : "");
    }
}

static void print_audit(const json_t *audit)
{
    char word[32];
    const bool bad = json_get_str(audit, "lastError") != NULL;
    if (audit == NULL || text_format(word, sizeof(word), "%lld records",
                                     (long long)json_get_int(audit, "idx", 0)) != OK) {
        return;
    }
    row("audit", bad ? LIGHT_BAD : LIGHT_GOOD, word,
        bad ? "" : "'farhand audit verify' proves them", audit);
}

static void print_push(const json_t *push)
{
    if (push != NULL) {
        row("push", LIGHT_OFF,
            is(json_get_str(push, "state"), "notSetUp")
                ? "not set up"
                : or_dash(json_get_str(push, "state")),
            "a device hears of things while its app is open", push);
    }
}

static void print_host(const json_t *status, uint64_t took_ms)
{
    char details[TEXT_MAX];
    const json_t *host = json_get_obj(status, "host");
    const json_t *you = json_get_obj(status, "you");
    const bool remote = json_get_str(you, "clientId") != NULL;
    if (text_format(details, sizeof(details),
                    "answered in %llu ms%s%s · farhand %s · %s",
                    (unsigned long long)took_ms, remote ? ", end to end, as " : "",
                    remote ? or_dash(json_get_str(you, "displayName")) : "",
                    or_dash(json_get_str(host, "version")),
                    or_dash(json_get_str(host, "cwd"))) != OK) {
        details[0] = '\0';
    }
    row("host", LIGHT_GOOD, or_dash(json_get_str(host, "name")), details, host);
}

/* "Ada (Pixel 9), codex" */
static void names_of(const json_t *present, char *out, size_t size)
{
    size_t i;
    size_t used = 0;
    json_t *who;
    out[0] = '\0';
    json_array_foreach(present, i, who)
    {
        const char *person = json_get_str(who, "person");
        char name[TEXT_MAX];
        if (text_format(name, sizeof(name), person == NULL ? "%s%s%s" : "%s%s (%s)",
                        i == 0 ? "" : ", ", person == NULL ? "" : person,
                        or_dash(json_get_str(who, "name"))) != OK ||
            used + strlen(name) + 1 > size) {
            return;
        }
        memcpy(out + used, name, strlen(name) + 1);
        used += strlen(name);
    }
}

static void print_present(const json_t *threads)
{
    size_t i;
    json_t *thread;
    json_array_foreach(threads, i, thread)
    {
        char names[TEXT_MAX];
        names_of(json_get_arr(thread, "present"), names, sizeof(names));
        if (names[0] != '\0') {
            row(i == 0 ? "present" : "", LIGHT_OFF, json_get_str(thread, "threadId"),
                names, NULL);
        }
    }
}

void status_print(const json_t *status, const json_t *present, uint64_t took_ms)
{
    print_host(status, took_ms);
    print_agent(json_get_obj(status, "agent"));
    print_relay(json_get_obj(status, "relay"));
    print_devices(json_get_arr(status, "devices"));
    print_push(json_get_obj(status, "push"));
    print_audit(json_get_obj(status, "audit"));
    print_present(present);
}

void status_print_unreached(const char *name, const char *why)
{
    cli_say("%shost    %s %s●%s %s%s%s", cli_bold(), cli_plain(), cli_red(),
            cli_plain(), cli_red(), name, cli_plain());
    cli_say("           %s%s%s", cli_red(), why, cli_plain());
    cli_say("           nothing else is known: what is behind it was not asked");
}
