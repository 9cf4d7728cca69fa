#include "session/sas.h"

#include <inttypes.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "session/label.h"

enum { KEY = 32, DIGITS = 1000000, GROUP = 100000, GROUPS = 12, GROUP_OCTETS = 5 };

void sas_commit(const uint8_t r_host[SAS_HOST_RANDOM], uint8_t out[SAS_COMMIT])
{
    const struct label label = label_of("fh1 sas commit");
    const struct bytes parts[] = {LABEL_PARTS(label), {r_host, SAS_HOST_RANDOM}};
    hash_sha256_parts(parts, COUNT(parts), out);
}

void sas_digits(const uint8_t exporter[32], const uint8_t r_host[SAS_HOST_RANDOM],
                const uint8_t r_device[SAS_DEVICE_RANDOM], char out[SAS_TEXT])
{
    uint8_t both[SAS_HOST_RANDOM + SAS_DEVICE_RANDOM];
    uint8_t raw[8];
    memcpy(both, r_host, SAS_HOST_RANDOM);
    memcpy(both + SAS_HOST_RANDOM, r_device, SAS_DEVICE_RANDOM);
    hkdf_label((struct bytes){exporter, KEY}, BYTES_NONE, "fh1 sas", BYTES_OF(both),
               raw, sizeof(raw));
    const unsigned n = (unsigned)(be64_read(raw) % DIGITS);
    const enum err e = text_format(out, SAS_TEXT, "%03u %03u", n / 1000, n % 1000);
    (void)e; // seven characters always fit
    secret_wipe(raw, sizeof(raw));
}

void fingerprint_digits(const uint8_t host_key[32], const uint8_t device_key[32],
                        char out[FINGERPRINT_TEXT])
{
    uint8_t digest[HASH_SHA512];
    const bool host_first = memcmp(host_key, device_key, KEY) <= 0; // public keys
    const struct label label = label_of("fh1 fp");
    const struct bytes parts[] = {
        LABEL_PARTS(label),
        {host_first ? host_key : device_key, KEY},
        {host_first ? device_key : host_key, KEY},
    };
    hash_sha256_parts(parts, COUNT(parts), digest);
    // 32 octets are 6 groups of five; the other 6 come from a second round.
    hash_sha256((struct bytes){digest, HASH_SHA256}, digest + HASH_SHA256);
    char *at = out;
    for (size_t i = 0; i < GROUPS; i++) {
        const uint8_t *from = digest + (i / 6) * HASH_SHA256 + (i % 6) * GROUP_OCTETS;
        uint64_t n = 0;
        for (size_t k = 0; k < GROUP_OCTETS; k++) {
            n = n << 8 | from[k];
        }
        const enum err e =
            text_format(at, (size_t)(out + FINGERPRINT_TEXT - at), "%s%05u",
                        i == 0 ? "" : " ", (unsigned)(n % GROUP));
        (void)e; // 12 groups and 11 spaces: 71 characters
        at += i == 0 ? 5 : 6;
    }
}
