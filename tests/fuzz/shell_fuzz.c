#include <stdlib.h>
#include <string.h>

#include "policy/shell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_words(const struct shell_command *a, const struct shell_command *b)
{
    if (a->n_words != b->n_words || a->n_assigns != b->n_assigns ||
        a->n_redirects != b->n_redirects) {
        return false;
    }
    for (uint32_t i = 0; i < a->n_words; i++) {
        if (a->words[i].flags != b->words[i].flags ||
            strcmp(a->words[i].text, b->words[i].text) != 0) {
            return false;
        }
    }
    return true;
}

/* Property: what is understood runs the same commands within a group; nothing that is
 * understood for a plain shell runs less for bash. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shell_script script;
    struct shell_script grouped;
    struct buf text;
    if (size > 4096 ||
        shell_parse((struct bytes){data, size}, SHELL_SH, &script) != OK) {
        return 0;
    }
    buf_init(&text, 8192);
    if (buf_put_str(&text, "{\n") != OK ||
        buf_put(&text, (struct bytes){data, size}) != OK ||
        buf_put_str(&text, "\n}") != OK ||
        shell_parse(buf_bytes(&text), SHELL_BASH, &grouped) != OK) {
        abort();
    }
    const bool too_deep = grouped.why != NULL && strstr(grouped.why, "deep") != NULL;
    if (script.why == NULL && !too_deep) {
        if (grouped.why != NULL || grouped.n_commands != script.n_commands) {
            abort();
        }
        for (size_t i = 0; i < script.n_commands; i++) {
            if (!same_words(&script.commands[i], &grouped.commands[i])) {
                abort();
            }
        }
    }
    shell_script_fini(&script);
    shell_script_fini(&grouped);
    buf_fini(&text);
    return 0;
}
