#include "base/text.h"
#include "host/daemon.h"

/* The host's rules, as the hub asks for them. */

static void on_judge(void *user, const struct approval_request *asked,
                     const char *folder, enum role role, struct hub_ruling *out)
{
    const struct host *h = user;
    struct policy_answer answer;
    rulebook_judge(&h->rulebook, asked, folder, role, &answer);
    *out = (struct hub_ruling){.quorum = answer.quorum};
    out->says = answer.verdict == VERDICT_ALLOW  ? HUB_SAYS_ALLOW
                : answer.verdict == VERDICT_DENY ? HUB_SAYS_DENY
                                                 : HUB_SAYS_ASK;
    text_sanitize(bytes_from_str(answer.because), out->because, sizeof(out->because));
    if (answer.rule != NULL &&
        text_format(out->rule, sizeof(out->rule), "%.200s:%u", answer.rule->source,
                    answer.rule->line) != OK) {
        out->rule[0] = '\0';
    }
    if (out->says == HUB_SAYS_ASK && answer.strong) { // nobody here can give one
        out->says = HUB_SAYS_DENY;
        text_sanitize(
            BYTES_LIT("a rule wants a strong approval, which no device of this "
                      "host can give yet"),
            out->because, sizeof(out->because));
    }
}

static enum err on_record(void *user, const char *method, const char *thread_id,
                          const char *item_id, const char *command,
                          const struct hub_ruling *ruling)
{
    const struct host *h = user;
    const struct audit_ruling line = {
        .method = method,
        .thread_id = thread_id,
        .item_id = item_id,
        .decision = ruling->says == HUB_SAYS_ALLOW ? "accept" : "decline",
        .rule = ruling->rule,
        .profile = h->rulebook.profile.name,
        .because = ruling->because,
        .command = command,
    };
    return audit_ruling(h->audit, &line);
}

const struct hub_policy_ops *ruling_ops(void)
{
    static const struct hub_policy_ops ops = {.judge = on_judge, .record = on_record};
    return &ops;
}
