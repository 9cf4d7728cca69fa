/*
 * sample: measured values of one thing, and what they say; CPU time of processes.
 */
#ifndef TESTS_BENCH_SAMPLE_H
#define TESTS_BENCH_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SAMPLE_MAX 4096

struct sample {
    double at[SAMPLE_MAX];
    size_t n;
};

void sample_add(struct sample *s, double value);
double sample_quantile(struct sample *s, double q); // sorts; 0.5 is the median

/* CPU time of all threads of a process, from the kernel's accounting, microseconds. */
double cpu_us(pid_t pid);

/* How long they waited for a core although they could have run: what a busy machine
 * adds to every wall time. Microseconds. */
double cpu_wait_us(pid_t pid);

/* "name":{"n":…,"p50":…,"p95":…,"min":…,"max":…} on stdout. */
void sample_print(const char *name, struct sample *s);

#endif
