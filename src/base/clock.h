/*
 * clock: the two clocks, read only by code that does I/O.
 *
 * Pure modules (wire, session, policy, the hub's core) take time as a parameter.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); // monotonic; never goes back
uint64_t clock_mono_us(void);
uint64_t clock_wall_ms(void); // since 1970, for people and for signatures

#endif
