#include "link/backoff.h"

#define SECOND_MS 250u

uint32_t backoff_next_ms(struct backoff *b, uint32_t random)
{
    uint32_t wait = BACKOFF_FIRST_MS;
    if (b->tries > 0) {
        const unsigned doublings = b->tries - 1 < 10 ? b->tries - 1 : 10;
        wait = SECOND_MS << doublings;
        wait = wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
    }
    b->tries++;
    return wait / 2 + random % (wait / 2 + 1);
}

void backoff_reset(struct backoff *b)
{
    b->tries = 0;
}
