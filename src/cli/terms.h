/*
 * terms: whose a device is, for which threads and until when: read from a command
 * line, and said.
 *
 * Errors     terms_read(): the exit code; a sentence was printed when it is not
 *            EXIT_DONE.
 */
#ifndef CLI_TERMS_H
#define CLI_TERMS_H

#include "cli/cli.h"
#include "wire/json.h"

#define TERMS_TEXT_SIZE 256

/* --for, --thread and --until as members `person`, `threads` and `until`: *out is given. */
int terms_read(const struct cli_args *args, json_t **out);

/* "ID,ID" or "all" as `threads`; a time or "never" as `until`. */
json_t *terms_threads(const char *const *lists, size_t n);
int terms_until(const char *text, json_t **out);

/* " · for Ada · one thread only · until 2026-11-22 18:00 CET"; "" when there is none. */
void terms_text(const json_t *row, char out[TERMS_TEXT_SIZE]);

#define TERMS_OPTIONS                                                                 \
    {"for", "NAME", "the person whose device it is: a quorum counts people"},         \
        {"thread", "ID[,ID]", "for these threads only; may be given again"},          \
    {                                                                                 \
        "until", "TIME",                                                              \
            "the end of it: +2h, 18:00, \"tomorrow 18:00\", 2026-11-22T18:00[+01:00]" \
    }

#endif
