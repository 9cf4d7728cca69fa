#include "engine/practice/prompt.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define CALL_PREFIX "call_fh"

/* Messages of the role "user" that Codex writes itself. */
static const char *const context_marks[] = {
    "<environment_context", "<turn_aborted", "<user_instructions",
    "<user_shell_command",  "<skill",        "<subagent",
    "<codex_internal",      "# AGENTS.md",
};

static bool starts_with(struct bytes text, const char *mark)
{
    const size_t n = strlen(mark);
    return text.len >= n && memcmp(text.at, mark, n) == 0;
}

static bool is_context(struct bytes text)
{
    for (size_t i = 0; i < COUNT(context_marks); i++) {
        if (starts_with(text, context_marks[i])) {
            return true;
        }
    }
    return false;
}

static struct bytes text_of(const json_t *value)
{
    if (!json_is_string(value)) {
        return BYTES_NONE;
    }
    return (struct bytes){(const uint8_t *)json_string_value(value),
                          json_string_length(value)};
}

static bool is_string(const json_t *object, const char *key, const char *want)
{
    return bytes_equal_str(json_get_bytes(object, key), want);
}

/* The first text of a user's message that is not Codex's own; images are skipped. */
static struct bytes user_text(const json_t *message)
{
    const json_t *content = json_object_get(message, "content");
    size_t i = 0;
    const json_t *part = NULL;
    json_array_foreach(content, i, part)
    {
        const struct bytes text = step_trim(json_get_bytes(part, "text"));
        if (is_string(part, "type", "input_text") && text.len > 0 &&
            !is_context(text)) {
            return text;
        }
    }
    return BYTES_NONE;
}

static size_t find_prompt(const json_t *input, struct bytes *out)
{
    for (size_t i = json_array_size(input); i > 0; i--) {
        const json_t *item = json_array_get(input, i - 1);
        if (is_string(item, "type", "message") && is_string(item, "role", "user")) {
            const struct bytes text = user_text(item);
            if (text.len > 0) {
                *out = text;
                return i;
            }
        }
    }
    *out = BYTES_NONE;
    return 0;
}

/* Outputs are a string, or a list of texts and images of which the last text is the
 * tool's own (Codex puts the time it took in front). */
static struct bytes output_text(const json_t *output)
{
    struct bytes text = text_of(output);
    size_t i = 0;
    const json_t *part = NULL;
    json_array_foreach(output, i, part)
    {
        if (is_string(part, "type", "input_text")) {
            text = json_get_bytes(part, "text");
        }
    }
    return text;
}

static bool call_step(struct bytes call_id, size_t *out)
{
    if (!starts_with(call_id, CALL_PREFIX)) {
        return false;
    }
    struct bytes rest = bytes_sub(call_id, strlen(CALL_PREFIX), call_id.len);
    uint64_t step = 0;
    if (u64_parse(step_split(&rest, "_"), STEPS_MAX - 1, &step) != OK) {
        return false;
    }
    *out = (size_t)step;
    return true;
}

static void note_output(struct prompt *p, const json_t *item)
{
    const json_t *output = json_object_get(item, "output");
    size_t step = 0;
    if (output == NULL || !call_step(json_get_bytes(item, "call_id"), &step) ||
        step >= p->n_steps) {
        return;
    }
    if (!p->answered || step != p->step) {
        p->n_outputs = 0;
    }
    p->answered = true;
    p->step = step;
    if (p->n_outputs < PROMPT_OUTPUTS_MAX) {
        p->outputs[p->n_outputs++] = output_text(output);
    }
}

static const json_t *answer_schema(const json_t *request)
{
    const json_t *format = json_get_obj(json_get_obj(request, "text"), "format");
    if (!is_string(format, "type", "json_schema")) {
        return NULL;
    }
    return json_get_obj(format, "schema");
}

enum err prompt_read(struct bytes request, struct prompt *out)
{
    struct prompt p = {.request = NULL};
    const enum err e = json_parse(request, &p.request);
    if (e != OK) {
        return e;
    }
    const json_t *input = json_get_arr(p.request, "input");
    if (input == NULL) {
        prompt_fini(&p);
        return ERR_PROTO;
    }
    const size_t from = find_prompt(input, &p.text);
    p.n_steps = step_read(p.text, p.steps, COUNT(p.steps));
    for (size_t i = from; i < json_array_size(input); i++) {
        note_output(&p, json_array_get(input, i));
    }
    p.schema = answer_schema(p.request);
    *out = p;
    return OK;
}

void prompt_fini(struct prompt *p)
{
    json_decref(p->request);
    *p = (struct prompt){.request = NULL};
}

void prompt_call_id(size_t step, size_t k, uint64_t nonce, char out[PROMPT_CALL_ID_MAX])
{
    if (text_format(out, PROMPT_CALL_ID_MAX, CALL_PREFIX "%zu_%zu_%016" PRIx64, step, k,
                    nonce) != OK) {
        out[0] = '\0'; // cannot be: three numbers fit
    }
}
