#include "cli/cause_exit.h"

int cause_exit(enum link_cause cause)
{
    switch (cause) {
    case LINK_OK:
        return EXIT_DONE;
    case LINK_BAD_CODE:
        return EXIT_USAGE;
    case LINK_SPENT:
    case LINK_EXPIRED:
        return EXIT_SPENT;
    case LINK_DECLINED:
    case LINK_FORBIDDEN:
    case LINK_REVOKED:
    case LINK_UNTRUSTED:
        return EXIT_DENIED;
    case LINK_RELAY_REFUSED:
        return EXIT_REFUSED;
    case LINK_RELAY_DOWN:
    case LINK_HOST_OFFLINE:
    case LINK_TIMEOUT:
    case LINK_LOST:
    case LINK_TOO_MANY:
        return EXIT_UNREACHABLE;
    case LINK_REPLACED:
    case LINK_BROKEN:
    case LINK_CANCELED:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

int find_exit(enum err e)
{
    if (e == ERR_NOT_FOUND || e == ERR_EXISTS) {
        return EXIT_NOT_FOUND;
    }
    if (e == ERR_AUTH) {
        return EXIT_DENIED;
    }
    return e == ERR_DENIED || e == ERR_IO ? EXIT_HOME : EXIT_FAILED;
}
