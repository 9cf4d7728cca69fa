#include "engine/codex/daemon.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/codex/capture.h"
#include "engine/codex/env.h"
#include "engine/codex/find.h"
#include "wire/json.h"

#define ANSWER_MAX (64u * 1024)

struct daemon_query {
    struct capture *capture;
    daemon_done_fn *done;
    void *user;
};

bool daemon_is_managed(struct bytes text)
{
    json_t *root = NULL;
    bool managed = false;
    if (json_parse(text, &root) == OK) {
        const char *backend = json_get_str(root, "backend");
        managed = backend != NULL && strcmp(backend, "pid") == 0;
    }
    json_decref(root);
    return managed;
}

static void on_answer(void *user, enum err e, struct bytes text)
{
    struct daemon_query *q = user;
    const bool managed = e == OK && daemon_is_managed(text);
    log_info("agent.manager", "codex=%d reason=\"%s\"", managed, err_text(e));
    q->done(q->user, managed);
    mem_free(q);
}

static enum err make_env(struct env *v, const char *codex_home)
{
    union {
        char **from;
        const char *const *to;
    } list = {.from = environ};
    const enum err e = env_read_list(v, list.to);
    return e != OK ? e : env_set(v, "CODEX_HOME", codex_home);
}

struct daemon_query *daemon_ask(struct loop *l, const struct daemon_options *o,
                                daemon_done_fn *done, void *user)
{
    char file[PATH_MAX];
    struct diag d = {.text = ""};
    struct daemon_query *q = NULL;
    struct env *v = mem_new(sizeof(*v));
    const struct find_options find = {
        .asked = o->codex_path != NULL ? o->codex_path : getenv("FARHAND_CODEX"),
        .search_path = getenv("PATH"),
        .last_resort = o->last_resort};
    env_init(v);
    if (make_env(v, o->codex_home) == OK && find_codex(&find, &d, file) == OK) {
        const char *const argv[] = {file, "app-server", "daemon", "version", NULL};
        const struct capture_options options = {.file = file,
                                                .argv = argv,
                                                .env = env_list(v),
                                                .timeout_ms = DAEMON_ASK_MS,
                                                .max = ANSWER_MAX};
        q = mem_new(sizeof(*q));
        q->done = done;
        q->user = user;
        q->capture = capture_start(l, &options, on_answer, q);
    }
    env_fini(v);
    mem_free(v);
    return q;
}

void daemon_cancel(struct daemon_query *q)
{
    if (q != NULL) {
        capture_cancel(q->capture);
        mem_free(q);
    }
}
