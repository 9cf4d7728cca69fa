#include "host/rights.h"

static const char *const role_names[] = {
    [ROLE_NONE] = "none",         [ROLE_VIEWER] = "viewer",
    [ROLE_APPROVER] = "approver", [ROLE_OPERATOR] = "operator",
    [ROLE_OWNER] = "owner",
};

static const struct {
    uint64_t bit;
    const char *name;
} cap_names[] = {
    {CAP_ADMIN, "admin"},
    {CAP_TERMINAL, "terminal"},
    {CAP_FILES_WRITE, "files_write"},
    {CAP_SESSION_SCOPE, "session_scope"},
    {CAP_GIT_WRITE, "git_write"},
};

const char *role_name(enum role role)
{
    const unsigned at = (unsigned)role;
    return at < COUNT(role_names) ? role_names[at] : role_names[ROLE_NONE];
}

enum err role_parse(struct bytes text, enum role *out)
{
    for (unsigned role = ROLE_VIEWER; role <= ROLE_MAX; role++) {
        if (bytes_equal_str(text, role_names[role])) {
            *out = (enum role)role;
            return OK;
        }
    }
    return ERR_PROTO;
}

uint64_t role_caps(enum role role)
{
    return role == ROLE_OWNER ? CAP_ALL : 0;
}

const char *cap_name(uint64_t cap)
{
    for (size_t i = 0; i < COUNT(cap_names); i++) {
        if (cap_names[i].bit == cap) {
            return cap_names[i].name;
        }
    }
    return NULL;
}
