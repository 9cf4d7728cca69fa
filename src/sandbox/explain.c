#include "sandbox/explain.h"

#include <string.h>

#include "base/text.h"

/* ---- words --------------------------------------------------------------------------- */

static const char *item_note(const struct plan_item *item)
{
    switch (item->access) {
    case PLAN_DEVICE:
        return "read, write";
    case PLAN_SCRATCH:
        return "empty, private, gone at the end";
    case PLAN_WRITE:
        return "writable";
    case PLAN_PIN:
        return "writable, cannot be renamed";
    case PLAN_PROTECT:
        return item->kind == SITE_MISSING ? "read-only, and not to be made"
                                          : "read-only";
    case PLAN_HIDE:
        return "not visible";
    case PLAN_READ:
        break;
    }
    return "read-only";
}

static enum err text_items(const struct plan *p, struct buf *out)
{
    enum err e = buf_putf(out, "  %-40s read-only\n", "everything else");
    for (size_t i = 0; i < p->n_items && e == OK; i++) {
        char path[512];
        text_sanitize(bytes_from_str(p->items[i].path), path, sizeof(path));
        e = buf_putf(out, "  %-40s %s\n", path, item_note(&p->items[i]));
    }
    return e;
}

static enum err text_means(const struct plan *p, struct buf *out)
{
    enum err e = buf_putf(out, "held by    %s%s%s%s%s\n", p->seatbelt ? "Seatbelt" : "",
                          p->landlock ? "Landlock" : "", p->seccomp ? ", seccomp" : "",
                          p->namespaces ? ", a namespace of mounts and processes" : "",
                          p->notify ? "; refused calls are reported" : "");
    if (e == OK) {
        e = buf_putf(out, "network    %s\n",
                     p->network ? "allowed (IPv4 and IPv6; no unix sockets)"
                                : "none: no new sockets, no connections");
    }
    for (size_t i = 0; i < p->n_missing && e == OK; i++) {
        e = buf_putf(out, "MISSING    %s\n", p->missing[i]);
    }
    return e;
}

static enum err text_env(const struct env_list *env, struct buf *out)
{
    enum err e = buf_put_str(out, "variables ");
    for (size_t i = 0; i < env->n && e == OK; i++) {
        char name[128];
        const struct bytes b = {(const uint8_t *)env->vars[i],
                                strcspn(env->vars[i], "=")};
        text_sanitize(b, name, sizeof(name));
        e = buf_putf(out, " %s", name);
    }
    return e == OK ? buf_put_str(out, "\n") : e;
}

enum err explain_text(const struct plan *p, const struct env_list *env, struct buf *out)
{
    enum err e = buf_putf(out, "mode       %s\nworkspace  %s\n",
                          sandbox_policy_mode(p->mode), p->workspace);
    if (e != OK || p->mode == SANDBOX_FULL_ACCESS) {
        return e != OK
                   ? e
                   : buf_put_str(out, "nothing is held: the command may do what you "
                                      "may do\n");
    }
    e = text_means(p, out);
    if (e == OK) {
        e = text_env(env, out);
    }
    if (e == OK) {
        e = buf_put_str(out, "files\n");
    }
    return e == OK ? text_items(p, out) : e;
}

/* ---- JSON ---------------------------------------------------------------------------- */

enum err explain_json_string(struct buf *out, const char *text)
{
    enum err e = buf_put_u8(out, '"');
    const bool valid = utf8_is_valid(bytes_from_str(text));
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0' && e == OK;
         at++) {
        if (*at == '"' || *at == '\\') {
            e = buf_putf(out, "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            e = buf_putf(out, "\\u%04x", *at);
        } else if (*at >= 0x80 && !valid) {
            e = buf_put_str(out, "\\ufffd");
        } else {
            e = buf_put_u8(out, *at);
        }
    }
    return e == OK ? buf_put_u8(out, '"') : e;
}

static enum err json_item(const struct plan_item *item, struct buf *out)
{
    enum err e = buf_putf(
        out, "{\"access\":\"%s\",\"make\":%s,\"path\":", plan_access_name(item->access),
        item->access == PLAN_PROTECT && item->kind == SITE_MISSING ? "true" : "false");
    if (e == OK) {
        e = explain_json_string(out, item->path);
    }
    return e == OK ? buf_put_u8(out, '}') : e;
}

static enum err json_env(const struct env_list *env, struct buf *out)
{
    enum err e = OK;
    for (size_t i = 0; i < env->n && e == OK; i++) {
        char name[128];
        const struct bytes b = {(const uint8_t *)env->vars[i],
                                strcspn(env->vars[i], "=")};
        text_sanitize(b, name, sizeof(name));
        e = i == 0 ? OK : buf_put_u8(out, ',');
        e = e == OK ? explain_json_string(out, name) : e;
    }
    return e;
}

static enum err json_lists(const struct plan *p, const struct env_list *env,
                           struct buf *out)
{
    enum err e = buf_put_str(out, ",\"files\":[");
    for (size_t i = 0; i < p->n_items && e == OK; i++) {
        e = i == 0 ? OK : buf_put_u8(out, ',');
        e = e == OK ? json_item(&p->items[i], out) : e;
    }
    e = e == OK ? buf_put_str(out, "],\"missing\":[") : e;
    for (size_t i = 0; i < p->n_missing && e == OK; i++) {
        e = i == 0 ? OK : buf_put_u8(out, ',');
        e = e == OK ? explain_json_string(out, p->missing[i]) : e;
    }
    e = e == OK ? buf_put_str(out, "],\"environment\":[") : e;
    e = e == OK ? json_env(env, out) : e;
    return e == OK ? buf_put_str(out, "]}") : e;
}

static const char *boolean(bool b)
{
    return b ? "true" : "false";
}

enum err explain_json(const struct plan *p, const struct env_list *env, struct buf *out)
{
    enum err e =
        buf_putf(out,
                 "{\"mode\":\"%s\",\"landlock\":%u,\"seccomp\":%s,"
                 "\"namespaces\":%s,\"supervised\":%s,\"seatbelt\":%s,\"network\":%s,"
                 "\"workspace\":",
                 sandbox_policy_mode(p->mode), p->landlock ? p->landlock_abi : 0,
                 boolean(p->seccomp), boolean(p->namespaces), boolean(p->notify),
                 boolean(p->seatbelt), boolean(p->network));
    e = e == OK ? explain_json_string(out, p->workspace) : e;
    e = e == OK ? buf_put_str(out, ",\"cwd\":") : e;
    e = e == OK ? explain_json_string(out, p->cwd) : e;
    return e == OK ? json_lists(p, env, out) : e;
}
