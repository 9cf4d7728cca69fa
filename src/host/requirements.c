#include "host/requirements.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "host/ballot.h"
#include "wire/toml.h"

#ifndef FARHAND_ADMIN_DIR
#error "the build says where the administrator's file is"
#endif
const char requirements_path[] = FARHAND_ADMIN_DIR "/requirements.toml";

struct reading {
    struct requirements *out;
    const char *source;
    struct bytes text;
    struct diag *diag;
};

/* ---- where in the file -------------------------------------------------------------- */

struct spot {
    unsigned line, column;
};

static struct bytes trimmed(struct bytes line)
{
    size_t n = 0;
    while (n < line.len && (line.at[n] == ' ' || line.at[n] == '\t')) {
        n++;
    }
    return bytes_sub(line, n, line.len);
}

/* Does the line set this key of the document, or open the table of that name? */
static bool is_about(struct bytes line, const char *key, bool at_top)
{
    const size_t len = strlen(key);
    const size_t open = line.len > 0 && line.at[0] == '[' ? 1 : 0;
    const size_t quote = line.len > open && line.at[open] == '"' ? 1 : 0;
    const size_t from = open + quote;
    if ((open == 0 && !at_top) || !bytes_equal_str(bytes_sub(line, from, len), key)) {
        return false;
    }
    const struct bytes after = bytes_sub(line, from + len + quote, 1);
    return after.len == 0 || bytes_equal_str(after, " ") ||
           bytes_equal_str(after, "\t") || bytes_equal_str(after, "=") ||
           bytes_equal_str(after, ".") || bytes_equal_str(after, "]");
}

/* The reader of TOML keeps no places: the key is looked for again. */
static struct spot find_spot(struct bytes text, const char *key)
{
    bool at_top = true;
    unsigned n = 1;
    while (text.len != 0) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.at);
        const struct bytes whole = bytes_sub(text, 0, len);
        const struct bytes line = trimmed(whole);
        if (is_about(line, key, at_top)) {
            return (struct spot){n, (unsigned)(whole.len - line.len) + 1};
        }
        at_top = at_top && (line.len == 0 || line.at[0] != '[');
        text = bytes_sub(text, len + 1, text.len);
        n++;
    }
    return (struct spot){1, 1};
}

static enum err complain(const struct reading *r, const char *key, const char *sentence)
{
    const struct spot spot = find_spot(r->text, key);
    diag_set(r->diag, "%s:%u:%u: %s %s", r->source, spot.line, spot.column, key,
             sentence);
    return ERR_PROTO;
}

/* ---- values ---------------------------------------------------------------------------- */

static bool is_text(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && text[0] != '\0' &&
           strlen(text) == json_string_length(value) &&
           strlen(text) <= REQUIREMENTS_BECAUSE_MAX;
}

static bool is_texts(const json_t *value)
{
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        if (!is_text(item)) {
            return false;
        }
    }
    return json_array_size(value) > 0;
}

static enum err take_flag(const json_t *value, bool when, bool *out)
{
    *out = *out || json_is_true(value) == when;
    return json_is_boolean(value) ? OK : ERR_PROTO;
}

static enum err take_remote(struct reading *r, const json_t *value)
{
    r->out->remote_source = r->source;
    return take_flag(value, false, &r->out->no_remote);
}

static enum err take_role(struct reading *r, const json_t *value)
{
    return is_text(value)
               ? role_parse(bytes_from_str(json_string_value(value)), &r->out->max_role)
               : ERR_PROTO;
}

static enum err take_policies(struct reading *r, const json_t *value)
{
    size_t i;
    const json_t *item;
    enum approval_policy policy;
    json_array_foreach(value, i, item)
    {
        if (!is_text(item) ||
            approval_policy_parse(json_string_value(item), &policy) != OK) {
            return ERR_PROTO;
        }
        r->out->policies |= 1u << policy;
    }
    return r->out->policies != 0 ? OK : ERR_PROTO;
}

static enum err take_modes(struct reading *r, const json_t *value)
{
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        unsigned mode = SANDBOX_READ_ONLY;
        while (mode <= SANDBOX_FULL_ACCESS &&
               (!is_text(item) ||
                strcmp(json_string_value(item),
                       sandbox_mode_name((enum sandbox_mode)mode)) != 0)) {
            mode++;
        }
        if (mode > SANDBOX_FULL_ACCESS) {
            return ERR_PROTO;
        }
        r->out->modes |= 1u << mode;
    }
    return r->out->modes != 0 ? OK : ERR_PROTO;
}

static enum err take_network(struct reading *r, const json_t *value)
{
    return take_flag(value, false, &r->out->no_network);
}

static enum err take_allowed(struct reading *r, const json_t *value)
{
    r->out->allowed_profiles = value;
    return is_texts(value) ? OK : ERR_PROTO;
}

static enum err take_profile(struct reading *r, const json_t *value)
{
    r->out->profile = json_string_value(value);
    return is_text(value) ? OK : ERR_PROTO;
}

static enum err take_profiles(struct reading *r, const json_t *value)
{
    r->out->profiles = json_object_get(r->out->root, "profile");
    return json_is_object(value) ? OK : ERR_PROTO;
}

/* A host's own door leads past the relays that are named. */
static enum err take_relays(struct reading *r, const json_t *value)
{
    r->out->relays = value;
    return is_texts(value) ? OK : ERR_PROTO;
}

static enum err take_door(struct reading *r, const json_t *value)
{
    return take_flag(value, false, &r->out->no_direct_door);
}

static enum err take_strong(struct reading *r, const json_t *value)
{
    return take_flag(value, true, &r->out->strong);
}

static enum err take_quorum(struct reading *r, const json_t *value)
{
    const json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || n > (json_int_t)BALLOT_VOTES_MAX) {
        return ERR_PROTO;
    }
    r->out->quorum = (unsigned)n;
    return OK;
}

static enum err take_because(struct reading *r, const json_t *value)
{
    r->out->because = json_string_value(value);
    return is_text(value) ? OK : ERR_PROTO;
}

static enum err take_rules(struct reading *r, const json_t *value)
{
    (void)r; // requirements_rules() reads them
    return json_is_array(value) ? OK : ERR_PROTO;
}

static const struct {
    const char *key;
    enum err (*take)(struct reading *r, const json_t *value);
    const char *wants;
} keys[] = {
    {"allow_remote_control", take_remote, "is true or false"},
    {"max_role", take_role, "is viewer, approver, operator or owner"},
    {"allowed_approval_policies", take_policies,
     "is an array of approval policies: ask-every-time, untrusted, suggest, "
     "unless-allow-listed, on-failure, on-request, never"},
    {"allowed_sandbox_modes", take_modes,
     "is an array of read-only, workspace-write, danger-full-access"},
    {"allow_network", take_network, "is true or false"},
    {"allowed_profiles", take_allowed, "is an array of names of profiles"},
    {"force_profile", take_profile, "is the name of a profile"},
    {"profile", take_profiles, "is a table of profiles: [profile.NAME]"},
    {"allowed_relays", take_relays, "is an array of addresses, as they are dialled"},
    {"allow_direct_door", take_door, "is true or false"},
    {"require_strong_approval", take_strong, "is true or false"},
    {"min_quorum", take_quorum, "is a number of people from 1 to 16"},
    {"because", take_because, "is a sentence of at most 255 octets"},
    {"rule", take_rules, "is a list of rules: [[rule]]"},
};

static enum err complain_unknown(const struct reading *r, const char *key)
{
    const char *names[COUNT(keys)];
    char sentence[128] = "is not known here";
    for (size_t i = 0; i < COUNT(keys); i++) {
        names[i] = keys[i].key;
    }
    const char *near = text_nearest(key, names, COUNT(names));
    if (near != NULL &&
        text_format(sentence, sizeof(sentence), "is not known here; did you mean %s?",
                    near) != OK) {
        sentence[0] = '\0';
    }
    return complain(r, key, sentence);
}

static enum err take_key(struct reading *r, const char *key, const json_t *value)
{
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (strcmp(keys[i].key, key) == 0) {
            return keys[i].take(r, value) == OK ? OK : complain(r, key, keys[i].wants);
        }
    }
    return complain_unknown(r, key);
}

/* ---- the whole ----------------------------------------------------------------------------- */

void requirements_none(struct requirements *out)
{
    *out = (struct requirements){.max_role = ROLE_MAX};
}

void requirements_fini(struct requirements *r)
{
    json_decref(r->root);
    mem_free(r->text);
    requirements_none(r);
}

/* Its own profiles and rules are read once here, so that a mistake in them stops the start
 * of every host, not only of one that uses them. */
static enum err check_parts(const struct reading *r)
{
    const struct requirements *q = r->out;
    struct rules rules;
    const char *name;
    json_t *value;
    enum err e = OK;
    json_object_foreach(q->profiles, name, value)
    {
        struct profile profile = {.env = NULL};
        struct diag why = {.text = ""};
        (void)value;
        if (e == OK && (e = profile_read(q->root, name, &profile, &why)) != OK) {
            const struct spot spot = find_spot(r->text, "profile");
            diag_set(r->diag, "%s:%u:%u: %s", r->source, spot.line, spot.column,
                     why.text);
        }
        profile_fini(&profile);
    }
    if (e == OK && q->profile != NULL &&
        json_get_obj(q->profiles, q->profile) == NULL) {
        e = complain(r, "force_profile", "names a profile that is not defined here");
    }
    rules_init(&rules);
    e = e != OK ? e : requirements_rules(q, &rules, r->diag);
    e = e != OK ? e : rules_settle(&rules, r->diag);
    rules_fini(&rules);
    return e;
}

static enum err read_all(struct reading *r)
{
    const char *key;
    json_t *value;
    json_object_foreach(r->out->root, key, value)
    {
        const enum err e = take_key(r, key, value);
        if (e != OK) {
            return e;
        }
    }
    if (r->out->relays != NULL &&
        json_object_get(r->out->root, "allow_direct_door") == NULL) {
        r->out->no_direct_door = true;
    }
    return check_parts(r);
}

enum err requirements_read(const char *source, struct bytes text,
                           struct requirements *out, struct diag *diag)
{
    struct requirements q;
    struct diag why = {.text = ""};
    requirements_none(&q);
    q.exists = true;
    enum err e = toml_parse(text, &q.root, &why);
    if (e != OK) {
        diag_set(diag, "%s: %s", source, why.text);
        return e;
    }
    q.text = mem_new(text.len + 1);
    memcpy(q.text, text.at, text.len);
    q.text_len = text.len;
    struct reading r = {.out = &q, .source = source, .text = text, .diag = diag};
    e = read_all(&r);
    if (e != OK) {
        requirements_fini(&q);
        return e;
    }
    *out = q;
    return OK;
}

/* ---- what they say ------------------------------------------------------------------------- */

PRINTF(3, 4)
static enum err refuse(const struct requirements *r, struct diag *diag,
                       const char *format, ...)
{
    char what[REQUIREMENTS_SENTENCE / 2];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    diag_set(diag, "%s by %s: check with your administrator%s%s%s",
             n < 0 ? "this is forbidden" : what,
             r->no_remote ? r->remote_source : requirements_path,
             r->because == NULL ? "" : " (", r->because == NULL ? "" : r->because,
             r->because == NULL ? "" : ")");
    return ERR_DENIED;
}

static bool lists(const json_t *list, const char *text)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), text) == 0) {
            return true;
        }
    }
    return false;
}

enum err requirements_remote(const struct requirements *r, struct diag *diag)
{
    return r->no_remote ? refuse(r, diag, "remote control is forbidden") : OK;
}

enum err requirements_role(const struct requirements *r, enum role role,
                           struct diag *diag)
{
    return role > r->max_role
               ? refuse(r, diag, "a role above %s is forbidden", role_name(r->max_role))
               : OK;
}

enum err requirements_relay(const struct requirements *r, const char *url,
                            struct diag *diag)
{
    return r->relays != NULL && !lists(r->relays, url)
               ? refuse(r, diag, "the relay %.100s is forbidden", url)
               : OK;
}

enum err requirements_door(const struct requirements *r, struct diag *diag)
{
    return r->no_direct_door ? refuse(r, diag, "a direct door (--listen) is forbidden")
                             : OK;
}

/* Everything asks under these two: nothing is stricter. */
static bool is_strictest(enum approval_policy policy)
{
    return policy == POLICY_ASK_EVERY_TIME || policy == POLICY_UNTRUSTED;
}

enum err requirements_allow_profile(const struct requirements *r,
                                    const struct profile *p, struct diag *diag)
{
    if (r->policies != 0 && !is_strictest(p->policy) &&
        (r->policies & (1u << p->policy)) == 0) {
        return refuse(r, diag, "the approval policy %s of profile %s is forbidden",
                      approval_policy_name(p->policy), p->name);
    }
    if (r->modes != 0 && p->sandbox != SANDBOX_READ_ONLY &&
        (r->modes & (1u << p->sandbox)) == 0) {
        return refuse(r, diag, "the sandbox mode %s of profile %s is forbidden",
                      sandbox_mode_name(p->sandbox), p->name);
    }
    if (r->no_network && p->network) {
        return refuse(r, diag, "the network of profile %s is forbidden", p->name);
    }
    return OK;
}

bool requirements_name(const struct requirements *r, const char *name)
{
    return r->profile != NULL
               ? strcmp(r->profile, name) == 0
               : r->allowed_profiles == NULL || lists(r->allowed_profiles, name);
}

enum err requirements_profile(const struct requirements *r, const char *name,
                              const json_t *config, struct profile *out,
                              struct diag *diag)
{
    if (r->profile != NULL && name != NULL && strcmp(name, r->profile) != 0) {
        return refuse(r, diag, "every profile but %s is forbidden", r->profile);
    }
    name = r->profile != NULL ? r->profile : name;
    if (r->allowed_profiles != NULL && r->profile == NULL &&
        (name == NULL || !lists(r->allowed_profiles, name))) {
        return name == NULL
                   ? refuse(r, diag, "a host without one of its profiles is forbidden")
                   : refuse(r, diag, "the profile %s is forbidden", name);
    }
    struct profile profile = {.env = NULL};
    enum err e = OK;
    if (name == NULL) {
        profile_default(&profile);
    } else {
        const bool own = json_get_obj(r->profiles, name) != NULL;
        e = profile_read(own ? r->root : config, name, &profile, diag);
    }
    e = e != OK ? e : requirements_allow_profile(r, &profile, diag);
    if (e != OK) {
        profile_fini(&profile);
        return e;
    }
    *out = profile;
    return OK;
}

enum err requirements_rules(const struct requirements *r, struct rules *rules,
                            struct diag *diag)
{
    if (json_object_get(r->root, "rule") == NULL) {
        return OK;
    }
    return rules_take(rules, RULE_ADMIN, requirements_path,
                      (struct bytes){(const uint8_t *)r->text, r->text_len}, r->root,
                      diag);
}
