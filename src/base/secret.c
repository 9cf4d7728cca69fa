#include "base/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/log.h"

void secret_set(struct secret *s, struct bytes octets)
{
    assert(octets.len <= SECRET_MAX);
    secret_fini(s);
    if (octets.len != 0) {
        memcpy(s->octets, octets.at, octets.len);
    }
    s->len = octets.len;
}

void secret_fini(struct secret *s)
{
    secret_wipe(s->octets, sizeof(s->octets));
    s->len = 0;
}

struct bytes secret_bytes(const struct secret *s)
{
    return (struct bytes){s->octets, s->len};
}

bool secret_equal(struct bytes a, struct bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    volatile uint8_t differ = 0;
    for (size_t i = 0; i < a.len; i++) {
        differ = (uint8_t)(differ | (a.at[i] ^ b.at[i]));
    }
    return differ == 0;
}

void secret_wipe(void *at, size_t len)
{
    if (at != NULL && len != 0) {
        explicit_bzero(at, len);
    }
}

void *secret_page_new(size_t size)
{
    void *at =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        log_error("secret.no_memory", "size=%zu", size);
        abort();
    }
    if (mlock(at, size) != 0) {
        log_debug("secret.not_locked", "size=%zu", size);
    }
#ifdef MADV_DONTDUMP
    (void)madvise(at, size, MADV_DONTDUMP);
#endif
    return at;
}

void secret_page_free(void *at, size_t size)
{
    if (at == NULL) {
        return;
    }
    secret_wipe(at, size);
    (void)munmap(at, size);
}

void secret_harden_process(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}
