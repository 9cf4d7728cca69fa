#include "engine/codex/version.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

enum { LEAST_MAJOR = 0, LEAST_MINOR = 169 }; // VERSION_LEAST in numbers

static bool is_part_of_version(uint8_t c)
{
    return isalnum(c) != 0 || c == '.' || c == '-' || c == '+';
}

static bool is_before_version(uint8_t c)
{
    return c == ' ' || c == '/' || c == 'v';
}

static struct bytes digits(struct bytes *rest)
{
    size_t n = 0;
    while (n < rest->len && isdigit(rest->at[n]) != 0) {
        n++;
    }
    const struct bytes out = bytes_sub(*rest, 0, n);
    *rest = bytes_sub(*rest, n, rest->len);
    return out;
}

/* "0.169.0-alpha.1" at the front of `text`. */
static bool read_at(struct bytes text, struct version *out)
{
    uint64_t major = 0;
    uint64_t minor = 0;
    struct bytes rest = text;
    if (u64_parse(digits(&rest), UINT32_MAX, &major) != OK || rest.len == 0 ||
        rest.at[0] != '.') {
        return false;
    }
    rest = bytes_sub(rest, 1, rest.len);
    if (u64_parse(digits(&rest), UINT32_MAX, &minor) != OK) {
        return false;
    }
    size_t n = 0;
    while (n < text.len && n < VERSION_MAX - 1 && is_part_of_version(text.at[n])) {
        n++;
    }
    *out = (struct version){.major = (uint32_t)major, .minor = (uint32_t)minor};
    memcpy(out->text, text.at, n);
    return true;
}

enum err version_read(struct bytes text, struct version *out)
{
    for (size_t i = 1; i < text.len; i++) {
        if (is_before_version(text.at[i - 1]) && isdigit(text.at[i]) != 0 &&
            read_at(bytes_sub(text, i, text.len), out)) {
            return OK;
        }
    }
    return ERR_PROTO;
}

bool version_is_enough(const struct version *v)
{
    return v->major > LEAST_MAJOR || v->minor >= LEAST_MINOR;
}
