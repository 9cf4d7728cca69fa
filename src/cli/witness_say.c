#include "cli/witness_say.h"

#include "cli/cli.h"
#include "client/witness.h"

bool witness_say(const char *home, const struct target *target)
{
    char alarm[WITNESS_ALARM];
    if (target->local) {
        return false;
    }
    witness_alarm(home, target->id, alarm);
    if (alarm[0] != '\0') {
        (void)cli_fail(EXIT_DONE,
                       "WARNING: %s. Ask who runs %s what happened; joining it anew "
                       "ends this warning",
                       alarm, target->name);
    }
    return alarm[0] != '\0';
}
