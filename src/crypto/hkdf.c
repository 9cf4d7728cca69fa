#include "crypto/hkdf.h"

#include <assert.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/hmac.h"

/* RFC 5869 section 2.3: T(i) = HMAC(PRK, T(i-1) || info || i). */
static void expand(const uint8_t prk[HMAC_SIZE], const struct bytes *info,
                   size_t n_info, uint8_t *out, size_t len)
{
    enum { INFO_PARTS_MAX = 3 };
    assert(n_info <= INFO_PARTS_MAX && len <= HKDF_MAX);
    uint8_t block[HMAC_SIZE];
    size_t block_len = 0; // T(0) is empty
    uint8_t index = 1;

    while (len != 0) {
        struct bytes parts[INFO_PARTS_MAX + 2] = {{block, block_len}};
        memcpy(parts + 1, info, n_info * sizeof(*info));
        parts[n_info + 1] = (struct bytes){&index, 1};
        hmac_sha256_parts((struct bytes){prk, HMAC_SIZE}, parts, n_info + 2, block);
        block_len = sizeof(block);

        const size_t n = len < sizeof(block) ? len : sizeof(block);
        memcpy(out, block, n);
        out += n;
        len -= n;
        index++;
    }
    secret_wipe(block, sizeof(block));
}

static void derive(struct bytes ikm, struct bytes salt, const struct bytes *info,
                   size_t n_info, uint8_t *out, size_t len)
{
    uint8_t prk[HMAC_SIZE];
    hmac_sha256(salt, ikm, prk); // an empty salt equals 32 zero octets (section 2.2)
    expand(prk, info, n_info, out, len);
    secret_wipe(prk, sizeof(prk));
}

void hkdf_sha256(struct bytes ikm, struct bytes salt, struct bytes info, uint8_t *out,
                 size_t len)
{
    derive(ikm, salt, &info, 1, out, len);
}

void hkdf_label(struct bytes ikm, struct bytes salt, const char *label,
                struct bytes tail, uint8_t *out, size_t len)
{
    uint8_t label_len[4];
    const struct bytes text = bytes_from_str(label);
    be32_write(label_len, (uint32_t)text.len);
    const struct bytes info[] = {BYTES_OF(label_len), text, tail};
    derive(ikm, salt, info, COUNT(info), out, len);
}
