#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/doctor.h"
#include "engine/codex/capture.h"
#include "engine/codex/find.h"
#include "engine/codex/version.h"

#define RULES_MAX  (1024u * 1024)
#define VERSION_MS 15000

struct asked {
    struct version version;
    enum err e;
};

static void on_version(void *user, enum err e, struct bytes text)
{
    struct asked *a = user;
    a->e = e != OK ? e : version_read(text, &a->version);
}

static void version(struct doctor *d, const char *path)
{
    const char *const argv[] = {path, "--version", NULL};
    const struct capture_options o = {
        .file = path, .argv = argv, .timeout_ms = VERSION_MS, .max = 4096};
    struct asked a = {.e = ERR_IO};
    struct loop *loop = loop_create();
    (void)capture_start(loop, &o, on_version, &a);
    loop_run(loop);
    loop_destroy(loop);
    if (a.e != OK) {
        doctor_say(d, DOCTOR_FAIL, "codex", "run 'codex --version' yourself",
                   "%s does not say its version: %s", path, err_text(a.e));
    } else if (!version_is_enough(&a.version)) {
        doctor_say(d, DOCTOR_FAIL, "codex", "npm install -g @openai/codex@latest",
                   "%s is %s; it must be " VERSION_LEAST " or later", path,
                   a.version.text);
    } else {
        doctor_say(d, DOCTOR_OK, "codex", NULL, "%s, %s", a.version.text, path);
    }
}

static void program(struct doctor *d)
{
    char path[PATH_MAX];
    struct diag why = {.text = ""};
    const struct find_options o = {.asked = getenv("FARHAND_CODEX"),
                                   .search_path = getenv("PATH")};
    const char *state = json_get_str(json_get_obj(d->status, "agent"), "state");
    const bool answers = state != NULL && strcmp(state, "ready") == 0;
    if (find_codex(&o, &why, path) != OK) {
        // the host has one of its own, or joined somebody's
        doctor_say(d, answers ? DOCTOR_WARN : DOCTOR_FAIL, "codex",
                   "npm install -g @openai/codex, or name it in FARHAND_CODEX", "%s",
                   why.text);
        return;
    }
    version(d, path);
}

static bool codex_home(char *out, size_t size, const char *below)
{
    const char *named = getenv("CODEX_HOME");
    const char *home = getenv("HOME");
    if (named != NULL && named[0] != '\0') {
        return text_format(out, size, "%s/%s", named, below) == OK;
    }
    return home != NULL && text_format(out, size, "%s/.codex/%s", home, below) == OK;
}

/* ---- rules that let commands run unasked ------------------------------------------- */

static size_t count_allows(const char *path)
{
    struct buf text;
    const char *at = NULL;
    size_t n = 0;
    buf_init(&text, RULES_MAX);
    if (file_read(path, &text) == OK && buf_cstr(&text, &at) == OK) {
        while ((at = strstr(at, "\"allow\"")) != NULL) {
            n++;
            at++;
        }
    }
    buf_fini(&text);
    return n;
}

static void rules(struct doctor *d)
{
    char dir[PATH_MAX];
    size_t n = 0;
    DIR *list = codex_home(dir, sizeof(dir), "rules") ? opendir(dir) : NULL;
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[PATH_MAX];
        const char *ending = strrchr(entry->d_name, '.');
        if (ending != NULL && strcmp(ending, ".rules") == 0 &&
            text_format(path, sizeof(path), "%s/%s", dir, entry->d_name) == OK) {
            n += count_allows(path);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    if (n != 0) {
        doctor_say(d, DOCTOR_WARN, "rules",
                   "read them, and take out what should ask: they count before any "
                   "question reaches a device",
                   "Codex's own rules in %s let %zu kind%s of command run unasked", dir,
                   n, n == 1 ? "" : "s");
    } else {
        doctor_say(d, DOCTOR_OK, "rules", NULL,
                   "no rule of Codex's own lets a command run unasked");
    }
}

static void login(struct doctor *d)
{
    char path[PATH_MAX];
    const json_t *agent = json_get_obj(d->status, "agent");
    const char *state = json_get_str(agent, "state");
    const bool keyed = getenv("OPENAI_API_KEY") != NULL;
    struct buf text;
    if (json_get_bool(agent, "practice", false)) {
        doctor_say(d, DOCTOR_OK, "login", NULL, "none needed: the practice model");
        return;
    }
    if (state != NULL && strcmp(state, "ready") == 0) {
        doctor_say(d, DOCTOR_OK, "login", NULL, "the agent is logged in");
        return;
    }
    buf_init(&text, RULES_MAX);
    const bool found = codex_home(path, sizeof(path), "auth.json") &&
                       file_read(path, &text) == OK && buf_len(&text) > 2;
    buf_wipe(&text);
    if (found || keyed) {
        doctor_say(d, DOCTOR_OK, "login", NULL, "Codex has a login");
    } else {
        doctor_say(d, DOCTOR_WARN, "login",
                   "run 'codex login'; or try Farhand with --practice",
                   "Codex has no login here");
    }
}

void doctor_codex(struct doctor *d)
{
    program(d);
    login(d);
    rules(d);
}
