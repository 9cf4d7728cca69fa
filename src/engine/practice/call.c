#include "engine/practice/call.h"

#include <string.h>

#include "base/text.h"

#define RUNNING_MARK "Process running with session ID "

/* A failing suite as the Test Anything Protocol writes it. */
#define TESTS_COMMAND                                                       \
    "printf 'TAP version 13\\n1..3\\nok 1 - adds\\nnot ok 2 - subtracts\\n" \
    "# expected 2, got 3\\nok 3 - multiplies\\n'; exit 1"

/* What all makers get, and the list they fill. */
struct maker {
    const struct prompt *prompt;
    const struct step *step;
    size_t index; // of the step
    const struct call_options *options;
    json_t *items;
};

static void put_call(struct maker *m, const char *type, const char *name,
                     struct bytes space, struct bytes input)
{
    char id[PROMPT_CALL_ID_MAX];
    const size_t k = json_array_size(m->items);
    prompt_call_id(m->index, k + m->prompt->n_outputs, m->options->nonce, id);
    json_t *item = json_object();
    json_set_str(item, "type", type);
    json_set_str(item, "id", id + strlen("call_"));
    json_set_str(item, "call_id", id);
    json_set_str(item, "status", "completed");
    json_set_str(item, "name", name);
    if (space.len > 0) {
        json_set_bytes(item, "namespace", space);
    }
    json_set_bytes(item, strcmp(type, "function_call") == 0 ? "arguments" : "input",
                   input);
    json_push(m->items, item);
}

/* Takes `args`. */
static enum err put_function(struct maker *m, const char *name, json_t *args)
{
    struct buf text;
    buf_init(&text, CALL_TEXT_MAX);
    const enum err e = json_print(args, &text);
    if (e == OK) {
        put_call(m, "function_call", name, BYTES_NONE, buf_bytes(&text));
    }
    json_decref(args);
    buf_fini(&text);
    return e;
}

static json_t *command_args(struct bytes command)
{
    json_t *args = json_object();
    json_set_bytes(args, "cmd", command);
    json_set_int(args, "yield_time_ms", 30000);
    return args;
}

static enum err put_command(struct maker *m, struct bytes command)
{
    return put_function(m, "exec_command", command_args(command));
}

/* The session of a command that still runs, from the newest output. */
static bool running_session(const struct prompt *p, int64_t *out)
{
    if (p->n_outputs == 0) {
        return false;
    }
    struct bytes text = p->outputs[p->n_outputs - 1];
    const size_t mark = strlen(RUNNING_MARK);
    (void)step_split(&text, RUNNING_MARK);
    if (text.len == 0 || text.at - mark < p->outputs[p->n_outputs - 1].at) {
        return false;
    }
    uint64_t id = 0;
    if (u64_parse(step_split(&text, "\n"), INT32_MAX, &id) != OK) {
        return false;
    }
    *out = (int64_t)id;
    return true;
}

static enum err put_input(struct maker *m, int64_t session, struct bytes chars)
{
    json_t *args = json_object();
    json_set_int(args, "session_id", session);
    json_set_bytes(args, "chars", chars);
    json_set_int(args, "yield_time_ms", chars.len > 0 ? 2000 : 30000);
    return put_function(m, "write_stdin", args);
}

/* ---- one maker per kind of step -------------------------------------------- */

static enum err make_run(struct maker *m)
{
    return put_command(m, m->step->text);
}

static enum err make_escalate(struct maker *m)
{
    json_t *args = command_args(m->step->text);
    json_set_str(args, "sandbox_permissions", "require_escalated");
    json_set_str(args, "justification", "The practice model was told to ask.");
    return put_function(m, "exec_command", args);
}

static enum err make_parallel(struct maker *m)
{
    struct bytes rest = m->step->text;
    if (rest.len == 0) {
        rest = BYTES_LIT("echo one ;; echo two ;; echo three");
    }
    while (rest.len > 0 && json_array_size(m->items) < CALLS_MAX) {
        const enum err e = put_command(m, step_split(&rest, ";;"));
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

static enum err make_type(struct maker *m)
{
    struct bytes rest = m->step->text;
    json_t *args = command_args(step_split(&rest, ";;"));
    json_set_int(args, "yield_time_ms", 500);
    json_set_bool(args, "tty", true);
    return put_function(m, "exec_command", args);
}

static enum err make_tests(struct maker *m)
{
    return put_command(m, BYTES_LIT(TESTS_COMMAND));
}

static enum err put_patch(struct maker *m, const char *verb, struct bytes path,
                          const char *head, struct bytes body, struct bytes tail)
{
    struct buf text;
    buf_init(&text, CALL_TEXT_MAX);
    enum err e = buf_putf(&text, "*** Begin Patch\n*** %s File: ", verb);
    const struct bytes parts[] = {path,
                                  BYTES_LIT("\n"),
                                  bytes_from_str(head),
                                  body,
                                  tail,
                                  BYTES_LIT("*** End Patch\n")};
    for (size_t i = 0; e == OK && i < COUNT(parts); i++) {
        e = buf_put(&text, parts[i]);
    }
    if (e == OK) {
        put_call(m, "custom_tool_call", "apply_patch", BYTES_NONE, buf_bytes(&text));
    }
    buf_fini(&text);
    return e;
}

static enum err make_patch(struct maker *m)
{
    struct bytes rest = m->step->text;
    struct bytes path = step_split(&rest, " ");
    if (path.len == 0) {
        path = BYTES_LIT("practice.txt");
    }
    const struct bytes text =
        rest.len > 0 ? rest : BYTES_LIT("written by the practice model");
    return put_patch(m, "Add", path, "+", text, BYTES_LIT("\n"));
}

static enum err make_edit(struct maker *m)
{
    struct bytes rest = m->step->text;
    const struct bytes path = step_split(&rest, " ");
    const struct bytes old = step_split(&rest, "=>");
    struct buf tail;
    buf_init(&tail, CALL_TEXT_MAX);
    enum err e = buf_put_str(&tail, "\n+");
    if (e == OK) {
        e = buf_put(&tail, step_trim(rest));
    }
    if (e == OK) {
        e = buf_put_str(&tail, "\n");
    }
    if (e == OK) {
        e = put_patch(m, "Update", path, "@@\n-", old, buf_bytes(&tail));
    }
    buf_fini(&tail);
    return e;
}

static enum err make_delete(struct maker *m)
{
    return put_patch(m, "Delete", m->step->text, "", BYTES_NONE, BYTES_NONE);
}

static json_t *choice(struct bytes label)
{
    json_t *option = json_object();
    json_set_bytes(option, "label", label);
    json_set_str(option, "description", "one of the choices");
    return option;
}

/* "Which one? A / B / C" */
static enum err make_ask(struct maker *m)
{
    struct bytes rest = m->step->text;
    if (rest.len == 0) {
        rest = BYTES_LIT("Which colour should it be? red / green / blue");
    }
    struct bytes question = step_split(&rest, "?");
    if (rest.len > 0) {
        question.len++; // its question mark
    } else {
        rest = BYTES_LIT("yes / no");
    }
    json_t *options = json_array();
    while (rest.len > 0 && json_array_size(options) < CALLS_MAX) {
        json_push(options, choice(step_split(&rest, "/")));
    }
    json_t *entry = json_object();
    json_set_str(entry, "id", "choice");
    json_set_str(entry, "header", "Choice");
    json_set_bytes(entry, "question", question);
    json_set(entry, "options", options);
    json_t *questions = json_array();
    json_push(questions, entry);
    json_t *args = json_object();
    json_set(args, "questions", questions);
    return put_function(m, "request_user_input", args);
}

static enum err make_permit(struct maker *m)
{
    struct bytes rest = m->step->text;
    json_t *wanted = json_object();
    const bool write = bytes_equal_str(step_split(&rest, " "), "write");
    rest = step_trim(rest);
    if (write && rest.len > 0) {
        json_t *paths = json_array();
        json_push(paths, json_stringn((const char *)rest.at, rest.len));
        json_t *files = json_object();
        json_set(files, "write", paths);
        json_set(wanted, "file_system", files);
    } else {
        json_t *network = json_object();
        json_set_bool(network, "enabled", true);
        json_set(wanted, "network", network);
    }
    json_t *args = json_object();
    json_set_str(args, "reason", "The practice model was told to ask.");
    json_set(args, "permissions", wanted);
    return put_function(m, "request_permissions", args);
}

static enum err make_image(struct maker *m)
{
    json_t *args = json_object();
    if (m->step->text.len > 0) {
        json_set_bytes(args, "path", m->step->text);
    } else {
        json_set_str(args, "path", m->options->image_path);
    }
    return put_function(m, "view_image", args);
}

static enum err make_tool(struct maker *m)
{
    struct bytes rest = m->step->text;
    const struct bytes space = step_split(&rest, " ");
    const struct bytes name = step_split(&rest, " ");
    const struct bytes args = step_trim(rest);
    struct buf text;
    buf_init(&text, CALL_TEXT_MAX);
    const char *name_text = NULL;
    enum err e = buf_put(&text, name);
    if (e == OK) {
        e = buf_cstr(&text, &name_text);
    }
    if (e == OK) {
        put_call(m, "function_call", name_text, space,
                 args.len > 0 ? args : BYTES_LIT("{}"));
    }
    buf_fini(&text);
    return e;
}

typedef enum err make_fn(struct maker *m);

static make_fn *const makers[STEP_KINDS] = {
    [STEP_RUN] = make_run,           [STEP_ESCALATE] = make_escalate,
    [STEP_PARALLEL] = make_parallel, [STEP_TYPE] = make_type,
    [STEP_TESTS] = make_tests,       [STEP_PATCH] = make_patch,
    [STEP_EDIT] = make_edit,         [STEP_DELETE] = make_delete,
    [STEP_ASK] = make_ask,           [STEP_PERMIT] = make_permit,
    [STEP_IMAGE] = make_image,       [STEP_TOOL] = make_tool,
};

bool call_is_made_by(enum step_kind kind)
{
    return makers[kind] != NULL;
}

/* After outputs: a command that still runs gets its input once, then is waited for. */
static enum err make_more(struct maker *m)
{
    int64_t session = 0;
    if (m->step->kind == STEP_PARALLEL || !running_session(m->prompt, &session)) {
        return OK;
    }
    if (m->step->kind != STEP_TYPE || m->prompt->n_outputs != 1) {
        return put_input(m, session, BYTES_NONE);
    }
    struct bytes rest = m->step->text;
    (void)step_split(&rest, ";;");
    struct buf line;
    buf_init(&line, CALL_TEXT_MAX);
    enum err e = buf_put(&line, step_trim(rest));
    if (e == OK) {
        e = buf_put_str(&line, "\n\x04"); // Enter, and the end of its input
    }
    if (e == OK) {
        e = put_input(m, session, buf_bytes(&line));
    }
    buf_fini(&line);
    return e;
}

enum err call_items(const struct prompt *p, size_t step, const struct call_options *o,
                    json_t **out)
{
    const bool again = p->answered && step == p->step;
    struct prompt fresh = *p; // outputs belong to prompt->step alone
    if (!again) {
        fresh.n_outputs = 0;
    }
    struct maker m = {.prompt = &fresh,
                      .step = &p->steps[step],
                      .index = step,
                      .options = o,
                      .items = json_array()};
    const enum err e = again ? make_more(&m) : makers[m.step->kind](&m);
    if (e != OK) {
        json_decref(m.items);
        return e;
    }
    *out = m.items;
    return OK;
}

/* ---- what is said of the outputs ------------------------------------------- */

/* The first line that the command itself printed; Codex puts a head before it. */
static struct bytes first_line(struct bytes output)
{
    struct bytes own = output;
    (void)step_split(&own, "\nOutput:\n");
    if (own.at == NULL) { // no such head: a refusal, in Codex's words
        own = output;
    }
    own = step_trim(own);
    return step_split(&own, "\n");
}

static bool exit_code(struct bytes output, uint64_t *out)
{
    static const char *const marks[] = {"Process exited with code ", "Exit code: "};
    for (size_t i = 0; i < COUNT(marks); i++) {
        struct bytes rest = output;
        (void)step_split(&rest, marks[i]);
        if (rest.len > 0 && u64_parse(step_split(&rest, "\n"), 255, out) == OK) {
            return true;
        }
    }
    return false;
}

static enum err say_command(struct bytes output, struct buf *out)
{
    uint64_t code = 0;
    struct bytes line = first_line(output);
    if (exit_code(output, &code) && code != 0) {
        const enum err e = buf_putf(out, "It failed with code %u: ", (unsigned)code);
        if (e != OK) {
            return e;
        }
    } else if (line.len == 0) {
        line = BYTES_LIT("It printed nothing.");
    }
    return buf_put(out, line);
}

static enum err say_each(const struct prompt *p, struct buf *out)
{
    enum err e = OK;
    for (size_t i = 0; e == OK && i < p->n_outputs; i++) {
        e = buf_putf(out, "%zu. ", i + 1);
        if (e == OK) {
            e = say_command(p->outputs[i], out);
        }
        if (e == OK) {
            e = buf_put_str(out, "\n");
        }
    }
    return e;
}

static enum err say_answer(const struct prompt *p, struct buf *out)
{
    const enum err e = buf_put_str(out, "The answer was: ");
    return e != OK ? e : buf_put(out, step_trim(p->outputs[p->n_outputs - 1]));
}

static enum err say_tests(const struct prompt *p, struct buf *out)
{
    (void)p;
    return buf_put_str(out, "One test of three fails: **subtracts** "
                            "(expected 2, got 3).");
}

/* Codex lists the changed files after a first line of its own. */
static enum err say_patch(const struct prompt *p, struct buf *out)
{
    struct bytes rest = p->outputs[p->n_outputs - 1];
    (void)step_split(&rest, "Updated the following files:");
    if (rest.at == NULL) {
        return say_command(p->outputs[p->n_outputs - 1], out);
    }
    const enum err e = buf_put_str(out, "Done: ");
    return e != OK ? e : buf_put(out, step_trim(rest));
}

static enum err say_image(const struct prompt *p, struct buf *out)
{
    (void)p;
    return buf_put_str(out, "I have looked at the image.");
}

static enum err say_last(const struct prompt *p, struct buf *out)
{
    return say_command(p->outputs[p->n_outputs - 1], out);
}

typedef enum err say_fn(const struct prompt *p, struct buf *out);

static say_fn *const sayers[STEP_KINDS] = {
    [STEP_PATCH] = say_patch,   [STEP_EDIT] = say_patch,    [STEP_DELETE] = say_patch,
    [STEP_PARALLEL] = say_each, [STEP_TESTS] = say_tests,   [STEP_IMAGE] = say_image,
    [STEP_ASK] = say_answer,    [STEP_PERMIT] = say_answer, [STEP_TOOL] = say_answer,
};

enum err call_verdict(const struct prompt *p, struct buf *out)
{
    if (p->n_outputs == 0) {
        return OK;
    }
    say_fn *const say = sayers[p->steps[p->step].kind];
    return say != NULL ? say(p, out) : say_last(p, out);
}
