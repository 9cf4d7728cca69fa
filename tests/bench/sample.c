#include "sample.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

void sample_add(struct sample *s, double value)
{
    if (s->n < SAMPLE_MAX) {
        s->at[s->n++] = value;
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double sample_quantile(struct sample *s, double q)
{
    if (s->n == 0) {
        return 0;
    }
    qsort(s->at, s->n, sizeof(s->at[0]), by_value);
    return s->at[(size_t)(q * (double)(s->n - 1) + 0.5)];
}

/* Field `n` of /proc/PID/task/TID/schedstat, summed: 0 ran, 1 waited. Microseconds. */
static double sched_us(pid_t pid, int n)
{
    char path[128];
    double total = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        return 0;
    }
    for (struct dirent *d = readdir(tasks); d != NULL; d = readdir(tasks)) {
        unsigned long long run_ns = 0;
        char stat[400];
        (void)snprintf(stat, sizeof(stat), "%s/%s/schedstat", path, d->d_name);
        FILE *f = d->d_name[0] == '.' ? NULL : fopen(stat, "r");
        if (f != NULL) {
            char text[64] = "";
            if (fgets(text, sizeof(text), f) != NULL) {
                char *next = NULL;
                run_ns = strtoull(text, &next, 10);
                run_ns = n == 0 ? run_ns : strtoull(next, NULL, 10);
            }
            (void)fclose(f);
        }
        total += (double)run_ns / 1000;
    }
    (void)closedir(tasks);
    return total;
}

double cpu_us(pid_t pid)
{
    return sched_us(pid, 0);
}

double cpu_wait_us(pid_t pid)
{
    return sched_us(pid, 1);
}

void sample_print(const char *name, struct sample *s)
{
    const double p50 = sample_quantile(s, 0.5);
    printf("\"%s\":{\"n\":%zu,\"p50\":%.3f,\"p95\":%.3f,\"min\":%.3f,\"max\":%.3f}",
           name, s->n, p50, sample_quantile(s, 0.95), sample_quantile(s, 0),
           sample_quantile(s, 1));
}
