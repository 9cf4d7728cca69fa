#include "session/proof.h"

void proof_heard(struct proof *p, uint64_t now_ms)
{
    p->heard_ms = now_ms;
    p->asked = false;
}

void proof_moved(struct proof *p, uint64_t now_ms)
{
    p->moved_ms = now_ms;
    p->asked = false;
}

void proof_waits(struct proof *p, bool waits, uint64_t now_ms)
{
    if (waits && !p->waits) {
        p->since_ms = now_ms;
        p->asked = false;
    }
    p->waits = waits;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t proof_deadline(const struct proof *p)
{
    if (!p->waits) {
        return UINT64_MAX;
    }
    const uint64_t quiet_since = later(p->since_ms, later(p->heard_ms, p->moved_ms));
    return (p->asked ? p->asked_ms : quiet_since) + PROOF_QUIET_MS;
}

enum proof_verdict proof_check(struct proof *p, uint64_t now_ms)
{
    if (now_ms < proof_deadline(p)) {
        return PROOF_FINE;
    }
    if (p->asked) {
        return PROOF_DEAD;
    }
    p->asked = true;
    p->asked_ms = now_ms;
    return PROOF_ASK;
}
