#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sandbox/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS 64

/* Property: whatever patterns and variables, what would run code before main() and
 * Farhand's own variables are never handed on, and nothing excluded is. */
static void check(const struct env_rules *r, char *const *from)
{
    struct env_list l;
    if (env_list_init(&l, r, from) == OK) {
        for (size_t i = 0; i < l.n; i++) {
            const size_t len = strcspn(l.vars[i], "=");
            if (strncmp(l.vars[i], "LD_", 3) == 0 ||
                strncmp(l.vars[i], "FARHAND_", 8) == 0 ||
                !env_passes(r, l.vars[i], len)) {
                abort();
            }
        }
        if (l.vars[l.n] != NULL) {
            abort();
        }
    }
    env_list_fini(&l);
}

/* The input, cut at NULs: the first octet of a part says what it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct env_rules r = {.inherit = ENV_ALL};
    char *from[PARTS + 1];
    size_t n = 0;
    if (size > 4096) {
        return 0;
    }
    char *text = mem_new(size + 1);
    memcpy(text, data, size);
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        char *part = text + at;
        if (part[0] == '+') {
            (void)!env_rules_include(&r, part + 1);
        } else if (part[0] == '-') {
            (void)!env_rules_exclude(&r, part + 1);
        } else if (n < PARTS) {
            from[n++] = part;
        }
    }
    from[n] = NULL;
    check(&r, from);
    mem_free(text);
    return 0;
}
