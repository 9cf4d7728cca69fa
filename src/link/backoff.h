/*
 * backoff: how long to wait before the next try.
 *
 * Shape      the first try after a loss is almost immediate, then the waits double up
 *            to the maximum; each is shortened by a random part, so that a relay that
 *            comes back is not met by all its hosts in one instant.
 * Time       milliseconds; randomness is passed in.
 * Tests      tests/unit/login_test.c
 */
#ifndef LINK_BACKOFF_H
#define LINK_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS 40u
#define BACKOFF_MAX_MS   15000u

struct backoff {
    unsigned tries; // since the last success; zeroed is fine
};

uint32_t backoff_next_ms(struct backoff *b, uint32_t random);
void backoff_reset(struct backoff *b);

#endif
