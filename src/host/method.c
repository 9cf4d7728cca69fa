#include "host/method.h"

#include <stdlib.h>
#include <string.h>

static const struct method methods[] = {
#include "host/method_table.inc"
};

static int compare(const void *key, const void *row)
{
    const struct bytes *name = key;
    const char *other = ((const struct method *)row)->name;
    const int order = strncmp((const char *)name->at, other, name->len);
    return order != 0 ? order : (other[name->len] == '\0' ? 0 : -1);
}

const struct method *method_find(struct bytes name)
{
    if (name.len == 0) {
        return NULL;
    }
    return bsearch(&name, methods, COUNT(methods), sizeof(methods[0]), compare);
}

bool method_knows_field(const struct method *m, const char *field)
{
    const size_t len = strlen(field);
    if (len == 0 || strchr(field, ',') != NULL) {
        return false; // it would match two names at once
    }
    for (const char *at = m->fields; (at = strstr(at, field)) != NULL; at += len) {
        const bool begins = at == m->fields || at[-1] == ',';
        if (begins && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

bool method_is_allowed(const struct method *m, const struct controller_info *who)
{
    if (m->role == ROLE_NONE || who->role == ROLE_NONE || who->role < m->role) {
        return false;
    }
    if ((m->flags & METHOD_LOCAL) != 0 && who->kind != CONTROLLER_LOCAL) {
        return false;
    }
    return (who->caps & m->caps) == m->caps;
}

bool method_is_effect(const struct method *m)
{
    // a handle ends with its connection: what was said to it is nowhere afterwards
    if (m->act == ACT_HANDLE_USE || m->act == ACT_HANDLE_CLOSE) {
        return false;
    }
    return m->act == ACT_DECIDE || (m->flags & (METHOD_ACTS | METHOD_STOPS)) != 0;
}

const struct method *method_table(size_t *count)
{
    *count = COUNT(methods);
    return methods;
}
