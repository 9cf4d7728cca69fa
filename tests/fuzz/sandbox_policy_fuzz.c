#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sandbox/explain.h"
#include "sandbox/git_config.h"
#include "sandbox/plan.h"
#include "sandbox/seatbelt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct site_path path_of(const char *path)
{
    return (struct site_path){.path = mem_strdup(path), .kind = SITE_FOLDER};
}

/* What a site_look() without a disk would find: the paths as written, if they are whole. */
static void imagine(struct site *s, const struct sandbox_policy *p)
{
    s->kernel =
        (struct sandbox_kernel){.landlock_abi = 7, .seccomp = true, .namespaces = true};
    s->workspace = path_of("/w");
    s->cwd = mem_strdup("/w");
    s->hidden[s->n_hidden++] = path_of("/h/.farhand");
    if (p->mode == SANDBOX_WORKSPACE_WRITE) {
        s->roots[s->n_roots++] = path_of("/w");
    }
    for (size_t i = 0; i < p->n_writable; i++) {
        if (p->writable[i][0] == '/' && strlen(p->writable[i]) < 200) {
            s->roots[s->n_roots++] = path_of(p->writable[i]);
        }
    }
}

/* Property: whatever the words, a plan that is made grants writing only below the workspace
 * or a folder named by --writable, and never in Farhand's state; and it can be explained. */
static void check(const struct plan *plan, const struct site *s)
{
    static const char *const probes[] = {
        "/",     "/etc/passwd", "/w/x", "/h/.farhand", "/h/.farhand/keys/host",
        "/home", "/wx"};
    for (size_t i = 0; i < COUNT(probes); i++) {
        bool named = false;
        for (size_t k = 0; k < s->n_roots; k++) {
            named = named || path_is_below(probes[i], s->roots[k].path);
        }
        if (plan->mode != SANDBOX_FULL_ACCESS && plan_may_write(plan, probes[i]) &&
            (!named || path_is_below(probes[i], "/h/.farhand"))) {
            abort();
        }
    }
}

/* Property: no path writes a rule of its own: outside of strings each line's brackets close. */
static void check_profile(const struct plan *plan)
{
    struct buf out;
    const char *text = "";
    int depth = 0;
    bool quoted = false;
    buf_init(&out, 1u << 20);
    if (seatbelt_profile(plan, &out) == OK && buf_cstr(&out, &text) == OK) {
        for (const char *at = text; *at != '\0'; at++) {
            if (quoted && *at == '\\' && at[1] != '\0') {
                at++;
            } else if (*at == '"') {
                quoted = !quoted;
            } else if (!quoted) {
                depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
            }
            if (depth < 0 || (*at == '\n' && (depth != 0 || quoted))) {
                abort();
            }
        }
    }
    buf_fini(&out);
}

static void plan_it(const struct sandbox_policy *p)
{
    struct site s = {.n_roots = 0};
    struct plan plan;
    struct env_list env = {.n = 0};
    struct buf out;
    imagine(&s, p);
    buf_init(&out, 1u << 20);
    if (sandbox_plan_make(&plan, p, &s, NULL) == OK) {
        check(&plan, &s);
        check_profile(&plan);
        if (explain_json(&plan, &env, &out) != OK ||
            explain_text(&plan, &env, &out) != OK) {
            abort();
        }
    }
    buf_fini(&out);
    sandbox_plan_fini(&plan);
    site_fini(&s);
}

/* Property: each step eats something, and what it gives are texts that are not empty. */
static void read_config(struct bytes text)
{
    struct git_config c;
    struct git_entry one;
    size_t left = text.len + 1;
    git_config_init(&c, text);
    while (git_config_next(&c, &one)) {
        if (c.rest.len >= left || one.value[0] == '\0' ||
            strlen(one.value) >= GIT_VALUE_MAX || strlen(one.key) >= GIT_NAME_MAX) {
            abort();
        }
        left = c.rest.len;
    }
}

/* The input: key NUL value NUL key NUL …, and the same octets as a repository's config. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sandbox_policy p;
    read_config((struct bytes){data, size});
    if (size > 4096) {
        return 0;
    }
    char *text = mem_new(size + 2);
    memcpy(text, data, size);
    sandbox_policy_init(&p);
    for (size_t at = 0; at < size;) {
        const char *key = text + at;
        at += strlen(key) + 1;
        const char *value = at <= size ? text + at : NULL;
        at += value == NULL ? 0 : strlen(value) + 1;
        (void)!sandbox_policy_set(&p, key, value, NULL);
    }
    plan_it(&p);
    mem_free(text);
    return 0;
}
