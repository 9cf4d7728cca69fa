#include "engine/practice/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "engine/practice/prose.h"

static struct part *add(struct plan *s, enum part_kind kind)
{
    assert(s->n_parts < COUNT(s->parts)); // PLAN_PARTS_PER_STEP holds for every step
    struct part *part = &s->parts[s->n_parts++];
    *part = (struct part){.kind = kind, .item = s->n_items};
    return part;
}

static void add_close(struct plan *s)
{
    add(s, PART_CLOSE);
    s->n_items++;
}

static void add_say(struct plan *s, struct bytes text)
{
    add(s, PART_OPEN);
    add(s, PART_SAY)->text = text;
    add_close(s);
}

/* Takes `value`. */
static void add_event(struct plan *s, const char *type, json_t *value)
{
    json_set_str(value, "type", type);
    add(s, PART_EVENT)->value = value;
}

void plan_id(const struct plan *s, const char *prefix, unsigned n,
             char out[PLAN_ID_MAX])
{
    if (text_format(out, PLAN_ID_MAX, "%s_%u_%016" PRIx64, prefix, n,
                    s->options.nonce) != OK) {
        out[0] = '\0'; // cannot be: a short prefix and two numbers fit
    }
}

json_t *plan_response(const struct plan *s, const char *status)
{
    char id[PLAN_ID_MAX];
    plan_id(s, "resp", 0, id);
    json_t *response = json_object();
    json_set_str(response, "id", id);
    json_set_str(response, "object", "response");
    json_set_str(response, "status", status);
    json_t *event = json_object();
    json_set(event, "response", response);
    return event;
}

/* Takes `item`; tells of it as begun and as done. */
static void add_item(struct plan *s, json_t *item)
{
    static const char *const types[] = {"response.output_item.added",
                                        "response.output_item.done"};
    for (size_t i = 0; i < COUNT(types); i++) {
        json_t *event = json_object();
        json_set_int(event, "output_index", s->n_items);
        json_set(event, "item", json_incref(item));
        add_event(s, types[i], event);
    }
    s->n_items++;
    json_decref(item);
}

static void plan_think(struct plan *s, const struct step *step)
{
    static const char summary[] =
        "**Weighing the words**\n\nThe prompt begins with a word of the table, so the "
        "answer is known. Nothing needs to be understood.";
    char id[PLAN_ID_MAX];
    plan_id(s, "rs", s->n_items, id);
    json_t *item = json_object();
    json_set_str(item, "type", "reasoning");
    json_set_str(item, "id", id);
    json_set(item, "summary", json_array());
    json_t *event = json_object();
    json_set_int(event, "output_index", s->n_items);
    json_set(event, "item", json_deep_copy(item));
    add_event(s, "response.output_item.added", event);

    json_t *text = json_object();
    json_set_str(text, "item_id", id);
    json_set_int(text, "output_index", s->n_items);
    json_set_int(text, "summary_index", 0);
    add_event(s, "response.reasoning_summary_part.added", json_deep_copy(text));
    json_set_str(text, "delta", summary);
    add_event(s, "response.reasoning_summary_text.delta", text);

    json_t *part = json_object();
    json_set_str(part, "type", "summary_text");
    json_set_str(part, "text", summary);
    json_push(json_get_arr(item, "summary"), part);
    event = json_object();
    json_set_int(event, "output_index", s->n_items++);
    json_set(event, "item", item);
    add_event(s, "response.output_item.done", event);
    add_say(s, step->text.len > 0 ? step->text : BYTES_LIT("I have thought about it."));
}

static void plan_search(struct plan *s, const struct step *step)
{
    char id[PLAN_ID_MAX];
    plan_id(s, "ws", s->n_items, id);
    json_t *action = json_object();
    json_set_str(action, "type", "search");
    json_set_bytes(action, "query", step->text);
    json_t *item = json_object();
    json_set_str(item, "type", "web_search_call");
    json_set_str(item, "id", id);
    json_set_str(item, "status", "completed");
    json_set(item, "action", action);
    add_item(s, item);
    add_say(s, BYTES_LIT("I have not searched: there is no network here."));
}

static void plan_words(struct plan *s, const struct step *step)
{
    add(s, PART_OPEN);
    struct part *words = add(s, PART_WORDS);
    words->count = step->count;
    words->pace_ms = step->pace_ms;
    words->prose = step->kind != STEP_DELTAS;
    add_close(s);
}

static void plan_hold(struct plan *s, const struct step *step)
{
    add(s, PART_OPEN);
    add(s, PART_SAY)->text = BYTES_LIT("This sentence stops in the middle ");
    if (step->text.len > 0 && step->text.len < PLAN_PATH_MAX) {
        add(s, PART_WAIT)->text = step->text;
    }
    add(s, PART_SAY)->text = BYTES_LIT("and goes on when it may.");
    add_close(s);
}

static void plan_hang(struct plan *s, const struct step *step)
{
    (void)step;
    add(s, PART_OPEN);
    add(s, PART_SAY)->text = BYTES_LIT("This answer has no end");
    add(s, PART_HANG);
}

static uint64_t failing_status(const struct step *step)
{
    uint64_t status = 0;
    struct bytes rest = step->text;
    if (step->kind != STEP_FAIL ||
        u64_parse(step_split(&rest, " "), 599, &status) != OK || status < 400) {
        return 0;
    }
    return status;
}

static void plan_fail(struct plan *s, const struct step *step)
{
    s->completes = false;
    if (bytes_equal_str(step->text, "cut")) {
        add(s, PART_OPEN);
        add(s, PART_SAY)->text = BYTES_LIT("The stream is cut in the mid");
        add(s, PART_CUT);
    } else if (bytes_equal_str(step->text, "garbage")) {
        add(s, PART_RAW)->text =
            BYTES_LIT("data: {\"type\":\xff\n\n\0\x01\x02 nonsense\n\n");
    } else {
        json_t *event = plan_response(s, "failed");
        json_t *error = json_object();
        json_set_str(error, "code", "server_error");
        json_set_str(error, "message", "The practice model was told to fail.");
        json_set(json_get_obj(event, "response"), "error", error);
        add_event(s, "response.failed", event);
    }
}

static void plan_say(struct plan *s, const struct step *step)
{
    add_say(s, step->text.len > 0 ? step->text : BYTES_LIT("Nothing."));
}

static void plan_markdown(struct plan *s, const struct step *step)
{
    (void)step;
    add_say(s, bytes_from_str(prose_markdown));
}

static void plan_plan(struct plan *s, const struct step *step)
{
    (void)step;
    add_say(s, bytes_from_str(prose_plan));
}

static void plan_help(struct plan *s, const struct step *step)
{
    add(s, PART_OPEN);
    if (step->kind == STEP_UNKNOWN) {
        add(s, PART_SAY)->text = bytes_from_str(prose_unknown);
    }
    add(s, PART_SAY)->text = buf_bytes(&s->help);
    add_close(s);
}

typedef void plan_fn(struct plan *s, const struct step *step);

static plan_fn *const plans[STEP_KINDS] = {
    [STEP_UNKNOWN] = plan_help, [STEP_SAY] = plan_say,
    [STEP_HELP] = plan_help,    [STEP_MARKDOWN] = plan_markdown,
    [STEP_PLAN] = plan_plan,    [STEP_LONG] = plan_words,
    [STEP_SLOW] = plan_words,   [STEP_DELTAS] = plan_words,
    [STEP_HOLD] = plan_hold,    [STEP_HANG] = plan_hang,
    [STEP_THINK] = plan_think,  [STEP_SEARCH] = plan_search,
    [STEP_FAIL] = plan_fail,
};

/* ---- the whole of a response ------------------------------------------------ */

/* The first words of the prompt's last line: what a title job wants. */
static struct bytes gist(struct bytes text)
{
    struct bytes line = BYTES_NONE;
    while (text.len > 0) {
        const struct bytes next = step_split(&text, "\n");
        line = next.len > 0 ? next : line;
    }
    size_t n = line.len < 40 ? line.len : 40;
    while (n > 0 && n < line.len && line.at[n] != ' ' && (line.at[n] & 0x80) == 0) {
        n--;
    }
    while (n > 0 && n < line.len && (line.at[n] & 0xc0) == 0x80) {
        n--;
    }
    return bytes_sub(line, 0, n);
}

static void put_value(json_t *answer, const char *key, const json_t *schema,
                      struct bytes text)
{
    const char *type = json_get_str(schema, "type");
    if (type == NULL || strcmp(type, "string") == 0) {
        json_set_bytes(answer, key, text);
    } else if (strcmp(type, "array") == 0) {
        json_set(answer, key, json_array());
    } else if (strcmp(type, "boolean") == 0) {
        json_set_bool(answer, key, false);
    } else if (strcmp(type, "object") == 0) {
        json_set(answer, key, json_object());
    } else {
        json_set_int(answer, key, 0);
    }
}

/* A structured answer (a thread's title): every property gets something. */
static enum err plan_structure(struct plan *s)
{
    const struct bytes text = gist(s->prompt.text);
    json_t *answer = json_object();
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json_get_obj(s->prompt.schema, "properties"), key, value)
    {
        put_value(answer, key, value, text);
    }
    const enum err e = json_print(answer, &s->verdict);
    json_decref(answer);
    add_say(s, buf_bytes(&s->verdict));
    return e;
}

static enum err plan_calls(struct plan *s, size_t step, bool *out_called)
{
    json_t *items = NULL;
    const enum err e = call_items(&s->prompt, step, &s->options, &items);
    if (e != OK) {
        return e;
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        add_item(s, json_incref(json_array_get(items, i)));
    }
    *out_called = json_array_size(items) > 0;
    json_decref(items);
    return OK;
}

/* What came of the last calls: more calls, or a verdict. */
static enum err plan_outputs(struct plan *s, bool *out_called)
{
    enum err e = plan_calls(s, s->prompt.step, out_called);
    if (e != OK || *out_called) {
        return e;
    }
    e = call_verdict(&s->prompt, &s->verdict);
    if (e == OK) {
        add_say(s, buf_bytes(&s->verdict));
    }
    return e;
}

static enum err plan_steps(struct plan *s)
{
    bool called = false;
    enum err e = OK;
    size_t i = 0;
    if (s->prompt.answered) {
        e = plan_outputs(s, &called);
        i = s->prompt.step + 1;
    }
    for (; e == OK && !called && s->completes && i < s->prompt.n_steps; i++) {
        const struct step *step = &s->prompt.steps[i];
        if (call_is_made_by(step->kind)) {
            e = plan_calls(s, i, &called);
        } else {
            plans[step->kind](s, step);
        }
    }
    return e;
}

/* An HTTP failure takes the place of the whole response that its step is in. */
static uint64_t plan_status(const struct plan *s)
{
    size_t i = s->prompt.answered ? s->prompt.step + 1 : 0;
    for (; i < s->prompt.n_steps; i++) {
        const struct step *step = &s->prompt.steps[i];
        if (call_is_made_by(step->kind)) {
            return 0;
        }
        const uint64_t status = failing_status(step);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

enum err plan_make(struct bytes request, const struct call_options *o, struct plan *out)
{
    buf_init(&out->verdict, PLAN_TEXT_MAX);
    buf_init(&out->help, PLAN_TEXT_MAX);
    out->options = *o;
    enum err e = prompt_read(request, &out->prompt);
    if (e != OK) {
        return e;
    }
    const uint64_t status = out->prompt.schema == NULL ? plan_status(out) : 0;
    if (status != 0) {
        add(out, PART_STATUS)->count = status;
        return OK;
    }
    e = prose_help(&out->help);
    if (e != OK) {
        return e;
    }
    out->completes = true;
    add_event(out, "response.created", plan_response(out, "in_progress"));
    e = out->prompt.schema != NULL ? plan_structure(out) : plan_steps(out);
    add(out, PART_END);
    return e;
}

void plan_fini(struct plan *s)
{
    for (size_t i = 0; i < s->n_parts; i++) {
        json_decref(s->parts[i].value);
    }
    prompt_fini(&s->prompt);
    buf_fini(&s->verdict);
    buf_fini(&s->help);
}
