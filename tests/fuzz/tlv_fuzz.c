#include <stdlib.h>

#include "base/attr.h"
#include "wire/tlv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tlv_rule rules[] = {
    {1, 0, 300, TLV_REQUIRED},
    {2, 8, 8, 0},
    {6, 1, 255, TLV_REPEATED},
    {0x81, 0, 4, 0},
};

/* Property: what the check accepts is, tag by tag, exactly the octets it was given, and
 * required tags are there. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = {data, size};
    struct bytes v;
    size_t sum = 0;
    if (tlv_check(in, rules, COUNT(rules)) != OK) {
        return 0;
    }
    for (unsigned tag = 0; tag < 256; tag++) {
        struct cursor c = {in};
        while (tlv_next(&c, (uint8_t)tag, &v)) {
            if (v.len != 0 && (v.at < data || v.at + v.len > data + size)) {
                abort();
            }
            sum += 3 + v.len;
        }
    }
    if (sum != size || !tlv_get(in, 1, &v)) {
        abort();
    }
    return 0;
}
