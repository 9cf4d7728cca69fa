/*
 * attr: the compiler attributes the program uses, in one place.
 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

#define NODISCARD        __attribute__((warn_unused_result))
#define PRINTF(at, args) __attribute__((format(printf, at, args)))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The object that contains `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
