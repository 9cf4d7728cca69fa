#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/daemon.h"

/* The host's rules, as the hub asks for them. */

static void name_rule(const struct rule *rule, char *out, size_t size)
{
    const enum err e =
        rule->line == 0 ? text_format(out, size, "%.200s", rule->source)
                        : text_format(out, size, "%.200s:%u", rule->source, rule->line);
    if (e != OK) {
        out[0] = '\0';
    }
}

static void on_judge(void *user, const struct hub_question *q, struct hub_ruling *out)
{
    struct host *h = user;
    struct policy_answer answer;
    rulebook_judge(&h->rulebook, q, &answer);
    struct diag why = {.text = ""};
    if (answer.verdict == VERDICT_ALLOW &&
        requirements_allow_profile(&h->requirements,
                                   rulebook_profile(&h->rulebook, q->asked->thread),
                                   &why) != OK) { // forbidden since the thread began
        answer.verdict = VERDICT_ASK;
        text_sanitize(bytes_from_str(why.text), answer.because, sizeof(answer.because));
    }
    if (q->asked->kind <= APPROVAL_PERMISSIONS) { // a question is answered by one
        rulebook_tighten(&h->rulebook, &answer);
    }
    *out = (struct hub_ruling){.quorum = answer.quorum};
    out->offers = answer.verdict == VERDICT_ASK && answer.rule == NULL &&
                          h->rulebook.quorum < 2 && !h->rulebook.strong
                      ? rulebook_offers(&h->rulebook, q)
                      : 0;
    out->says = answer.verdict == VERDICT_ALLOW  ? HUB_SAYS_ALLOW
                : answer.verdict == VERDICT_DENY ? HUB_SAYS_DENY
                                                 : HUB_SAYS_ASK;
    text_sanitize(bytes_from_str(answer.because), out->because, sizeof(out->because));
    if (answer.rule != NULL) {
        name_rule(answer.rule, out->rule, sizeof(out->rule));
    }
    if (out->says == HUB_SAYS_ASK && answer.strong) { // nobody here can give one
        out->says = HUB_SAYS_DENY;
        text_sanitize(
            h->requirements.strong
                ? BYTES_LIT(
                      "the administrator wants a strong approval, which no device "
                      "can give yet: check with your administrator")
                : BYTES_LIT("a rule wants a strong approval, which no device of this "
                            "host can give yet"),
            out->because, sizeof(out->because));
    }
}

static enum err on_record(void *user, const char *method, const char *thread_id,
                          const char *item_id, const char *command,
                          const struct hub_ruling *ruling)
{
    struct host *h = user;
    standing_used(&h->rulebook.standing, ruling->rule, clock_wall_ms());
    if (item_id != NULL) {
        book_ruled(h, item_id);
    }
    const struct audit_ruling line = {
        .method = method,
        .thread_id = thread_id,
        .item_id = item_id,
        .decision = ruling->says == HUB_SAYS_ALLOW ? "accept" : "decline",
        .rule = ruling->rule,
        .profile = rulebook_profile(&h->rulebook, bytes_from_str(thread_id))->name,
        .because = ruling->because,
        .command = command,
    };
    return audit_ruling(h->audit, &line);
}

/* ---- profiles of threads ------------------------------------------------------------------ */

static enum err find_chosen(const struct host *h, const struct controller_info *who,
                            const char *asked, const struct profile **out,
                            struct diag *why)
{
    const struct profile *own = &h->rulebook.profile;
    const struct requirements *admin = &h->requirements;
    if (!requirements_name(admin, asked)) {
        diag_set(why, "is refused: %s%.64s; check with your administrator",
                 admin->profile != NULL
                     ? "every thread of this machine runs with profile "
                     : "this machine forbids profile ",
                 admin->profile != NULL ? admin->profile : asked);
        return ERR_DENIED;
    }
    const struct profile *p = profiles_find(&h->rulebook.profiles, asked);
    if (p == NULL) {
        diag_set(why, "names a profile that config.toml does not have: %.64s", asked);
        return ERR_NOT_FOUND;
    }
    const char *weaker = who->kind == CONTROLLER_LOCAL ? NULL : profile_weaker(p, own);
    if (weaker != NULL) { // whoever sits at the host may; others may not widen it
        diag_set(why, "is refused: profile %s %s than the host's own, %s", p->name,
                 weaker, own->name);
        return ERR_DENIED;
    }
    *out = p;
    return requirements_allow_profile(&h->requirements, p, why);
}

static enum err on_profile(void *user, const struct controller_info *who,
                           const char *asked, const char *thread,
                           struct hub_profile *out, struct diag *why)
{
    const struct host *h = user;
    const struct profile *p =
        rulebook_profile(&h->rulebook, bytes_from_str(thread == NULL ? "" : thread));
    const enum err e = asked == NULL ? OK : find_chosen(h, who, asked, &p, why);
    if (e != OK) {
        return e;
    }
    *out = (struct hub_profile){.read_only = p->sandbox == SANDBOX_READ_ONLY,
                                .network = p->network,
                                .config = profile_config(p)};
    return text_format(out->name, sizeof(out->name), "%s", p->name) != OK ||
                   text_format(out->model, sizeof(out->model), "%s", p->model) != OK
               ? ERR_LIMIT
               : OK;
}

static enum err on_started(void *user, const char *thread, const char *profile,
                           const char *parent)
{
    struct host *h = user;
    const char *name = profile != NULL ? profile
                       : parent != NULL
                           ? profiles_of_thread(&h->rulebook.profiles, parent)
                           : "";
    return name[0] == '\0' ? OK : profiles_note(&h->rulebook.profiles, thread, name);
}

static json_t *profile_row(const struct host *h, const struct profile *p,
                           const struct controller_info *who)
{
    const char *weaker =
        who->kind == CONTROLLER_LOCAL ? NULL : profile_weaker(p, &h->rulebook.profile);
    json_t *row = json_object();
    json_set_str(row, "name", p->name);
    json_set_str(row, "approvalPolicy", approval_policy_name(p->policy));
    json_set_str(row, "sandboxMode", sandbox_mode_name(p->sandbox));
    json_set_bool(row, "networkAccess", p->network);
    if (p->model[0] != '\0') {
        json_set_str(row, "model", p->model);
    }
    json_set_bool(row, "mayChoose", weaker == NULL);
    if (weaker != NULL) {
        json_set_str(row, "why", weaker);
    }
    return row;
}

void ruling_profiles(struct host *h, struct call *call)
{
    json_t *data = json_array();
    for (size_t i = 0; i < h->rulebook.profiles.n; i++) {
        json_push(data, profile_row(h, &h->rulebook.profiles.list[i], &call->info));
    }
    hub_reply(call, json_pack("{s:o, s:o}", "default",
                              profile_row(h, &h->rulebook.profile, &call->info), "data",
                              data));
}

/* ---- rules that people give with an answer --------------------------------------------- */

static enum err note_rule(struct host *h, const char *what, const char *id,
                          const struct controller_info *who)
{
    const json_t *row = standing_row(&h->rulebook.standing, id);
    struct buf text;
    const char *value = NULL;
    buf_init(&text, 64u * 1024);
    enum err e = json_print(row, &text);
    e = e == OK ? buf_cstr(&text, &value) : e;
    e = e == OK ? audit_policy(h->audit, what, value, who) : e;
    buf_fini(&text);
    return e;
}

static void tell_rules(struct host *h, const char *id, const char *change)
{
    hub_broadcast(h->hub, HUB_ALL, "farhand/policy/rules/changed",
                  json_pack("{s:s, s:s}", "ruleId", id, "change", change));
}

/* Its line is on disk before it counts: what cannot be recorded is not given. */
static enum err on_give(void *user, const struct hub_gift *gift)
{
    struct host *h = user;
    char id[STANDING_ID_SIZE];
    char thread[129] = "";
    const struct bytes of = gift->of->asked->thread;
    if (of.len >= sizeof(thread)) {
        return ERR_LIMIT;
    }
    memcpy(thread, of.at, of.len);
    const struct standing_gift given = {
        .scope = (enum approval_scope)gift->scope,
        .thread = thread,
        .params = gift->of->params,
        .paths = gift->of->asked->kind == APPROVAL_FILE_CHANGE
                     ? json_get_arr(gift->of->params, "paths")
                     : NULL,
        .by = gift->by,
        .at_ms = clock_wall_ms(),
    };
    enum err e = standing_give(&h->rulebook.standing, &given, id);
    if (e == OK && (e = note_rule(h, "rule given", id, gift->who)) != OK) {
        (void)!standing_remove(&h->rulebook.standing, id);
    }
    if (e == OK) {
        tell_rules(h, id, "given");
    }
    return e;
}

void ruling_list(struct host *h, struct call *call)
{
    hub_reply(call, standing_json(&h->rulebook.standing,
                                  json_get_bytes(call->params, "threadId")));
}

void ruling_remove(struct host *h, struct call *call)
{
    const char *id = json_get_str(call->params, "ruleId");
    json_t *row = id == NULL ? NULL : standing_row(&h->rulebook.standing, id);
    if (row == NULL) {
        hub_reply_error(call, HUB_ERR_PARAMS, "there is no such rule", NULL);
        return;
    }
    // it ends whether or not the line can be written: taking back is never refused
    if (note_rule(h, "rule removed", id, &call->info) != OK) {
        log_error("policy.not_recorded", "rule=%s", id);
    }
    char name[STANDING_ID_SIZE];
    text_sanitize(bytes_from_str(id), name, sizeof(name));
    const enum err e = standing_remove(&h->rulebook.standing, name);
    tell_rules(h, name, "removed");
    if (e != OK) {
        hub_reply_error(call, HUB_ERR_INTERNAL,
                        "it counts no more in this run, but the disk did not take "
                        "that: it would be back after a restart",
                        NULL);
        return;
    }
    hub_reply(call, json_object());
}

const struct hub_policy_ops *ruling_ops(void)
{
    static const struct hub_policy_ops ops = {.profile = on_profile,
                                              .started = on_started,
                                              .judge = on_judge,
                                              .give = on_give,
                                              .record = on_record};
    return &ops;
}
