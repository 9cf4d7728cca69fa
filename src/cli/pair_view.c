#include "cli/pair_view.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/qr_print.h"
#include "cli/terms.h"
#include "wire/jsonrpc.h"

enum { HELLO, WAITING, STARTING, SHOWING, ASKING, ANSWERED, ENDED };

static const struct machine_state states[] = {
    [HELLO] = {"hello", MOVES_TO(WAITING) | MOVES_TO(ENDED)},
    [WAITING] = {"waiting", MOVES_TO(STARTING) | MOVES_TO(ENDED)},
    [STARTING] = {"starting", MOVES_TO(SHOWING) | MOVES_TO(WAITING) | MOVES_TO(ENDED)},
    [SHOWING] = {"showing", MOVES_TO(ASKING) | MOVES_TO(WAITING) | MOVES_TO(STARTING) |
                                MOVES_TO(ENDED)},
    [ASKING] = {"asking", MOVES_TO(ANSWERED) | MOVES_TO(STARTING) | MOVES_TO(WAITING) |
                              MOVES_TO(ENDED)},
    [ANSWERED] = {"answered", MOVES_TO(ASKING) | MOVES_TO(STARTING) |
                                  MOVES_TO(WAITING) | MOVES_TO(ENDED)},
    [ENDED] = {"ended", 0},
};

#define VIEW_TEXT_MAX (16u * 1024)
enum { ID_HELLO = 1, ID_START = 2, ID_CONFIRM = 3, ID_STATUS = 4 };

static void send_request(struct pair_view *v, uint64_t id, const char *method,
                         json_t *params)
{
    struct buf raw;
    struct buf text;
    buf_init(&raw, VIEW_TEXT_MAX);
    buf_init(&text, VIEW_TEXT_MAX);
    if (json_print(params, &raw) == OK &&
        jsonrpc_put_request_u64(&text, id, method, buf_bytes(&raw)) == OK) {
        v->o->send(v->o->user, buf_bytes(&text));
    }
    json_decref(params);
    buf_fini(&raw);
    buf_fini(&text);
}

static void finish(struct pair_view *v, int code)
{
    machine_move(&v->m, ENDED);
    v->o->ended(v->o->user, code);
}

void pair_view_start(struct pair_view *v, const struct pair_view_options *o)
{
    *v = (struct pair_view){
        .o = o, .m = {.what = "pair_view", .table = states, .state = HELLO}};
    json_t *params = json_object();
    json_t *client = json_object();
    json_t *capabilities = json_object();
    json_set_str(client, "name", "farhand_pair");
    json_set_str(client, "version", FARHAND_VERSION);
    json_set_bool(capabilities, "experimentalApi", true);
    json_set(params, "clientInfo", client);
    json_set(params, "capabilities", capabilities);
    send_request(v, ID_HELLO, "initialize", params);
}

static void start_pairing(struct pair_view *v)
{
    json_t *params = json_object();
    json_t *ours = v->o->limits == NULL ? json_object() : json_copy(v->o->limits);
    machine_move(&v->m, STARTING);
    json_set_str(ours, "role", v->o->role == NULL ? "operator" : v->o->role);
    json_set_bool(ours, "confirm", v->o->confirm);
    json_set_bool(params, "manualCode", true);
    json_set(params, "farhand", ours);
    send_request(v, ID_START, "remoteControl/pairing/start", params);
}

/* ---- what is printed ------------------------------------------------------------------ */

static void print_json(const char *event, json_t *payload)
{
    struct buf text;
    buf_init(&text, VIEW_TEXT_MAX);
    json_t *line = json_object();
    json_set_str(line, "event", event);
    if (json_object_update(line, payload) == 0 && json_print(line, &text) == OK) {
        const struct bytes b = buf_bytes(&text);
        cli_say("%.*s", (int)b.len, (const char *)b.at);
    }
    json_decref(line);
    buf_fini(&text);
}

static unsigned columns(void)
{
    struct winsize size = {.ws_col = 0};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void print_qr(const char *url)
{
    struct buf qr;
    buf_init(&qr, VIEW_TEXT_MAX * 2);
    if (!cli_is_terminal()) {
        buf_fini(&qr);
        return;
    }
    const enum err e = qr_print(url, columns(), &qr);
    if (e == OK) {
        (void)fwrite(buf_bytes(&qr).at, 1, buf_len(&qr), stdout);
    } else {
        cli_say("  (make the window wider for a QR code)");
    }
    buf_fini(&qr);
}

static void print_expiry(int64_t expires_s)
{
    const time_t at = (time_t)expires_s;
    struct tm local;
    char text[32] = "";
    if (localtime_r(&at, &local) != NULL) {
        (void)strftime(text, sizeof(text), "%H:%M", &local);
    }
    cli_say("  %sThe code works once and expires at %s.%s", cli_dim(), text,
            cli_plain());
}

static void print_phrase(const char *phrase, const char *app, const char *relay)
{
    cli_say("\n  Or by phrase: %s%s%s", cli_bold(), phrase, cli_plain());
    if (app != NULL) {
        cli_say("    in a browser   open %s and type it", app);
    }
    cli_say("    in a terminal  farhand join %s --relay %s", phrase, relay);
}

static void print_code(struct pair_view *v, json_t *result)
{
    const json_t *ours = json_get_obj(result, "farhand");
    const char *url = json_get_str(ours, "url");
    const char *phrase = json_get_str(result, "manualPairingCode");
    const char *blob = json_get_str(result, "pairingCode");
    char limits[TERMS_TEXT_SIZE];
    terms_text(ours, limits);
    if (v->o->json) {
        print_json("code", result);
        return;
    }
    cli_say("%s", "");
    print_qr(url != NULL ? url : blob);
    cli_say(
        "\n  Scan it with a phone, or open this link to pair a device (%s%s):\n\n  %s%s%s",
        json_get_str(ours, "role"), limits, cli_bold(), url != NULL ? url : blob,
        cli_plain());
    if (phrase != NULL && json_get_str(ours, "relay") != NULL) {
        print_phrase(phrase, json_get_str(ours, "app"), json_get_str(ours, "relay"));
    }
    cli_say("%s", "");
    print_expiry(json_get_int(result, "expiresAt", 0));
    if (v->o->reach_hint != NULL) {
        cli_say("%s", v->o->reach_hint);
    }
}

static void print_question(const struct pair_view *v)
{
    (void)printf("\n  %s %s", v->question,
                 v->input_ended ? "Answer with 'farhand pair confirm'.\n" : "[y/N] ");
    (void)fflush(stdout);
}

static void ask(struct pair_view *v, const json_t *row)
{
    if (v->o->json) {
        return;
    }
    char limits[TERMS_TEXT_SIZE];
    terms_text(row, limits);
    if (text_format(v->question, sizeof(v->question),
                    "%s%s%s asks to pair as %s%s. Does it show %s%s%s?", cli_bold(),
                    json_get_str(row, "deviceName"), cli_plain(),
                    json_get_str(row, "role"), limits, cli_bold(),
                    json_get_str(row, "sas"), cli_plain()) == OK) {
        print_question(v);
    }
}

/* ---- what comes in --------------------------------------------------------------------- */

/* After a code has ended: another one, quiet, or the end of the command. */
static void again_or_end(struct pair_view *v, int code)
{
    if (code != EXIT_DONE && v->o->renew) {
        machine_move(&v->m, WAITING);
        start_pairing(v);
    } else if (v->o->stay) {
        machine_move(&v->m, WAITING);
    } else {
        finish(v, code);
    }
}

static void say_end(const struct pair_view *v, const char *state, const json_t *row)
{
    static const struct {
        const char *state;
        const char *sentence;
    } ends[] = {
        {"declined", "Declined. The code is spent."},
        {"expired", "The code has expired."},
        {"locked", "Too many wrong guesses: the code is spent."},
        {"canceled",
         "The other side has left before it was paired: the code is spent."},
    };
    for (size_t i = 0; i < COUNT(ends) && !v->o->json; i++) {
        if (strcmp(ends[i].state, state) == 0) {
            cli_say("\n  %s", ends[i].sentence);
        }
    }
    if (strcmp(state, "done") == 0 && !v->o->json) {
        char limits[TERMS_TEXT_SIZE];
        terms_text(row, limits);
        cli_say("\n  %s%s%s is paired as %s%s.", cli_bold(),
                json_get_str(row, "deviceName"), cli_plain(), json_get_str(row, "role"),
                limits);
    }
}

static int code_of(const char *state)
{
    static const struct {
        const char *state;
        int code;
    } codes[] = {{"done", EXIT_DONE},
                 {"declined", EXIT_DENIED},
                 {"expired", EXIT_SPENT},
                 {"locked", EXIT_SPENT},
                 {"canceled", EXIT_SPENT}};
    for (size_t i = 0; i < COUNT(codes); i++) {
        if (strcmp(codes[i].state, state) == 0) {
            return codes[i].code;
        }
    }
    return -1;
}

static void on_pairing(struct pair_view *v, json_t *row)
{
    const char *id = json_get_str(row, "pairingId");
    const char *state = json_get_str(row, "state");
    if (id == NULL || state == NULL || strcmp(id, v->pairing_id) != 0) {
        return;
    }
    if (v->o->json) {
        print_json("pairing", row);
    }
    if (strcmp(state, "confirming") == 0 && v->m.state == SHOWING) {
        machine_move(&v->m, ASKING);
        ask(v, row);
        return;
    }
    const int code = code_of(state);
    if (code >= 0 && v->m.state >= SHOWING && v->m.state <= ANSWERED) {
        say_end(v, state, row);
        again_or_end(v, code);
    }
}

static void on_relay(struct pair_view *v, const json_t *params)
{
    const char *status = json_get_str(params, "status");
    if (status == NULL || v->m.state != WAITING || v->shown) {
        return;
    }
    if (strcmp(status, "connected") == 0 ||
        (strcmp(status, "disabled") == 0 && !v->o->stay)) { // the refusal says why
        start_pairing(v);
    } else if (strcmp(status, "connecting") != 0 && !v->relay_trouble_said) {
        v->relay_trouble_said = true;
        send_request(v, ID_STATUS, "farhand/status", json_object());
    }
}

/* Why there is no code. A refusal ends it; what may pass is waited for by `up` alone. */
static void on_trouble(struct pair_view *v, const json_t *relay)
{
    const char *error = json_get_str(relay, "lastError");
    const char *next = json_get_str(relay, "next");
    const char *state = json_get_str(relay, "state");
    char sentence[600];
    const bool refused = json_get_bool(relay, "refused", false);
    if (v->m.state != WAITING || state == NULL || strcmp(state, "connected") == 0) {
        return;
    }
    if (text_format(sentence, sizeof(sentence), "%s%s%s%s%s",
                    error == NULL ? "remote control is " : "",
                    error == NULL ? state : error, next == NULL ? "" : " (",
                    next == NULL ? "" : next, next == NULL ? "" : ")") != OK) {
        sentence[0] = '\0';
    }
    if (refused || !v->o->stay) {
        finish(v, cli_fail(refused ? EXIT_REFUSED : EXIT_UNREACHABLE,
                           "no code can be made: %s", sentence));
    } else if (!v->o->json) {
        cli_say("  %sNo code yet: %s. It is tried again.%s", cli_dim(), sentence,
                cli_plain());
    }
}

static void on_notification(struct pair_view *v, const char *method, json_t *params)
{
    if (strcmp(method, "remoteControl/status/changed") == 0) {
        on_relay(v, params);
    } else if (strcmp(method, "farhand/pairing/changed") == 0) {
        on_pairing(v, params);
    }
}

static void on_error(struct pair_view *v, int64_t id, const json_t *error)
{
    const char *message = json_get_str(error, "message");
    (void)cli_fail(EXIT_RPC, "%s", message == NULL ? "the host refused" : message);
    if (id == ID_CONFIRM && v->m.state == ANSWERED) {
        machine_move(&v->m,
                     ASKING); // it stands open, unless another terminal was first
    }
    if (id == ID_CONFIRM || v->m.state == ENDED) {
        return;
    }
    if (v->o->stay) {
        machine_move(&v->m, WAITING);
        v->shown = true; // do not loop: the next status change must not start again
        return;
    }
    finish(v, EXIT_RPC);
}

static void on_result(struct pair_view *v, int64_t id, json_t *result)
{
    if (id == ID_HELLO && v->m.state == HELLO) {
        v->o->send(v->o->user, BYTES_LIT("{\"method\":\"initialized\"}"));
        machine_move(&v->m, WAITING);
        return;
    }
    if (id == ID_STATUS) {
        on_trouble(v, json_get_obj(result, "relay"));
        return;
    }
    if (id != ID_START || v->m.state != STARTING) {
        return;
    }
    const char *pairing_id = json_get_str(json_get_obj(result, "farhand"), "pairingId");
    if (pairing_id == NULL ||
        text_format(v->pairing_id, sizeof(v->pairing_id), "%s", pairing_id) != OK) {
        finish(v, EXIT_FAILED);
        return;
    }
    machine_move(&v->m, SHOWING);
    v->shown = true;
    print_code(v, result);
}

void pair_view_message(struct pair_view *v, struct bytes text)
{
    json_t *message = NULL;
    if (v->m.state == ENDED || json_parse(text, &message) != OK) {
        return;
    }
    const char *method = json_get_str(message, "method");
    const int64_t id = json_get_int(message, "id", 0);
    if (method != NULL) {
        on_notification(v, method, json_get_obj(message, "params"));
    } else if (json_get_obj(message, "error") != NULL) {
        on_error(v, id, json_get_obj(message, "error"));
    } else {
        on_result(v, id, json_get_obj(message, "result"));
    }
    json_decref(message);
}

/* Only what was typed after the digits were shown is an answer to them. */
void pair_view_line(struct pair_view *v, const char *line)
{
    if (v->m.state == SHOWING && line[0] != '\0' && !v->o->json) {
        cli_say("  No device asks yet: open the link or scan the code first.");
    }
    if (v->m.state != ASKING) {
        return;
    }
    const bool yes = line[0] == 'y' || line[0] == 'Y';
    json_t *params = json_object();
    json_set_str(params, "pairingId", v->pairing_id);
    json_set_bool(params, "accept", yes);
    machine_move(&v->m, ANSWERED);
    send_request(v, ID_CONFIRM, "farhand/pairing/confirm", params);
}

void pair_view_input_ended(struct pair_view *v)
{
    v->input_ended = true;
    if (v->m.state == ASKING && !v->o->json) {
        print_question(v);
    }
}

void pair_view_say(const struct pair_view *v, const char *text)
{
    const bool asking = v->m.state == ASKING && !v->o->json;
    cli_say("%s  %s", asking ? "\n" : "", text);
    if (asking) {
        print_question(v);
    }
}
