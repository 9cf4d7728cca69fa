/*
 * audit_bench: what it costs to verify 100,000 records, each a signed decision.
 *
 * Usage      audit_bench [RECORDS]: prints JSON rows for table.mjs. Its yardstick is libsodium
 *            alone on the same signatures, with as many threads, in turns with ours.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>

#include "audit_scene.h"
#include "base/clock.h"
#include "cli/audit_verify.h"
#include "crypto/random.h"

enum { ROUNDS = 5, RECORDS = 100000, THREADS_MAX = 64 };

struct one {
    uint8_t message[256];
    size_t len;
    uint8_t sig[64];
    uint8_t pub[32];
};

struct share {
    const struct one *at;
    size_t from;
    size_t to;
};

static void *alone(void *user)
{
    const struct share *s = user;
    for (size_t i = s->from; i < s->to; i++) {
        const struct one *o = &s->at[i];
        if (crypto_sign_verify_detached(o->sig, o->message, o->len, o->pub) != 0) {
            abort();
        }
    }
    return NULL;
}

static uint64_t sodium_us(const struct one *at, size_t n, unsigned threads)
{
    pthread_t t[THREADS_MAX];
    struct share shares[THREADS_MAX];
    const uint64_t began = clock_mono_us();
    for (unsigned i = 0; i < threads; i++) {
        shares[i] = (struct share){at, n * i / threads, n * (i + 1) / threads};
        scene_must(pthread_create(&t[i], NULL, alone, &shares[i]) == 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        scene_must(pthread_join(t[i], NULL) == 0);
    }
    return clock_mono_us() - began;
}

static struct one *write_log(struct audit_scene *s, size_t n)
{
    struct one *at = calloc(n, sizeof(*at));
    scene_must(at != NULL);
    for (size_t i = 0; i < n; i++) {
        const struct approval a = scene_decision(s, i);
        struct buf raw;
        buf_init(&raw, sizeof(at[i].message));
        scene_must(approval_put(&a, &raw) == OK);
        at[i].len = buf_len(&raw);
        memcpy(at[i].message, buf_bytes(&raw).at, at[i].len);
        memcpy(at[i].pub, sign_key_pub(s->devices[i % 3]), sizeof(at[i].pub));
        approval_sign(s->devices[i % 3], buf_bytes(&raw), at[i].sig);
        buf_fini(&raw);
        scene_decide(s, i % 3, i % 3, i, &a);
    }
    return at;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* As tests/bench/table.mjs reads them. */
static void print_rows(size_t n, uint64_t chain, uint64_t ours, uint64_t yard)
{
    const double ratio = (double)ours / (double)yard;
    const bool quick = chain * RECORDS <= UINT64_C(1000000) * n;
    printf("[{\"name\":\"audit chain, %zu records\",\"unit\":\"ms\",\"ours\":%.1f,"
           "\"yardstick\":1000,\"target\":\"1 s for 100,000\",\"met\":%s,"
           "\"yardstick_is\":\"the target\"},\n",
           n, (double)chain / 1000.0, quick ? "true" : "false");
    printf(" {\"name\":\"audit signatures, %zu\",\"unit\":\"ms\",\"ours\":%.1f,"
           "\"yardstick\":%.1f,\"ratio\":%.3f,\"target\":\"ratio at most 1.1\","
           "\"met\":%s,\"yardstick_is\":\"libsodium alone, all cores, same run\"}]\n",
           n, (double)ours / 1000.0, (double)yard / 1000.0, ratio,
           ratio <= 1.1 ? "true" : "false");
}

int main(int argc, char **argv)
{
    struct audit_scene s;
    uint64_t chain[ROUNDS];
    uint64_t ours[ROUNDS];
    uint64_t yard[ROUNDS];
    const size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : RECORDS;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned threads = cores < 1             ? 1
                             : cores > THREADS_MAX ? THREADS_MAX
                                                   : (unsigned)cores;
    char path[] = "/tmp/farhand-audit-bench-XXXXXX";
    const int fd = mkstemp(path);
    scene_must(fd >= 0 && close(fd) == 0);
    crypto_init();
    scene_open(&s, path);
    struct one *at = write_log(&s, n);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct audit_report r;
        const struct audit_verify_options bare = {.chain_only = true};
        const struct audit_verify_options all = {.threads = threads};
        yard[i] = sodium_us(at, n, threads);
        scene_must(audit_verify(path, &bare, &r) == OK && r.broken == 0);
        chain[i] = r.chain_us;
        scene_must(audit_verify(path, &all, &r) == OK && r.broken == 0 &&
                   r.decisions == n);
        ours[i] = r.signature_us;
    }
    qsort(chain, ROUNDS, sizeof(chain[0]), by_size);
    qsort(ours, ROUNDS, sizeof(ours[0]), by_size);
    qsort(yard, ROUNDS, sizeof(yard[0]), by_size);
    print_rows(n, chain[ROUNDS / 2], ours[ROUNDS / 2], yard[ROUNDS / 2]);
    free(at);
    scene_close(&s);
    (void)unlink(path);
    return 0;
}
