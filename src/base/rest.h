/*
 * rest: memory that a program which now waits can do without.
 *
 * Shape      rest_now() gives free heap back, and drops from the process the pages of
 *            program and libraries that starting or serving someone touched: nobody
 *            has written to them, so they come back out of their file, page by page,
 *            when they are used again.
 * Time       about a millisecond: once when something has ended, never in a turn of
 *            work.
 * Limits     REST_MAPS_MAX octets of /proc/self/smaps; of a longer one nothing is
 *            dropped.
 * Tests      tests/unit/rest_test.c
 */
#ifndef BASE_REST_H
#define BASE_REST_H

#define REST_MAPS_MAX (1024u * 1024)

void rest_now(void);

#endif
