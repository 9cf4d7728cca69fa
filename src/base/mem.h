/*
 * mem: every allocation of the program.
 *
 * Two kinds, told apart by who chose the size:
 *   mem_new()   WE chose it (a struct, a fixed table). Never NULL: running out
 *               here means the machine is lost, so the process logs and aborts.
 *   mem_try()   THE PEER chose it (a frame, a string, a count). May be NULL;
 *               the caller drops that peer and nobody else notices.
 * Both return zeroed memory. Tests make the n-th mem_try() fail: mem_fail_at().
 *
 * Threads    mem_fail_at() and mem_tries() are for single-threaded tests.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

NODISCARD __attribute__((returns_nonnull)) void *mem_new(size_t size);
NODISCARD void *mem_try(size_t count, size_t size); // NULL on overflow too

/* Grows or shrinks; the new part is NOT zeroed. NULL leaves `p` valid. */
NODISCARD void *mem_try_resize(void *p, size_t size);
void mem_free(void *p); // NULL is fine

/* A copy of a string whose length we chose (never NULL), or NULL for NULL. */
NODISCARD char *mem_strdup(const char *text);

/* The n-th mem_try() from now fails, once; 0 switches it off. */
void mem_fail_at(unsigned n);

/* How many mem_try() calls were made since the last mem_fail_at(). */
unsigned mem_tries(void);

#endif
