#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/local_call.h"

static const char *const level_names[] = {[DOCTOR_OK] = "ok",
                                          [DOCTOR_SKIP] = "skipped",
                                          [DOCTOR_WARN] = "warning",
                                          [DOCTOR_FAIL] = "broken"};

static void print_row(enum doctor_level level, const char *name, const char *text,
                      const char *fix)
{
    static const char *const signs[] = {[DOCTOR_OK] = "✓",
                                        [DOCTOR_SKIP] = "·",
                                        [DOCTOR_WARN] = "!",
                                        [DOCTOR_FAIL] = "✗"};
    const char *colours[] = {[DOCTOR_OK] = cli_green(),
                             [DOCTOR_SKIP] = cli_dim(),
                             [DOCTOR_WARN] = cli_yellow(),
                             [DOCTOR_FAIL] = cli_red()};
    cli_say("  %s%s%s %-13s %s", colours[level], signs[level], cli_plain(), name, text);
    if (fix != NULL && level >= DOCTOR_WARN) {
        cli_say("                  %s→ %s%s", cli_bold(), fix, cli_plain());
    }
}

void doctor_say(struct doctor *d, enum doctor_level level, const char *name,
                const char *fix, const char *format, ...)
{
    char text[PATH_MAX + 512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_t *row = json_object();
    json_set_str(row, "name", name);
    json_set_str(row, "level", level_names[level]);
    json_set_str(row, "text", text);
    if (fix != NULL && level >= DOCTOR_WARN) {
        json_set_str(row, "fix", fix);
    }
    json_push(d->rows, row);
    d->worst = level > d->worst ? level : d->worst;
    if (!cli_has(d->args, "json")) {
        print_row(level, name, text, fix);
    }
}

/* Without making it: to look must change nothing. */
static void find_home(struct doctor *d)
{
    char path[PATH_MAX];
    struct stat st;
    const char *home = cli_value(d->args, "home");
    home = home != NULL ? home : getenv("FARHAND_HOME");
    if (home == NULL || home[0] == '\0') {
        const char *user = getenv("HOME");
        home =
            user != NULL && text_format(path, sizeof(path), "%s/.farhand", user) == OK
                ? path
                : NULL;
    }
    if (home != NULL && stat(home, &st) == 0 && S_ISDIR(st.st_mode) &&
        realpath(home, d->home) == NULL) {
        d->home[0] = '\0';
    }
}

static void ask_host(struct doctor *d)
{
    if (d->home[0] == '\0' ||
        local_ask(d->home, d->args->program, "farhand/status", json_object(),
                  &d->status, &d->why) != EXIT_DONE) {
        diag_set(&d->why, "no host runs on this state folder");
    }
}

static const json_t *first_of(const struct doctor *d, enum doctor_level level)
{
    size_t i;
    json_t *row;
    json_array_foreach(d->rows, i, row)
    {
        if (strcmp(json_get_str(row, "level"), level_names[level]) == 0) {
            return row;
        }
    }
    return NULL;
}

static void conclude(const struct doctor *d)
{
    const json_t *row = first_of(d, DOCTOR_FAIL);
    if (row != NULL) {
        const char *fix = json_get_str(row, "fix");
        cli_say("\n%sBroken: %s.%s %s%s%s", cli_red(), json_get_str(row, "name"),
                cli_plain(), json_get_str(row, "text"), fix != NULL ? "\nDo: " : "",
                fix != NULL ? fix : "");
    } else if (d->worst == DOCTOR_WARN) {
        cli_say("\n%sThe path works; something should be looked at.%s", cli_yellow(),
                cli_plain());
    } else {
        cli_say("\n%sEvery link from here to the devices works.%s", cli_green(),
                cli_plain());
    }
}

static void print_json(const struct doctor *d)
{
    json_t *out = json_object();
    const json_t *row = first_of(d, DOCTOR_FAIL);
    json_set_str(out, "level",
                 d->worst == DOCTOR_FAIL   ? "broken"
                 : d->worst == DOCTOR_WARN ? "warning"
                                           : "ok");
    json_set_str(out, "broken", row == NULL ? NULL : json_get_str(row, "name"));
    json_set(out, "rows", json_incref(d->rows));
    local_print(out);
    json_decref(out);
}

static int run(struct cli_args *args)
{
    struct doctor *d = mem_new(sizeof(*d));
    d->args = args;
    d->rows = json_array();
    find_home(d);
    ask_host(d);
    doctor_place(d);
    doctor_codex(d);
    doctor_host(d);
    doctor_relay(d);
    doctor_door(d);
    doctor_page(d);
    doctor_devices(d);
    if (cli_has(args, "json")) {
        print_json(d);
    } else {
        conclude(d);
    }
    const int code = d->worst == DOCTOR_FAIL   ? EXIT_FAILED
                     : d->worst == DOCTOR_WARN ? EXIT_WARNING
                                               : EXIT_DONE;
    json_decref(d->status);
    json_decref(d->rows);
    mem_free(d);
    return code;
}

static const struct cli_option options[] = {
    {"relay", "URL", "look at this relay instead of the host's"},
    {"ca", "FILE", "one more authority to trust (PEM)"},
    {"json", NULL, "one JSON object"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_doctor = {
    .name = "doctor",
    .words = "",
    .summary = "walk the path from here to the phone and name what is broken",
    .text =
        "Looks at every link in turn: this program, the state folder and its "
        "permissions, the disk, the state and the audit log, the kernel, Codex with "
        "its version, login and rules, the host and its agent, the relay (name, "
        "TLS, certificate, clock), its direct door, the page, and the devices. Nothing is changed.\n\n"
        "The exit code is 0 when everything works, 13 when something should be "
        "looked at, 1 when a link is broken.",
    .options = options,
    .n_options = COUNT(options),
    .run = run,
};
