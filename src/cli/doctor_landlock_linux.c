#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/doctor.h"

unsigned doctor_landlock(void)
{
    const long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi > 0 ? (unsigned)abi : 0;
}
