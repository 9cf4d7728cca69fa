#include "engine/codex/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/codex/record.h"
#include "wire/url.h"

#define CONTROL_SOCKET "app-server-control/app-server-control.sock"

/* The user's own: what was asked for, else CODEX_HOME, else ~/.codex. */
static enum err users_home(const struct engine_options *o, struct place *p)
{
    const char *asked = o->codex_home != NULL ? o->codex_home : getenv("CODEX_HOME");
    if (asked != NULL && asked[0] != '\0') {
        p->sets_home = o->codex_home != NULL;
        return text_format(p->codex_home, sizeof(p->codex_home), "%s", asked);
    }
    const char *home = getenv("HOME");
    return text_format(p->codex_home, sizeof(p->codex_home), "%s/.codex",
                       home != NULL ? home : "");
}

static enum err default_endpoint(const struct engine_options *o, struct place *p)
{
    if (o->private_agent) {
        const enum err e = text_format(p->endpoint, sizeof(p->endpoint),
                                       "unix://%s/codex.sock", o->run_dir);
        return e != OK ? e
                       : text_format(p->listen, sizeof(p->listen), "%s", p->endpoint);
    }
    p->shared = !o->practice;
    const enum err e = text_format(p->endpoint, sizeof(p->endpoint),
                                   "unix://%s/" CONTROL_SOCKET, p->codex_home);
    return e != OK ? e : text_format(p->listen, sizeof(p->listen), "unix://");
}

static enum err given_endpoint(const struct engine_options *o, struct diag *diag,
                               struct place *p)
{
    struct url url;
    p->joins_only = true;
    p->shared = true;
    if (url_parse(bytes_from_str(o->endpoint), &url) != OK ||
        (url.scheme != URL_UNIX && url.scheme != URL_WS)) {
        diag_set(diag, "%s is no endpoint of Codex: unix://PATH or ws://HOST:PORT",
                 o->endpoint);
        return ERR_USAGE;
    }
    return text_format(p->endpoint, sizeof(p->endpoint), "%s", o->endpoint);
}

enum err place_make(const struct engine_options *o, struct diag *diag,
                    struct place *out)
{
    struct place p = {.record = o->practice ? RECORD_PRACTICE : RECORD_CODEX,
                      .log = o->practice ? "codex-practice.log" : "codex.log"};
    enum err e = OK;
    if (o->practice) {
        p.sets_home = true;
        e = text_format(p.codex_home, sizeof(p.codex_home), "%s/practice", o->home);
    } else {
        e = users_home(o, &p);
    }
    if (e == OK) {
        e = o->endpoint != NULL ? given_endpoint(o, diag, &p) : default_endpoint(o, &p);
    }
    if (e == ERR_LIMIT) {
        diag_set(diag, "the path of Codex's socket is too long");
    }
    if (e == OK) {
        *out = p;
    }
    return e;
}
