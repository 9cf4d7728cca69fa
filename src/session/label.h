/*
 * label: LV(text) as two parts of a hash, for transcripts written as lists.
 *
 *     const struct label l = label_of("fh1 salt");
 *     const struct bytes parts[] = {LABEL_PARTS(l), …};
 */
#ifndef SESSION_LABEL_H
#define SESSION_LABEL_H

#include "base/bytes.h"

struct label {
    uint8_t len[4];
    struct bytes text;
};

/* Also for LV of any octets. */
static inline struct label label_octets(struct bytes octets)
{
    struct label l = {.text = octets};
    be32_write(l.len, (uint32_t)octets.len);
    return l;
}

static inline struct label label_of(const char *text)
{
    return label_octets(bytes_from_str(text));
}

#define LABEL_PARTS(l) BYTES_OF((l).len), (l).text

#endif
