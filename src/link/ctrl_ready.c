#include <string.h>

#include "base/text.h"
#include "link/ctrl_channel.h"

static bool take_text(char *to, size_t size, struct bytes from)
{
    char text[256];
    if (from.len == 0 || from.len >= sizeof(text)) {
        return false;
    }
    text_sanitize(from, text, sizeof(text));
    return strcmp(to, text) != 0 && text_format(to, size, "%s", text) == OK;
}

static bool take_urls(struct link_joined *j, const struct session_welcome *w)
{
    bool news = false;
    size_t n = 0;
    for (size_t i = 0; i < w->n_urls && n < LINK_JOINED_URLS; i++) {
        if (w->urls[i].len != 0 && w->urls[i].len < sizeof(j->urls[n])) {
            news = take_text(j->urls[n], sizeof(j->urls[n]), w->urls[i]) || news;
            n++;
        }
    }
    news = news || (n != 0 && n != j->n_urls);
    j->n_urls = n != 0 ? n : j->n_urls;
    return news;
}

bool ctrl_joined_update(struct link_joined *j, const struct session_ready *r)
{
    const struct session_welcome *w = &r->welcome;
    bool news = take_urls(j, w);
    news = take_text(j->name, sizeof(j->name), w->host_name) || news;
    if (w->grant.len != 0 && w->grant.len <= sizeof(j->grant)) {
        memcpy(j->grant, w->grant.at, w->grant.len);
        j->grant_len = w->grant.len;
        news = true;
    }
    return news;
}

static const struct {
    enum denied_code code;
    enum link_cause cause;
} denials[] = {
    {DENIED_FORBIDDEN, LINK_FORBIDDEN}, {DENIED_DECLINED, LINK_DECLINED},
    {DENIED_EXPIRED, LINK_EXPIRED},     {DENIED_ROLE_CAPPED, LINK_FORBIDDEN},
    {DENIED_TOO_MANY, LINK_TOO_MANY},   {DENIED_REVOKED, LINK_REVOKED},
};

enum link_cause ctrl_denial(enum denied_code code)
{
    for (size_t i = 0; i < COUNT(denials); i++) {
        if (denials[i].code == code) {
            return denials[i].cause;
        }
    }
    return LINK_FORBIDDEN;
}
