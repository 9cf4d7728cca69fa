#include "engine/practice/script.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "engine/practice/plan.h"
#include "engine/practice/prose.h"

#define PIECE_MIN 10                    // a delta of a literal text is a word or two
#define PIECE_MAX 200                   // but never more than this
#define EVENT_MAX (2 * SCRIPT_TEXT_MAX) // escapes make a text longer

struct script {
    struct plan plan;
    size_t at;                 // the part that runs
    char item_id[PLAN_ID_MAX]; // of the open message
    uint64_t n_words;          // generated so far in this part
    size_t n_said;             // octets of text said, for the usage
    char path[PLAN_PATH_MAX];
    struct buf said;  // text of the open message
    struct buf event; // the octets lent out
};

/* Takes `value`, an object with its type set. */
static enum err put_event(struct script *s, json_t *value)
{
    buf_clear(&s->event);
    enum err e = buf_putf(&s->event, "event: %s\ndata: ", json_get_str(value, "type"));
    if (e == OK) {
        e = json_print(value, &s->event);
    }
    if (e == OK) {
        e = buf_put_str(&s->event, "\n\n");
    }
    json_decref(value);
    return e;
}

static json_t *message_item(const struct script *s, bool done)
{
    json_t *content = json_array();
    if (done) {
        json_t *text = json_object();
        json_set_str(text, "type", "output_text");
        json_set_bytes(text, "text", buf_bytes(&s->said));
        json_set(text, "annotations", json_array());
        json_push(content, text);
    }
    json_t *item = json_object();
    json_set_str(item, "type", "message");
    json_set_str(item, "id", s->item_id);
    json_set_str(item, "role", "assistant");
    json_set_str(item, "status", done ? "completed" : "in_progress");
    json_set(item, "content", content);
    return item;
}

static enum err put_message(struct script *s, const struct part *part, bool done)
{
    json_t *event = json_object();
    json_set_str(event, "type",
                 done ? "response.output_item.done" : "response.output_item.added");
    json_set_int(event, "output_index", part->item);
    json_set(event, "item", message_item(s, done));
    return put_event(s, event);
}

static enum err put_completed(struct script *s)
{
    json_t *usage = json_object();
    const int64_t in = (int64_t)s->plan.prompt.text.len / 4 + 1;
    const int64_t out = (int64_t)s->n_said / 4 + 1;
    json_set_int(usage, "input_tokens", in);
    json_set_int(usage, "output_tokens", out);
    json_set_int(usage, "total_tokens", in + out);
    json_t *event = plan_response(&s->plan, "completed");
    json_set_str(event, "type", "response.completed");
    json_set(json_get_obj(event, "response"), "usage", usage);
    return put_event(s, event);
}

/* One delta, written by hand: the bench counts thousands of them. */
static enum err put_delta(struct script *s, const struct part *part, struct bytes text)
{
    buf_clear(&s->event);
    enum err e = buf_put(&s->said, text);
    if (e == OK) {
        e = buf_putf(&s->event,
                     "event: response.output_text.delta\ndata: "
                     "{\"type\":\"response.output_text.delta\",\"item_id\":\"%s\","
                     "\"output_index\":%u,\"content_index\":0,\"delta\":",
                     s->item_id, part->item);
    }
    if (e == OK) {
        e = json_put_string(&s->event, text);
    }
    if (e == OK) {
        e = buf_put_str(&s->event, "}\n\n");
    }
    s->n_said += text.len;
    return e;
}

/* A piece ends behind a blank once it is long enough, never inside a character. */
static struct bytes cut_piece(struct bytes *text)
{
    size_t n = 0;
    while (n < text->len && n < PIECE_MAX) {
        const uint8_t c = text->at[n++];
        if (n >= PIECE_MIN && (c == ' ' || c == '\n')) {
            break;
        }
    }
    while (n < text->len && (text->at[n] & 0xc0) == 0x80) {
        n++;
    }
    const struct bytes piece = bytes_sub(*text, 0, n);
    *text = bytes_sub(*text, n, text->len);
    return piece;
}

static enum err put_word(struct script *s, const struct part *part)
{
    char word[32];
    const uint64_t n = s->n_words++;
    if (part->prose) {
        return put_delta(s, part, prose_word(n));
    }
    const enum err e = text_format(word, sizeof(word), "word%" PRIu64 " ", n);
    return e != OK ? e : put_delta(s, part, bytes_from_str(word));
}

/* ---- one function per kind of part: *done says that it has no more ----------- */

/* ERR_AGAIN: nothing to send for this one. */
static enum err run_text(struct script *s, struct part *part, struct script_event *out)
{
    if (part->kind == PART_SAY ? part->text.len == 0 : part->count == 0) {
        s->n_words = 0;
        s->at++;
        return ERR_AGAIN;
    }
    out->pace_ms = part->pace_ms;
    if (part->kind == PART_SAY) {
        return put_delta(s, part, cut_piece(&part->text));
    }
    part->count--;
    return put_word(s, part);
}

static enum err run_event(struct script *s, struct part *part)
{
    json_t *value = part->value;
    part->value = NULL;
    s->at++;
    return put_event(s, value);
}

static enum err run_message(struct script *s, const struct part *part)
{
    s->at++;
    if (part->kind == PART_OPEN) {
        buf_clear(&s->said);
        plan_id(&s->plan, "msg", part->item, s->item_id);
    }
    return put_message(s, part, part->kind == PART_CLOSE);
}

static enum err run_wait(struct script *s, const struct part *part,
                         struct script_event *out)
{
    s->at++;
    out->kind = SCRIPT_WAIT;
    out->path = s->path;
    return text_format(s->path, sizeof(s->path), "%.*s", (int)part->text.len,
                       (const char *)part->text.at);
}

static enum err run_status(struct script *s, const struct part *part,
                           struct script_event *out)
{
    s->at = s->plan.n_parts;
    out->kind = SCRIPT_STATUS;
    out->status = (unsigned)part->count;
    buf_clear(&s->event);
    return buf_putf(&s->event,
                    "{\"error\":{\"message\":\"The practice model was told to fail "
                    "with %u.\",\"type\":\"practice\",\"code\":null}}",
                    (unsigned)part->count);
}

static enum err run_last(struct script *s, enum script_event_kind kind,
                         struct script_event *out)
{
    s->at = s->plan.n_parts;
    out->kind = kind;
    return OK;
}

/* The completion, then the end: two events of the last part. */
static enum err run_end(struct script *s, struct part *part, struct script_event *out)
{
    if (!s->plan.completes || part->count > 0) {
        return run_last(s, SCRIPT_END, out);
    }
    part->count++;
    return put_completed(s);
}

static enum err run_part(struct script *s, struct part *part, struct script_event *out)
{
    switch (part->kind) {
    case PART_EVENT:
        return run_event(s, part);
    case PART_OPEN:
    case PART_CLOSE:
        return run_message(s, part);
    case PART_SAY:
    case PART_WORDS:
        return run_text(s, part, out);
    case PART_WAIT:
        return run_wait(s, part, out);
    case PART_RAW:
        s->at++;
        buf_clear(&s->event);
        return buf_put(&s->event, part->text);
    case PART_STATUS:
        return run_status(s, part, out);
    case PART_HANG:
        return run_last(s, SCRIPT_HANG, out);
    case PART_CUT:
        return run_last(s, SCRIPT_CUT, out);
    case PART_END:
        return run_end(s, part, out);
    }
    return ERR_USAGE;
}

bool script_next(struct script *s, struct script_event *out)
{
    enum err e = ERR_AGAIN;
    while (e == ERR_AGAIN) {
        if (s->at == s->plan.n_parts) {
            return false;
        }
        *out = (struct script_event){.kind = SCRIPT_DATA};
        e = run_part(s, &s->plan.parts[s->at], out);
    }
    if (e != OK) { // no memory, or an answer over its limit
        (void)run_last(s, SCRIPT_CUT, out);
    } else if (out->kind == SCRIPT_DATA || out->kind == SCRIPT_STATUS) {
        out->octets = buf_bytes(&s->event);
    }
    return true;
}

enum err script_open(struct bytes request, const struct call_options *o,
                     struct script **out)
{
    struct script *s = mem_new(sizeof(*s));
    buf_init(&s->said, SCRIPT_TEXT_MAX);
    buf_init(&s->event, EVENT_MAX);
    const enum err e = plan_make(request, o, &s->plan);
    if (e != OK) {
        script_close(s);
        return e;
    }
    *out = s;
    return OK;
}

void script_close(struct script *s)
{
    if (s == NULL) {
        return;
    }
    plan_fini(&s->plan);
    buf_fini(&s->said);
    buf_fini(&s->event);
    mem_free(s);
}
