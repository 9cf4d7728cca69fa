#include "engine/practice/keeper.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "loop/timer.h"
#include "test.h"

static char dir[] = "/tmp/farhand-model-XXXXXX";

static void path_of(const char *name, char out[PATH_MAX])
{
    EQ_INT(text_format(out, PATH_MAX, "%s/%s", dir, name), OK);
}

/* A model that never listens, so it leaves no record; its pid is in a file. */
static void make_program(char path[PATH_MAX])
{
    static const char script[] =
        "#!/bin/sh\necho $$ >\"$3/pid.new\"\nmv \"$3/pid.new\" \"$3/pid\"\n"
        "exec sleep 100\n";
    path_of("model", path);
    EQ_INT(file_replace(path, BYTES_LIT(script), 0700), OK);
}

static long pid_of_model(void)
{
    char path[PATH_MAX];
    struct buf text;
    long pid = 0;
    path_of("pid", path);
    buf_init(&text, 64);
    if (file_read(path, &text) == OK && buf_put_u8(&text, '\0') == OK) {
        pid = strtol((const char *)text.at + text.start, NULL, 10);
    }
    buf_fini(&text);
    return pid;
}

static void on_tick(struct timer *t)
{
    (void)t; // the loop turns: that is all
}

static void turn(struct loop *l)
{
    static struct timer tick;
    timer_start(l, &tick, 5, on_tick);
    (void)loop_turn(l);
    timer_stop(&tick);
}

static void on_ready(void *user, uint16_t port)
{
    (void)user;
    (void)port;
    fail_msg("it never listens");
}

static void on_failed(void *user, const char *sentence)
{
    (void)user;
    fail_msg("%s", sentence);
}

TEST(a_model_that_has_not_listened_yet_ends_with_its_keeper)
{
    static const struct keeper_ops ops = {.ready = on_ready, .failed = on_failed};
    char program[PATH_MAX];
    char path[PATH_MAX];
    TRUE(mkdtemp(dir) != NULL);
    make_program(program);
    struct loop *l = loop_create();
    const struct keeper_options o = {
        .program = program, .run_dir = dir, .codex_home = dir};
    struct keeper *k = keeper_create(l, &o, &ops, NULL);
    keeper_start(k);
    long pid = 0;
    for (int i = 0; i < 2000 && pid == 0; i++) {
        turn(l);
        pid = pid_of_model();
    }
    TRUE(pid > 0);
    keeper_close(k);
    int status = 0;
    EQ_INT(waitpid((pid_t)pid, &status, 0), pid);
    TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    while (loop_turn(l)) {
    }
    loop_destroy(l);
    static const char *const files[] = {"model", "pid", "practice-model.log"};
    for (size_t i = 0; i < COUNT(files); i++) {
        path_of(files[i], path);
        EQ_INT(unlink(path), 0);
    }
    EQ_INT(rmdir(dir), 0);
}

RUN_TESTS(T(a_model_that_has_not_listened_yet_ends_with_its_keeper))
