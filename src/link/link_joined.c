#include "link/link_joined.h"

#include "base/secret.h"

void link_joined_wipe(struct link_joined *j)
{
    secret_wipe(j, sizeof(*j));
}

const char *link_cause_name(enum link_cause cause)
{
#define LINK_CAUSE_NAME(name, text) [name] = (text),
    static const char *const names[] = {LINK_CAUSE_LIST(LINK_CAUSE_NAME)};
#undef LINK_CAUSE_NAME
    return names[cause];
}
