#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cause_exit.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "client/client_call.h"
#include "loop/loop.h"
#include "session/approval_asked.h"
#include "wire/tlv.h"

/* What waits for a person, on this machine's host or on a joined one. Nothing is shown
 * here but what the bytes say and the material whose hash is in them, and only what
 * was shown can be decided: decide names the digest. */

#define CALL_MS  60000u
#define TEXT_MAX (64u * 1024 * 1024)
#define ID_MIN   4 // a shorter prefix of an id is a typing mistake

/* ---- one call to the host that is meant --------------------------------------------- */

struct asking {
    bool follow;
    bool json;
    json_t *result;
    int code; // -1: no answer yet
};

static void show_change(const struct asking *a, struct bytes text);

static void on_answer(void *user, struct bytes result, struct bytes error)
{
    struct asking *a = user;
    json_t *value = NULL;
    if (error.len != 0) {
        const bool ok = json_parse(error, &value) == OK;
        const char *text = ok ? json_get_str(value, "message") : NULL;
        a->code = cli_fail(EXIT_RPC, "%s", text == NULL ? "the host refused" : text);
        json_decref(value);
    } else if (json_parse(result, &a->result) == OK) {
        a->code = EXIT_DONE;
    }
}

static void on_notice(void *user, struct bytes text)
{
    const struct asking *a = user;
    if (a->follow) {
        show_change(a, text);
    }
}

static void on_ended(void *user, enum link_cause cause, const char *sentence)
{
    struct asking *a = user;
    if (cause != LINK_OK) {
        a->code = cli_fail(cause_exit(cause), "%s", sentence);
    }
}

static int ask(const struct cli_args *args, const char *method, json_t *params,
               struct asking *a)
{
    static const struct client_call_ops ops = {
        .answer = on_answer, .notice = on_notice, .ended = on_ended};
    char home[PATH_MAX];
    struct target target;
    struct diag d = {.text = ""};
    struct buf raw;
    a->code = -1;
    buf_init(&raw, TEXT_MAX);
    if (cli_home(args, home) != OK) {
        a->code = EXIT_HOME;
    } else if (target_find(home, cli_value(args, "host"), &target, &d) != OK) {
        a->code = cli_fail(EXIT_NOT_FOUND, "%s", d.text);
    } else if (json_print(params, &raw) == OK) {
        struct loop *loop = loop_create();
        const struct client_call_options o = {
            .reach = {.home = home, .program = args->program, .target = &target},
            .method = method,
            .params = buf_bytes(&raw),
            .timeout_ms = a->follow ? 0 : CALL_MS,
            .follow = a->follow,
        };
        (void)client_call_open(loop, &o, &ops, a);
        loop_run(loop);
        loop_destroy(loop);
    }
    buf_fini(&raw);
    json_decref(params);
    return a->code < 0 ? EXIT_FAILED : a->code;
}

/* ---- texts ---------------------------------------------------------------------------- */

/* Control characters and what reorders text are shown, not obeyed; line breaks stand. */
static void say_text(const char *indent, struct bytes text)
{
    const uint8_t *at = text.at;
    size_t left = text.len;
    while (left > 0) {
        const uint8_t *end = memchr(at, '\n', left);
        const size_t n = end == NULL ? left : (size_t)(end - at);
        char *line = mem_try(n * 3 + 4, 1);
        if (line == NULL) {
            return;
        }
        text_sanitize((struct bytes){at, n}, line, n * 3 + 4);
        cli_say("%s%s", indent, line);
        mem_free(line);
        at += end == NULL ? n : n + 1;
        left -= end == NULL ? n : n + 1;
    }
}

static void age(int64_t since_ms, char out[32])
{
    const int64_t now = (int64_t)clock_wall_ms();
    const int64_t s = now > since_ms ? (now - since_ms) / 1000 : 0;
    const char *unit = s < 60 ? "s" : s < 3600 ? "min" : s < 86400 ? "h" : "d";
    const int64_t n = s < 60 ? s : s < 3600 ? s / 60 : s < 86400 ? s / 3600 : s / 86400;
    if (text_format(out, 32, "%lld %s", (long long)n, unit) != OK) {
        out[0] = '\0';
    }
}

/* ---- what a row says ------------------------------------------------------------------- */

struct shown {
    const json_t *row;
    struct buf bytes; // the request
    struct approval_request r;
    uint8_t rd[APPROVAL_RD];
    json_t *material;
};

static void shown_fini(struct shown *s)
{
    buf_fini(&s->bytes);
    json_decref(s->material);
}

/* False: the host says one thing and wants another signed. */
static bool shown_read(const json_t *row, struct shown *out)
{
    json_t *params = json_get_obj(row, "params");
    const json_t *farhand = json_get_obj(params, "farhand");
    const struct bytes code = json_get_bytes(farhand, "request");
    uint8_t id[APPROVAL_ID];
    uint8_t *room = NULL;
    size_t len = 0;
    *out = (struct shown){.row = row};
    buf_init(&out->bytes, APPROVAL_REQUEST_MAX);
    return approval_asked_check(json_get_bytes(row, "method"), params, id, out->rd) ==
               OK &&
           buf_reserve(&out->bytes, code.len, &room) == OK &&
           b64url_decode(code, room, code.len, &len) == OK &&
           (buf_grew(&out->bytes, len), true) &&
           approval_request_read(buf_bytes(&out->bytes), &out->r) == OK &&
           json_parse(json_get_bytes(farhand, "material"), &out->material) == OK;
}

static void say_line(const struct shown *s)
{
    char old[32];
    char brief[160];
    struct buf command;
    buf_init(&command, APPROVAL_COMMAND_MAX);
    age(json_get_int(s->row, "createdAt", 0), old);
    struct bytes what = s->r.reason;
    if (approval_request_command(buf_bytes(&s->bytes), &command) == OK &&
        buf_len(&command) > 0) {
        what = buf_bytes(&command);
    } else {
        struct bytes path;
        what = tlv_get(buf_bytes(&s->bytes), APPROVAL_TAG_PATH, &path) ? path : what;
    }
    text_sanitize(what, brief, sizeof(brief));
    cli_say("%s%.8s%s  %-11s %s%6s%s  %s%s", cli_bold(),
            json_get_str(s->row, "requestId"), cli_plain(),
            json_get_str(s->row, "kind"), cli_dim(), old, cli_plain(), brief,
            what.len >= sizeof(brief) ? " … (show has it all)" : "");
    buf_fini(&command);
}

static void say_changes(const struct shown *s)
{
    size_t i;
    json_t *change;
    json_array_foreach(json_get_arr(s->material, "changes"), i, change)
    {
        const char *kind = json_get_str(json_get_obj(change, "kind"), "type");
        cli_say("%s%s%s", cli_bold(), kind == NULL ? "change" : kind, cli_plain());
        say_text("  ", json_get_bytes(change, "path"));
        say_text("    ", json_get_bytes(change, "diff"));
    }
    if (s->r.kind == APPROVAL_FILE_CHANGE &&
        json_get_arr(s->material, "changes") == NULL &&
        json_object_get(s->material, "fileChanges") == NULL) {
        cli_say("%sthe host does not know what would change%s", cli_bold(),
                cli_plain());
    }
}

static void say_asked(uint8_t asked)
{
    if ((asked & APPROVAL_ASKS_NETWORK) != 0) {
        cli_say("  asks for the network");
    }
    if ((asked & APPROVAL_ASKS_NO_SANDBOX) != 0) {
        cli_say("  may run outside the sandbox");
    }
    if ((asked & APPROVAL_ASKS_OUTSIDE) != 0) {
        cli_say("  reaches outside the workspace");
    }
}

static void say_decisions(const json_t *row)
{
    size_t i;
    json_t *vote;
    json_array_foreach(json_get_arr(row, "decisions"), i, vote)
    {
        char name[APPROVAL_NAME_MAX];
        text_sanitize(json_get_bytes(json_get_obj(vote, "by"), "name"), name,
                      sizeof(name));
        cli_say("  %s: %s", name, json_get_str(vote, "decision"));
    }
}

static void say_deciders(const struct cli_args *args, const struct shown *s)
{
    struct asking a = {.follow = false};
    size_t i;
    json_t *device;
    if (s->r.quorum > 1) {
        cli_say("%swants%s      %u people, each on a device", cli_dim(), cli_plain(),
                (unsigned)s->r.quorum);
    }
    cli_say("%smay decide%s the person at the host%s", cli_dim(), cli_plain(),
            s->r.quorum > 1 ? " (declines only)" : "");
    if (ask(args, "farhand/status", json_object(), &a) == EXIT_DONE) {
        json_array_foreach(json_get_arr(a.result, "devices"), i, device)
        {
            const json_t *ours = json_get_obj(device, "farhand");
            const char *role = json_get_str(ours, "role");
            char name[APPROVAL_NAME_MAX];
            text_sanitize(json_get_bytes(device, "displayName"), name, sizeof(name));
            if (role != NULL && strcmp(role, "viewer") != 0) {
                cli_say("           %s (%s, %s)", name, role,
                        json_get_bool(ours, "connected", false) ? "connected" : "away");
            }
        }
    }
    json_decref(a.result);
}

static int show(const struct cli_args *args, const struct shown *s)
{
    char old[32];
    char hex[HEX_SIZE(APPROVAL_RD)];
    struct buf command;
    age(json_get_int(s->row, "createdAt", 0), old);
    hex_encode(BYTES_OF(s->rd), hex);
    buf_init(&command, APPROVAL_COMMAND_MAX);
    cli_say("%s%s%s  %s, %s, %s old", cli_bold(), json_get_str(s->row, "requestId"),
            cli_plain(), json_get_str(s->row, "kind"), json_get_str(s->row, "state"),
            old);
    if (approval_request_command(buf_bytes(&s->bytes), &command) == OK) {
        say_text("  ", buf_bytes(&command));
    }
    if (s->r.cwd.len > 0) {
        cli_say("%sin%s", cli_dim(), cli_plain());
        say_text("  ", s->r.cwd);
    }
    if (s->r.reason.len > 0) {
        cli_say("%sreason%s", cli_dim(), cli_plain());
        say_text("  ", s->r.reason);
    }
    say_asked(s->r.asked);
    say_changes(s);
    if (s->r.kind >= APPROVAL_PERMISSIONS) {
        struct buf text;
        buf_init(&text, TEXT_MAX);
        if (json_print(s->material, &text) == OK) {
            say_text("  ", buf_bytes(&text));
        }
        buf_fini(&text);
    }
    say_decisions(s->row);
    say_deciders(args, s);
    cli_say("%sdigest%s     %s", cli_dim(), cli_plain(), hex);
    buf_fini(&command);
    return EXIT_DONE;
}

/* ---- verbs -------------------------------------------------------------------------------- */

static int list(const struct cli_args *args)
{
    struct asking a = {.follow = false};
    const int code = ask(args, "farhand/approval/list", json_object(), &a);
    const json_t *data = json_get_arr(a.result, "data");
    size_t i;
    json_t *row;
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(a.result);
    } else if (code == EXIT_DONE) {
        json_array_foreach(data, i, row)
        {
            struct shown s;
            if (shown_read(row, &s)) {
                say_line(&s);
            } else {
                cli_say("%.8s  does not fit its bytes: do not decide it",
                        json_get_str(row, "requestId"));
            }
            shown_fini(&s);
        }
        if (json_array_size(data) == 0) {
            cli_say("Nothing waits for a decision.");
        }
    }
    json_decref(a.result);
    return code;
}

/* The one row whose id begins so; NULL after a sentence. */
static json_t *find(const struct cli_args *args, const json_t *result)
{
    const char *want = args->words[1];
    json_t *found = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(json_get_arr(result, "data"), i, row)
    {
        const char *id = json_get_str(row, "requestId");
        if (id == NULL || strlen(want) < ID_MIN ||
            strncmp(id, want, strlen(want)) != 0) {
            continue;
        }
        if (found != NULL) {
            (void)cli_fail(EXIT_USAGE, "'%s' is the beginning of several ids", want);
            return NULL;
        }
        found = row;
    }
    if (found == NULL) {
        (void)cli_fail(EXIT_NOT_FOUND,
                       "no approval '%s' waits: 'farhand approvals' lists them", want);
    }
    return found;
}

/* The decision stands already: the word goes behind it, into the turn that asked. */
static int send_word(const struct cli_args *args, const struct shown *s,
                     const char *reason)
{
    struct asking a = {.follow = false};
    const char *turn = json_get_str(s->row, "turnId");
    json_t *params =
        json_pack("{s:s, s:[{s:s, s:s}]}", "threadId", json_get_str(s->row, "threadId"),
                  "input", "type", "text", "text", reason);
    if (turn != NULL) {
        json_set_str(params, "expectedTurnId", turn);
    }
    const int code = ask(args, turn == NULL ? "turn/start" : "turn/steer", params, &a);
    json_decref(a.result);
    if (code == EXIT_DONE) {
        cli_say("The agent has your word: %s", reason);
    } else {
        cli_say(
            "It is declined all the same; the log has your word, the agent has not.");
    }
    return code;
}

static int decide(const struct cli_args *args, const struct shown *s, const char *word)
{
    const char *reason = cli_value(args, "reason");
    struct asking a = {.follow = false};
    char hex[HEX_SIZE(APPROVAL_RD)];
    const json_t *farhand = json_get_obj(json_get_obj(s->row, "params"), "farhand");
    json_t *params = json_object();
    hex_encode(BYTES_OF(s->rd), hex);
    json_set_str(params, "requestId", json_get_str(s->row, "requestId"));
    json_set_str(params, "rd", hex);
    json_set_str(params, "decision", word);
    json_set_int(params, "seenIdx", json_get_int(farhand, "auditIdx", 0));
    json_set_str(params, "seenHead", json_get_str(farhand, "auditHead"));
    if (cli_value(args, "answer") != NULL) {
        json_set_str(params, "decision", "answer");
        json_set_str(params, "result", cli_value(args, "answer"));
    }
    if (reason != NULL) {
        json_set_str(params, "reason", reason);
    }
    int code = ask(args, "farhand/approval/decide", params, &a);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(a.result);
    } else if (code == EXIT_DONE) {
        const char *state = json_get_str(a.result, "state");
        cli_say(state != NULL && strcmp(state, "pending") == 0
                    ? "Noted: others must accept it too."
                    : "Decided: %s.",
                word);
    }
    json_decref(a.result);
    return code == EXIT_DONE && reason != NULL ? send_word(args, s, reason) : code;
}

static int with_one(const struct cli_args *args, const char *verb)
{
    struct asking a = {.follow = false};
    struct shown s;
    int code = ask(args, "farhand/approval/list", json_object(), &a);
    const json_t *row = code == EXIT_DONE ? find(args, a.result) : NULL;
    if (row == NULL) {
        json_decref(a.result);
        return code == EXIT_DONE ? EXIT_NOT_FOUND : code;
    }
    if (!shown_read(row, &s)) {
        code = cli_fail(EXIT_RPC, "what the host shows is not what it wants decided: "
                                  "nothing was done");
    } else if (strcmp(verb, "show") != 0) {
        code = decide(args, &s, verb);
    } else if (cli_has(args, "json")) {
        local_print(row);
    } else {
        code = show(args, &s);
    }
    shown_fini(&s);
    json_decref(a.result);
    return code;
}

/* ---- watch ----------------------------------------------------------------------------------- */

static void show_change(const struct asking *a, struct bytes text)
{
    json_t *root = NULL;
    if (json_parse(text, &root) != OK) {
        return;
    }
    const char *method = json_get_str(root, "method");
    const json_t *row = json_get_obj(root, "params");
    if (method != NULL && strcmp(method, "farhand/approval/changed") == 0) {
        if (a->json) {
            local_print(row);
        } else {
            cli_say("%s%.8s%s  %-11s %s", cli_bold(), json_get_str(row, "requestId"),
                    cli_plain(), json_get_str(row, "kind"), json_get_str(row, "state"));
            say_decisions(row);
        }
    }
    json_decref(root);
}

static int watch(const struct cli_args *args)
{
    struct asking a = {.follow = true, .json = cli_has(args, "json")};
    const int code = ask(args, "farhand/approval/list", json_object(), &a);
    json_decref(a.result);
    return code;
}

/* ---- policy ------------------------------------------------------------------------------------ */

static int policy(const struct cli_args *args)
{
    struct asking a = {.follow = false};
    json_t *params = json_object();
    const char *quorum = cli_value(args, "quorum");
    const char *expires = cli_value(args, "expires");
    uint64_t n = 0;
    uint64_t s = 0;
    if ((quorum != NULL && u64_parse(bytes_from_str(quorum), 16, &n) != OK) ||
        (expires != NULL &&
         u64_parse(bytes_from_str(expires), UINT64_C(30) * 86400, &s) != OK)) {
        json_decref(params);
        return cli_fail(EXIT_USAGE, "--quorum wants a number of people from 1 to 16, "
                                    "--expires seconds (0: never)");
    }
    if (quorum != NULL) {
        json_set_int(params, "quorum", (int64_t)n);
    }
    if (expires != NULL) {
        json_set_int(params, "expiresAfterMs", (int64_t)s * 1000);
    }
    const int code = ask(args, "farhand/approval/policy", params, &a);
    if (code == EXIT_DONE && cli_has(args, "json")) {
        local_print(a.result);
    } else if (code == EXIT_DONE) {
        const int64_t ms = json_get_int(a.result, "expiresAfterMs", 0);
        cli_say("people who must accept: %lld",
                (long long)json_get_int(a.result, "quorum", 1));
        if (ms == 0) {
            cli_say("time to decide: no limit");
        } else {
            cli_say("time to decide: %lld s, then it is declined",
                    (long long)ms / 1000);
        }
    }
    json_decref(a.result);
    return code;
}

/* ---- the command -------------------------------------------------------------------------------- */

static int run_approvals(struct cli_args *args)
{
    static const char *const on_one[] = {"show", "accept", "decline", "cancel"};
    const char *verb = args->n_words == 0 ? "list" : args->words[0];
    if (args->n_words <= 1 && strcmp(verb, "list") == 0) {
        return list(args);
    }
    if (args->n_words == 1 && strcmp(verb, "watch") == 0) {
        return watch(args);
    }
    if (args->n_words == 1 && strcmp(verb, "policy") == 0) {
        return policy(args);
    }
    if (cli_value(args, "reason") != NULL && strcmp(verb, "decline") != 0) {
        return cli_fail(EXIT_USAGE, "--reason goes with decline");
    }
    for (size_t i = 0; i < COUNT(on_one); i++) {
        if (args->n_words == 2 && strcmp(verb, on_one[i]) == 0) {
            return with_one(args, on_one[i]);
        }
    }
    return cli_fail(EXIT_USAGE,
                    "usage: farhand approvals [list | show ID | accept ID | "
                    "decline ID | cancel ID | watch | policy]");
}

static const struct cli_option options[] = {
    {"host", "NAME", "a joined host, or \"local\""},
    {"answer", "JSON", "accept: the answer to a question or a form"},
    {"reason", "TEXT", "decline: what the agent should do instead, in your words"},
    {"quorum", "N", "policy: how many people must accept"},
    {"expires", "SECONDS", "policy: declined when nobody decided in time (0: never)"},
    {"json", NULL, "JSON on stdout"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_approvals = {
    .name = "approvals",
    .words = "[list | show ID | accept ID | decline ID | cancel ID | watch | policy]",
    .summary = "what waits for a decision; look at it and decide",
    .text =
        "ID is what 'list' shows, or the beginning of it (4 characters or more). "
        "What is decided is exactly what 'show' shows: on a joined host this "
        "device signs it, on this machine it is the local owner's word. 'cancel' "
        "declines and stops the turn; 'decline --reason' tells the agent why. 'watch' says each change until Ctrl-C. "
        "'policy' shows or sets, at the host itself, how many people must accept "
        "and how long they have.",
    .options = options,
    .n_options = COUNT(options),
    .most_words = 2,
    .run = run_approvals,
};
