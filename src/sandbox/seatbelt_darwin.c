#include "sandbox/seatbelt.h"

#include <string.h>

/* What a program needs to start at all, and nothing that reaches another one. */
static const char base[] =
    "(version 1)\n"
    "(deny default)\n"
    "(allow process-exec)\n"
    "(allow process-fork)\n"
    "(allow signal (target same-sandbox))\n"
    "(allow process-info* (target same-sandbox))\n"
    "(allow sysctl-read)\n"
    "(allow ipc-posix-sem)\n"
    "(allow pseudo-tty)\n"
    "(allow mach-lookup (global-name \"com.apple.system.opendirectoryd.libinfo\"))\n"
    "(allow file-read*)\n"
    "(allow file-read* file-write* file-ioctl (literal \"/dev/ptmx\"))\n"
    "(allow file-read* file-write* (require-all (regex #\"^/dev/ttys[0-9]+$\")"
    " (extension \"com.apple.sandbox.pty\")))\n";

/* TCP and UDP, and asking for names; no unix socket but the resolver's. */
static const char network[] =
    "(allow system-socket (require-any (socket-domain AF_INET)"
    " (socket-domain AF_INET6)))\n"
    "(allow network-outbound (remote ip))\n"
    "(allow network-inbound (local ip))\n"
    "(allow network-bind (local ip))\n"
    "(allow network-outbound (literal \"/private/var/run/mDNSResponder\"))\n"
    "(allow mach-lookup (global-name \"com.apple.dnssd.service\")"
    " (global-name \"com.apple.SystemConfiguration.configd\")"
    " (global-name \"com.apple.trustd.agent\"))\n";

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' ||
           c == ' ' || (c & 0x80) != 0;
}

/* ---- paths in the profile's language ------------------------------------------------------ */

static enum err put_string(struct buf *out, const char *path)
{
    enum err e = buf_put_u8(out, '"');
    for (const char *at = path; *at != '\0' && e == OK; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return ERR_USAGE;
        }
        if (*at == '"' || *at == '\\') {
            e = buf_put_u8(out, '\\');
        }
        e = e == OK ? buf_put_u8(out, (uint8_t)*at) : e;
    }
    return e == OK ? buf_put_u8(out, '"') : e;
}

/* The path and all below it, each letter in either case. */
static enum err put_any_case(struct buf *out, const char *path)
{
    enum err e = buf_put_str(out, "(regex #\"^");
    for (const char *at = path; *at != '\0' && e == OK; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return ERR_USAGE;
        }
        if (is_letter(*at)) {
            e = buf_putf(out, "[%c%c]", *at & ~0x20, *at | 0x20);
        } else if (is_plain(*at)) {
            e = buf_put_u8(out, (uint8_t)*at);
        } else if (*at == '"' || *at == '^') {
            return ERR_USAGE; // neither can be written in a class of this language
        } else if (*at == '\\') {
            e = buf_put_str(out, "\\\\");
        } else {
            e = buf_putf(out, "[%c]", *at);
        }
    }
    return e == OK ? buf_put_str(out, "(/|$)\")") : e;
}

static enum err rule(struct buf *out, const char *what, const char *how,
                     const char *path)
{
    enum err e = buf_putf(out, "(%s (%s ", what, how);
    e = e == OK ? put_string(out, path) : e;
    return e == OK ? buf_put_str(out, "))\n") : e;
}

static enum err rule_any_case(struct buf *out, const char *what, const char *path)
{
    enum err e = buf_putf(out, "(%s ", what);
    e = e == OK ? put_any_case(out, path) : e;
    return e == OK ? buf_put_str(out, ")\n") : e;
}

/* ---- the plan --------------------------------------------------------------------------------- */

static enum err put_item(struct buf *out, const struct plan_item *item)
{
    switch (item->access) {
    case PLAN_DEVICE:
        return rule(out, "allow file-read* file-write-data file-ioctl", "literal",
                    item->path);
    case PLAN_SCRATCH:
    case PLAN_WRITE:
        return rule(out, "allow file-write*", "subpath", item->path);
    case PLAN_PROTECT:
        return rule_any_case(out, "deny file-write*", item->path);
    case PLAN_HIDE:
        return rule_any_case(out, "deny file-read* file-write*", item->path);
    case PLAN_PIN: // put_pins()
    case PLAN_READ:
        break;
    }
    return OK;
}

/* A pin speaks of the folder alone: what lies in it may come and go. */
static enum err put_pins(const struct plan *p, struct buf *out)
{
    enum err e = OK;
    for (size_t i = 0; i < p->n_items && e == OK; i++) {
        if (p->items[i].access == PLAN_PIN || p->items[i].access == PLAN_WRITE) {
            e = rule(out, "deny file-write-unlink", "literal", p->items[i].path);
        }
    }
    return e;
}

enum err seatbelt_profile(const struct plan *p, struct buf *out)
{
    enum err e = buf_put_str(out, base);
    if (e == OK && p->network) {
        e = buf_put_str(out, network);
    }
    for (size_t i = 0; i < p->n_items && e == OK; i++) {
        e = put_item(out, &p->items[i]);
    }
    return e == OK ? put_pins(p, out) : e;
}
