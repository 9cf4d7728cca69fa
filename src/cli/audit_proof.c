#include "cli/audit_proof.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "crypto/sign.h"

#define THREADS_MAX 64u

struct proof {
    uint64_t idx;
    uint8_t pub[SIGN_PUB];
    uint8_t sig[SIGN_SIG];
    size_t len;
    uint8_t message[PROOF_MESSAGE_MAX];
};

struct worker {
    struct proofs *all; // keep
    unsigned nth;
    uint64_t broken; // 0: none
};

struct proofs {
    struct proof *at;
    size_t n;
    unsigned n_threads;
    struct worker workers[THREADS_MAX];
    uint64_t broken;
    uint64_t us;
    uint64_t count;
};

struct proofs *proofs_create(unsigned threads)
{
    struct proofs *p = mem_new(sizeof(*p));
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    p->n_threads = threads != 0 ? threads : cores > 0 ? (unsigned)cores : 1;
    p->n_threads = p->n_threads > THREADS_MAX ? THREADS_MAX : p->n_threads;
    p->at = mem_new(PROOF_BATCH * sizeof(*p->at));
    return p;
}

void proofs_destroy(struct proofs *p)
{
    if (p != NULL) {
        mem_free(p->at);
        mem_free(p);
    }
}

static void *work(void *user)
{
    struct worker *w = user;
    const struct proofs *p = w->all;
    for (size_t i = w->nth; i < p->n; i += p->n_threads) {
        const struct proof *proof = &p->at[i];
        const struct bytes message = {proof->message, proof->len};
        if (sign_verify(proof->pub, message, BYTES_OF(proof->sig)) != OK) {
            w->broken = proof->idx;
            return NULL; // what follows in its share comes later in the log
        }
    }
    return NULL;
}

/* A thread that cannot be had is done by the one that asked. */
void proof_flush(struct proofs *p)
{
    pthread_t threads[THREADS_MAX];
    bool runs[THREADS_MAX] = {false};
    const uint64_t began = clock_mono_us();
    if (p->n == 0) {
        return;
    }
    for (unsigned i = 0; i < p->n_threads; i++) {
        p->workers[i] = (struct worker){.all = p, .nth = i};
        if (i != 0) {
            runs[i] = pthread_create(&threads[i], NULL, work, &p->workers[i]) == 0;
        }
    }
    for (unsigned i = 0; i < p->n_threads; i++) {
        if (!runs[i]) {
            (void)work(&p->workers[i]);
        }
    }
    for (unsigned i = 0; i < p->n_threads; i++) {
        if (runs[i]) {
            (void)pthread_join(threads[i], NULL);
        }
        const uint64_t broken = p->workers[i].broken;
        if (broken != 0 && (p->broken == 0 || broken < p->broken)) {
            p->broken = broken;
        }
    }
    p->count += p->n;
    p->n = 0;
    p->us += clock_mono_us() - began;
}

enum err proof_add(struct proofs *p, uint64_t idx, const uint8_t pub[32],
                   struct bytes message, struct bytes sig)
{
    if (message.len > PROOF_MESSAGE_MAX || sig.len != SIGN_SIG) {
        return ERR_LIMIT;
    }
    struct proof *proof = &p->at[p->n++];
    proof->idx = idx;
    proof->len = message.len;
    memcpy(proof->pub, pub, sizeof(proof->pub));
    memcpy(proof->sig, sig.at, sizeof(proof->sig));
    memcpy(proof->message, message.at, message.len);
    if (p->n == PROOF_BATCH) {
        proof_flush(p);
    }
    return OK;
}

uint64_t proof_broken(const struct proofs *p)
{
    return p->broken;
}

uint64_t proof_us(const struct proofs *p)
{
    return p->us;
}

uint64_t proof_count(const struct proofs *p)
{
    return p->count;
}
