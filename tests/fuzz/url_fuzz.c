#include <stdlib.h>
#include <string.h>

#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: nothing of an accepted address can leave its place in a request line or a
 * Host header: no white space, no control character, no '@', '#' or quote. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url u;
    if (url_parse((struct bytes){data, size}, &u) != OK) {
        return 0;
    }
    if (u.scheme == URL_UNIX) {
        if (u.target.len == 0 || u.target.at[0] != '/') {
            abort();
        }
        return 0;
    }
    if (u.host.len == 0 || u.port == 0 || u.target.at[0] != '/') {
        abort();
    }
    for (size_t i = 0; i < u.authority.len; i++) {
        if (strchr("@/#? \r\n\t\"", u.authority.at[i]) != NULL) {
            abort();
        }
    }
    for (size_t i = 0; i < u.target.len; i++) {
        if (u.target.at[i] <= ' ' || u.target.at[i] >= 0x7F || u.target.at[i] == '#') {
            abort();
        }
    }
    return 0;
}
