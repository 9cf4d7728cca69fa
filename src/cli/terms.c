#include "cli/terms.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/until.h"

json_t *terms_threads(const char *const *lists, size_t n)
{
    json_t *threads = json_array();
    if (n == 1 && strcmp(lists[0], "all") == 0) {
        json_decref(threads);
        return json_null();
    }
    for (size_t i = 0; i < n; i++) {
        for (const char *at = lists[i]; *at != '\0'; at += *at == ',' ? 1 : 0) {
            const size_t len = strcspn(at, ",");
            json_push(threads, json_stringn(at, len));
            at += len;
        }
    }
    return threads;
}

int terms_until(const char *text, json_t **out)
{
    struct diag diag = {.text = ""};
    int64_t at_s = 0;
    if (strcmp(text, "never") == 0) {
        *out = json_null();
        return EXIT_DONE;
    }
    if (until_parse(text, (int64_t)(clock_wall_ms() / 1000), &at_s, &diag) != OK) {
        return cli_fail(EXIT_USAGE, "%s", diag.text);
    }
    *out = json_integer((json_int_t)at_s * 1000);
    return EXIT_DONE;
}

int terms_read(const struct cli_args *args, json_t **out)
{
    const char *lists[CLI_VALUES_MAX];
    const char *until = cli_value(args, "until");
    const size_t n = cli_all(args, "thread", lists, COUNT(lists));
    json_t *limits = json_object();
    json_t *at = NULL;
    if (until != NULL) {
        const int code = terms_until(until, &at);
        if (code != EXIT_DONE) {
            json_decref(limits);
            return code;
        }
        json_set(limits, "until", at);
    }
    if (cli_value(args, "for") != NULL) {
        json_set_str(limits, "person", cli_value(args, "for"));
    }
    if (n > 0) {
        json_set(limits, "threads", terms_threads(lists, n));
    }
    *out = limits;
    return EXIT_DONE;
}

void terms_text(const json_t *row, char out[TERMS_TEXT_SIZE])
{
    char threads[48] = "";
    char until[UNTIL_TEXT_SIZE + 16] = "";
    char at[UNTIL_TEXT_SIZE];
    int64_t until_ms = 0;
    const char *person = json_get_str(row, "person");
    const size_t n = json_array_size(json_get_arr(row, "threads"));
    enum err e = OK;
    if (n != 0) {
        e = n == 1 ? text_format(threads, sizeof(threads), " · one thread only")
                   : text_format(threads, sizeof(threads), " · %zu threads only", n);
    }
    if (e == OK && json_read_int(row, "until", &until_ms)) {
        until_text(until_ms / 1000, at);
        e = text_format(until, sizeof(until), " · %s %s",
                        json_get_bool(row, "over", false) ? "ended" : "until", at);
    }
    if (e != OK ||
        text_format(out, TERMS_TEXT_SIZE, "%s%s%s%s", person == NULL ? "" : " · for ",
                    person == NULL ? "" : person, threads, until) != OK) {
        out[0] = '\0';
    }
}
