/* Between the look and the use: the library, called step by step, with a change in between. */
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/run.h"

static char base[] = "/var/tmp/fh-run-XXXXXX";
static char work[64];
static char other[64];
static char moved[64];
static char mark[96];

static void begin(void)
{
    (void)snprintf(base, sizeof(base), "/var/tmp/fh-run-XXXXXX");
    TRUE(mkdtemp(base) != NULL);
    (void)snprintf(work, sizeof(work), "%s/work", base);
    (void)snprintf(other, sizeof(other), "%s/other", base);
    (void)snprintf(moved, sizeof(moved), "%s/moved", base);
    (void)snprintf(mark, sizeof(mark), "%s/other/mark", base);
    TRUE(mkdir(work, 0755) == 0 && mkdir(other, 0755) == 0);
}

static void end(void)
{
    (void)unlink(mark);
    (void)unlink(work);
    (void)rmdir(work);
    (void)rmdir(other);
    (void)rmdir(moved);
    TRUE(rmdir(base) == 0);
}

/* Where there are none, writing is refused from the start. */
static bool has_namespaces(void)
{
    struct sandbox_kernel k;
    sandbox_probe(&k);
    if (!k.namespaces) {
        print_message("NOT PROVED HERE: %s\n", k.why_not);
    }
    return k.namespaces;
}

static void nothing(void)
{
}

static void replace_by_folder(void)
{
    TRUE(rename(work, moved) == 0 && rename(other, work) == 0 &&
         mkdir(other, 0755) == 0);
}

static void replace_by_link(void)
{
    TRUE(rename(work, moved) == 0 && symlink(other, work) == 0);
}

static void remove_it(void)
{
    TRUE(rmdir(work) == 0);
}

/* Looks, plans, lets `change` happen, and runs `touch mark` in the workspace. */
static enum err run_after(void (*change)(void), struct sandbox_result *out,
                          struct diag *diag)
{
    static char touch[] = "touch";
    static char name[] = "mark";
    char *argv[] = {touch, name, NULL};
    struct sandbox_policy p;
    struct site s;
    struct plan plan;
    struct env_list env;
    sandbox_policy_init(&p);
    EQ_INT(sandbox_policy_set(&p, "mode", "workspace-write", diag), OK);
    EQ_INT(sandbox_policy_set(&p, "workspace", work, diag), OK);
    EQ_INT(site_look(&s, &p, NULL, 0, diag), OK);
    sandbox_probe(&s.kernel);
    EQ_INT(env_list_init(&env, &p.env, environ), OK);
    EQ_INT(sandbox_plan_make(&plan, &p, &s, diag), OK);
    change();
    const enum err e = sandbox_run(&plan, &env, argv, out, diag);
    sandbox_plan_fini(&plan);
    env_list_fini(&env);
    site_fini(&s);
    return e;
}

TEST(a_workspace_that_stays_is_written_to)
{
    struct sandbox_result r;
    struct diag diag = {.text = ""};
    char made[96];
    if (!has_namespaces()) {
        return;
    }
    begin();
    EQ_INT(run_after(nothing, &r, &diag), OK);
    EQ_INT(r.end, SANDBOX_ENDED);
    EQ_INT(r.exit_code, 0);
    (void)snprintf(made, sizeof(made), "%s/mark", work);
    EQ_INT(unlink(made), 0);
    sandbox_result_fini(&r);
    end();
}

TEST(a_workspace_that_changes_between_look_and_use_is_refused)
{
    static void (*const changes[])(void) = {replace_by_folder, replace_by_link,
                                            remove_it};
    for (size_t i = 0; i < COUNT(changes) && has_namespaces(); i++) {
        struct sandbox_result r;
        struct diag diag = {.text = ""};
        begin();
        EQ_INT(run_after(changes[i], &r, &diag), ERR_DENIED);
        TRUE(diag.text[0] != '\0');
        TRUE(access(mark, F_OK) != 0);
        sandbox_result_fini(&r);
        end();
    }
}

RUN_TESTS(T(a_workspace_that_stays_is_written_to),
          T(a_workspace_that_changes_between_look_and_use_is_refused))
