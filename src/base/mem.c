#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    unsigned fail_at;
    unsigned tries;
} fault;

static bool must_fail(void)
{
    fault.tries++;
    return fault.fail_at != 0 && fault.tries == fault.fail_at;
}

void *mem_new(size_t size)
{
    void *p = calloc(1, size == 0 ? 1 : size);
    if (p == NULL) {
        (void)fprintf(stderr, "farhand: out of memory for %zu octets\n", size);
        abort();
    }
    return p;
}

void *mem_try(size_t count, size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    return calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *mem_try_resize(void *p, size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    return realloc(p, size == 0 ? 1 : size);
}

void mem_free(void *p)
{
    free(p);
}

char *mem_strdup(const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    const size_t size = strlen(text) + 1;
    char *copy = mem_new(size);
    memcpy(copy, text, size);
    return copy;
}

void mem_fail_at(unsigned n)
{
    fault.fail_at = n;
    fault.tries = 0;
}

unsigned mem_tries(void)
{
    return fault.tries;
}
