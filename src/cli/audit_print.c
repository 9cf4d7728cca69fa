#include "cli/audit_print.h"

#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli/cli.h"
#include "wire/json.h"

#define DETAIL_MAX 512

void audit_time_print(uint64_t ms, char out[24])
{
    const time_t at = (time_t)(ms / 1000);
    struct tm tm;
    if (localtime_r(&at, &tm) == NULL ||
        strftime(out, 24, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        out[0] = '\0';
    }
}

struct detail {
    struct buf text;
};

static void say(struct detail *d, const char *before, const char *text)
{
    char shown[160];
    if (text == NULL || text[0] == '\0') {
        return;
    }
    text_sanitize(bytes_from_str(text), shown, sizeof(shown));
    if (buf_putf(&d->text, "%s%s", buf_len(&d->text) == 0 ? "" : before, shown) != OK) {
        return; // the line is full: the record itself has the rest
    }
}

static void say_who(struct detail *d, const json_t *by)
{
    const char *kind = json_get_str(by, "kind");
    const char *name = json_get_str(by, "name");
    if (kind == NULL) {
        return;
    }
    say(d, " ", name != NULL ? name : kind);
    if (strcmp(kind, "device") == 0) {
        say(d, ", ", json_get_str(by, "role"));
    } else if (name != NULL) {
        say(d, ", ", kind);
    }
}

static void say_members(struct detail *d, const json_t *payload)
{
    static const char *const keys[] = {
        "state",   "decision", "via",     "method", "kind", "command",  "status",
        "role",    "newRole",  "newName", "how",    "what", "value",    "fields",
        "version", "reason",   "fault",   "after",  "app",  "threadId", "requestId",
    };
    const char *name = json_get_str(payload, "name");
    say(d, " · ", name);
    for (size_t i = 0; i < COUNT(keys); i++) {
        say(d, " · ", json_get_str(payload, keys[i]));
    }
    if (json_is_false(json_object_get(payload, "asked"))) {
        say(d, " · ", "unasked");
    }
}

static const char *colour(struct bytes type)
{
    static const char *const loud[] = {"refusal", "revoke", "recovered", "withdrawn"};
    for (size_t i = 0; i < COUNT(loud); i++) {
        if (bytes_equal_str(type, loud[i])) {
            return cli_red();
        }
    }
    return bytes_equal_str(type, "decision") || bytes_equal_str(type, "pair")
               ? cli_green()
           : bytes_equal_str(type, "checkpoint") ? cli_dim()
                                                 : cli_bold();
}

void audit_print(const struct audit_line *line)
{
    char time[24];
    struct detail d;
    const char *text = NULL;
    json_t *payload = NULL;
    audit_time_print(line->time_ms, time);
    buf_init(&d.text, DETAIL_MAX);
    if (json_parse(line->payload, &payload) == OK) {
        say_who(&d, json_get_obj(payload, "by"));
        say_members(&d, payload);
    }
    if (buf_cstr(&d.text, &text) != OK) {
        text = "";
    }
    cli_say("%s%6llu  %s%s  %s%-16.*s%s  %s", cli_dim(), (unsigned long long)line->idx,
            time, cli_plain(), colour(line->type), (int)line->type.len,
            (const char *)line->type.at, cli_plain(), text);
    json_decref(payload);
    buf_fini(&d.text);
}
