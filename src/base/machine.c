#include "base/machine.h"

#include <stdlib.h>

#include "base/log.h"

void machine_move(struct machine *m, unsigned to)
{
    if ((m->table[m->state].moves & MOVES_TO(to)) == 0) {
        log_error("machine.illegal", "what=%s from=%s to=%s", m->what,
                  m->table[m->state].name, m->table[to].name);
        abort();
    }
    log_trace("machine.move", "what=%s from=%s to=%s", m->what, m->table[m->state].name,
              m->table[to].name);
    m->state = to;
}

const char *machine_name(const struct machine *m)
{
    return m->table[m->state].name;
}
