/*
 * link_rig_ctrl: the controller's end of a link_rig.h, which includes it.
 */
#ifndef TESTS_UNIT_LINK_RIG_CTRL_H
#define TESTS_UNIT_LINK_RIG_CTRL_H

/* ---- the controller ----------------------------------------------------------------------- */

static inline void rig_progress(void *user, const char *step, const char *sentence)
{
    (void)user;
    (void)step;
    (void)sentence;
}

static inline void rig_digits(void *user, const char *digits, const char *host_name,
                              bool confirm)
{
    struct rig_ctrl *c = user;
    EQ_STR(host_name, "desk");
    EQ_INT(text_format(c->shown, sizeof(c->shown), "%s", digits), OK);
    c->asked = confirm;
}

static inline void rig_done(void *user, enum link_cause cause, const char *sentence,
                            const struct link_joined *joined)
{
    struct rig_ctrl *c = user;
    c->done = true;
    c->cause = cause;
    text_sanitize(bytes_from_str(sentence), c->sentence, sizeof(c->sentence));
    if (joined != NULL) {
        c->joined = *joined;
    }
    link_pair_close(c->pair, NULL);
    c->pair = NULL;
}

static const struct link_pair_ops rig_pair_ops = {
    .progress = rig_progress,
    .digits = rig_digits,
    .done = rig_done,
};

static inline enum err rig_pair_begin(struct rig *r, struct rig_ctrl *c,
                                      const char *text, struct diag *d)
{
    const struct link_pair_options o = {
        .text = text, .relay = r->url, .name = "laptop"};
    c->rig = r;
    const enum err e = link_pair_create(r->loop, &o, &rig_pair_ops, c, &c->pair, d);
    if (e == OK) {
        link_pair_start(c->pair);
    }
    return e;
}

static inline void rig_ctrl_state(void *user, enum link_ctrl_state state,
                                  enum link_cause cause, const char *sentence)
{
    struct rig_ctrl *c = user;
    c->state = state;
    c->state_cause = cause;
    text_sanitize(bytes_from_str(sentence), c->sentence, sizeof(c->sentence));
}

static inline void rig_renewed(void *user, const struct link_joined *joined)
{
    struct rig_ctrl *c = user;
    c->joined = *joined;
}

static inline void rig_text(void *user, struct link_ctrl_stream *st, struct bytes text)
{
    struct rig_ctrl *c = user;
    uint64_t number = 0;
    (void)st;
    c->n_texts++;
    if (u64_parse(text, UINT64_MAX, &number) == OK) {
        c->sum += number;
    }
    buf_clear(&c->last);
    if (buf_put(&c->last, text) != OK) {
        buf_clear(&c->last); // the fault test asked for it
    }
}

static inline void rig_ctrl_stream_closed(void *user, struct link_ctrl_stream *st)
{
    struct rig_ctrl *c = user;
    (void)st;
    c->n_stream_closed++;
}

static inline void rig_drained(void *user)
{
    (void)user;
}

static const struct link_ctrl_ops rig_ctrl_ops = {
    .state = rig_ctrl_state,
    .renewed = rig_renewed,
    .stream_text = rig_text,
    .stream_closed = rig_ctrl_stream_closed,
    .drained = rig_drained,
};

static inline void rig_connect(struct rig *r, struct rig_ctrl *c)
{
    c->rig = r;
    buf_init(&c->last, 16u << 20);
    c->ctrl = link_ctrl_create(r->loop, &c->joined, NULL, &rig_ctrl_ops, c);
    link_ctrl_start(c->ctrl);
}

static inline void rig_ctrl_note(void *user)
{
    struct rig_ctrl *c = user;
    c->closed = true;
}

static inline void rig_disconnect(struct rig_ctrl *c)
{
    link_ctrl_close(c->ctrl, rig_ctrl_note);
    RIG_UNTIL(c->rig, c->closed);
    buf_fini(&c->last);
    c->ctrl = NULL;
}

#endif
