#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "host/daemon.h"
#include "host/trust.h"

/* farhand/trust/list and farhand/trust/set. */

bool trust_is_given(struct host *h)
{
    return trust_of(h->store, h->cwd) == TRUST_GIVEN;
}

bool trust_of_folder(void *user, const char *path, char *real, size_t size)
{
    struct host *h = user;
    char found[PATH_MAX];
    return realpath(path, found) == NULL || // nothing is there to be read
           trust_of(h->store, found) == TRUST_GIVEN ||
           text_format(real, size, "%s", found) != OK;
}

json_t *trust_status(struct host *h)
{
    const enum trust_state state = trust_of(h->store, h->cwd);
    json_t *out = json_object();
    json_set_str(out, "state", trust_state_name(state));
    json_set_bool(out, "asks", state == TRUST_UNASKED && trust_matters(h->cwd));
    return out;
}

static void add_row(void *user, const struct store_trust *row)
{
    struct store_trust now;
    json_t *out = json_object();
    const bool same = trust_identify(row->path, &now) == OK &&
                      now.device == row->device && now.inode == row->inode &&
                      now.born_ns == row->born_ns;
    json_set_str(out, "path", row->path);
    json_set_bool(out, "trusted", row->trusted);
    json_set_bool(out, "holds", same); // false: another folder is there now, or none
    json_set_int(out, "atMs", (int64_t)row->time_ms);
    json_set_str(out, "by", row->by);
    json_push(user, out);
}

void trust_list(struct host *h, struct call *call)
{
    json_t *data = json_array();
    if (store_trust_each(h->store, add_row, data) != OK) {
        json_decref(data);
        hub_reply_error(call, HUB_ERR_INTERNAL, "the host's state cannot be read",
                        NULL);
        return;
    }
    hub_reply(call, json_pack("{s:o}", "data", data));
}

/* The rules of the workspace with what counts now; *why: what is wrong in them. */
static enum err read_again(struct host *h, bool trusted, struct diag *why)
{
    struct rulebook book;
    const struct rulebook_from from = {.home = h->home,
                                       .workspace = h->cwd,
                                       .profile =
                                           h->profile[0] == '\0' ? NULL : h->profile,
                                       .admin = &h->requirements,
                                       .trusted = trusted};
    const enum err e = rulebook_load(&from, &book, why);
    if (e != OK) {
        return e;
    }
    const struct rules old = h->rulebook.rules;
    h->rulebook.rules = book.rules;
    book.rules = old;
    rulebook_fini(&book);
    return OK;
}

static enum err keep(struct host *h, const struct call *call, struct store_trust *row,
                     const json_t *answer)
{
    if (json_is_null(answer)) {
        return store_trust_remove(h->store, row->path);
    }
    row->trusted = json_is_true(answer);
    row->time_ms = clock_wall_ms();
    text_sanitize(bytes_from_str(call->info.name), row->by, sizeof(row->by));
    return store_trust_put(h->store, row);
}

/* A device may answer for the workspace that it works in; the user at the host for any. */
static bool may_name(const struct host *h, const struct call *call, const char *path)
{
    return call->info.kind == CONTROLLER_LOCAL || strcmp(path, h->cwd) == 0;
}

static enum err read_wish(const struct host *h, struct call *call,
                          struct store_trust *row)
{
    const char *path = json_get_str(call->params, "path");
    const json_t *answer = json_object_get(call->params, "trusted");
    if (path == NULL || !(json_is_boolean(answer) || json_is_null(answer))) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "path and trusted (true, false, or null to forget) are needed",
                        NULL);
        return ERR_USAGE;
    }
    if (!may_name(h, call, path)) {
        hub_reply_error(call, HUB_ERR_RIGHTS,
                        "from here only the workspace of the host can be trusted",
                        NULL);
        return ERR_DENIED;
    }
    if (trust_identify(path, row) != OK &&
        (!json_is_null(answer) ||
         text_format(row->path, sizeof(row->path), "%s", path) != OK)) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "that is no folder of this machine under its own name: links "
                        "are not trusted",
                        NULL);
        return ERR_NOT_FOUND;
    }
    return OK;
}

/* Its line is in the log before it counts. */
static enum err record(struct host *h, struct call *call, struct store_trust *row)
{
    const json_t *answer = json_object_get(call->params, "trusted");
    char value[STORE_TRUST_PATH + 16];
    enum err e = text_format(value, sizeof(value), "%s: %s", row->path,
                             json_is_null(answer)   ? "forgotten"
                             : json_is_true(answer) ? "trusted"
                                                    : "not trusted");
    e = e == OK ? audit_policy(h->audit, "trust", value, &call->info) : e;
    return e == OK ? keep(h, call, row, answer) : e;
}

void trust_set(struct host *h, struct call *call)
{
    struct store_trust row = {.born_ns = 0};
    struct diag why = {.text = ""};
    const bool yes = json_is_true(json_object_get(call->params, "trusted"));
    if (read_wish(h, call, &row) != OK) {
        return;
    }
    const bool here = strcmp(row.path, h->cwd) == 0;
    if (here && read_again(h, yes, &why) != OK) {
        hub_reply_error(call, HUB_ERR_REQUEST, why.text, NULL);
        return;
    }
    const enum err e = record(h, call, &row);
    if (e != OK) {
        if (here && read_again(h, trust_is_given(h), &why) != OK) {
            h->rulebook.rules.n = 0; // nothing is allowed by a rule that nobody kept
        }
        hub_reply_error(call, e == ERR_NOT_FOUND ? HUB_ERR_REQUEST : HUB_ERR_INTERNAL,
                        e == ERR_NOT_FOUND ? "nothing was said of that folder"
                        : e == ERR_LIMIT   ? "too many folders: remove some"
                                           : "the change could not be stored",
                        NULL);
        return;
    }
    hub_reply(call, json_object());
    host_changed(h);
}
