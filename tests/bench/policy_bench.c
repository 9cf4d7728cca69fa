/* What a verdict costs: an ordinary command under a hundred rules, and a script of 64 KiB.
 * Prints what `make bench` prints; the yardstick is the same text looked at octet by octet,
 * as any reading of it must. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "policy/policy.h"

#define SCRIPT_SIZE (64u * 1024)
#define ROUNDS      15u

static const char *const roots[] = {"/w", NULL};

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of this process: other programs of the machine do not count. */
static double cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double judge_us(const struct policy_ask *ask, struct bytes text, unsigned times)
{
    struct policy_answer answer;
    const double from = cpu_us();
    for (unsigned i = 0; i < times; i++) {
        policy_judge_script(ask, text, SHELL_BASH, &answer);
    }
    return (cpu_us() - from) / times;
}

static double look_us(struct bytes text, unsigned times)
{
    static volatile unsigned sum;
    const double from = cpu_us();
    for (unsigned i = 0; i < times; i++) {
        for (size_t k = 0; k < text.len; k++) {
            sum += text.at[k];
        }
    }
    return (cpu_us() - from) / times;
}

static void measure(const char *name, const struct policy_ask *ask, struct bytes text,
                    unsigned times, double target, bool last)
{
    double ours[ROUNDS];
    double other[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) { // interleaved
        ours[i] = judge_us(ask, text, times);
        other[i] = look_us(text, times);
    }
    qsort(ours, ROUNDS, sizeof(ours[0]), compare);
    qsort(other, ROUNDS, sizeof(other[0]), compare);
    const double us = ours[ROUNDS / 2];
    const double yardstick = other[ROUNDS / 2];
    printf(
        "  {\"name\": \"%s\", \"unit\": \"us\", \"ours\": %.2f, \"yardstick\": %.3f, "
        "\"yardstick_is\": \"each octet read once\", \"ratio\": %.1f, "
        "\"target\": \"<= %.0f us\", \"met\": %s}%s\n",
        name, us, yardstick, yardstick > 0 ? us / yardstick : 0, target,
        us <= target ? "true" : "false", last ? "" : ",");
}

static void add_rules(struct rules *rules)
{
    char text[128];
    struct diag diag = {""};
    for (unsigned i = 0; i < 100; i++) {
        if (text_format(text, sizeof(text),
                        "[[rule]]\ndecide = \"ask\"\ncommand = \"tool%u run\"\n",
                        i) != OK ||
            rules_read(rules, RULE_USER, "f", bytes_from_str(text), &diag) != OK) {
            abort();
        }
    }
}

int main(void)
{
    struct rules rules;
    struct buf script;
    rules_init(&rules);
    add_rules(&rules);
    buf_init(&script, 2 * SCRIPT_SIZE);
    while (buf_len(&script) < SCRIPT_SIZE) {
        if (buf_put_str(&script,
                        "if [ -f a ]; then cat a | grep -n 'x y' | sort; fi\n") != OK) {
            return 1;
        }
    }
    const struct policy_ask ask = {.rules = &rules,
                                   .policy = POLICY_UNLESS_ALLOW_LISTED,
                                   .cwd = "/w",
                                   .roots = roots};
    printf("[\n");
    measure("policy: verdict on bash -lc 'git status | head -5'", &ask,
            BYTES_LIT("/bin/bash -lc 'git status --short | head -5'"), 200, 50, false);
    measure("policy: verdict on a script of 64 KiB", &ask, buf_bytes(&script), 1, 20000,
            true);
    printf("]\n");
    buf_fini(&script);
    rules_fini(&rules);
    return 0;
}
