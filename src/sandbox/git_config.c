#include "sandbox/git_config.h"

#include <string.h>

void git_config_init(struct git_config *c, struct bytes text)
{
    static const char mark[] = "\xef\xbb\xbf"; // some editors begin a file so
    const size_t len = sizeof(mark) - 1;
    memset(c, 0, sizeof(*c));
    c->rest = text.len >= len && memcmp(text.at, mark, len) == 0
                  ? bytes_sub(text, len, text.len)
                  : text;
}

/* ---- one octet after the other ---------------------------------------------------------- */

static int peek(const struct git_config *c)
{
    return c->rest.len == 0 ? -1 : c->rest.at[0];
}

static int take(struct git_config *c)
{
    const int octet = peek(c);
    if (octet >= 0) {
        c->rest = bytes_sub(c->rest, 1, c->rest.len);
    }
    return octet;
}

static bool is_blank(int octet)
{
    return octet == ' ' || octet == '\t' || octet == '\r';
}

static bool is_name(int octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
           (octet >= '0' && octet <= '9') || octet == '-';
}

static void skip_blanks(struct git_config *c)
{
    while (is_blank(peek(c))) {
        (void)take(c);
    }
}

static void skip_line(struct git_config *c)
{
    for (int octet = take(c); octet >= 0 && octet != '\n'; octet = take(c)) {
    }
}

/* Lower case; a name that does not fit is nobody's that we look for. */
static void read_name(struct git_config *c, char out[GIT_NAME_MAX])
{
    size_t len = 0;
    bool fits = true;
    while (is_name(peek(c))) {
        const int octet = take(c);
        fits = fits && len < GIT_NAME_MAX - 1;
        if (fits) {
            out[len++] =
                (char)(octet >= 'A' && octet <= 'Z' ? octet - 'A' + 'a' : octet);
        }
    }
    out[fits ? len : 0] = '\0';
}

/* ---- sections and values ------------------------------------------------------------------ */

/* `[name]`, `[name "second"]`, `[name.second]`; the bracket is taken already. */
static void read_section(struct git_config *c)
{
    bool quoted = false;
    read_name(c, c->section);
    for (int octet = take(c); octet >= 0 && octet != '\n'; octet = take(c)) {
        if (octet == '\\' && quoted) {
            (void)take(c);
        } else if (octet == '"') {
            quoted = !quoted;
        } else if (octet == ']' && !quoted) {
            return;
        }
    }
}

/* What stands behind a backslash: an octet, or -1 for a continued line. */
static int unescape(struct git_config *c)
{
    if (peek(c) == '\r') {
        (void)take(c);
    }
    const int octet = take(c);
    switch (octet) {
    case '\n':
        return -1;
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    default:
        return octet;
    }
}

struct value {
    char *out;
    size_t len;
    size_t keep; // up to the last octet that is no trailing blank
    bool fits;
};

static void put(struct value *v, int octet, bool solid)
{
    if (octet <= 0 || v->len == GIT_VALUE_MAX - 1) {
        v->fits = v->fits && octet < 0;
        return;
    }
    v->out[v->len++] = (char)octet;
    v->keep = solid ? v->len : v->keep;
}

static bool read_value(struct git_config *c, char out[GIT_VALUE_MAX])
{
    struct value v = {.out = out, .fits = true};
    bool quoted = false;
    skip_blanks(c);
    for (int octet = take(c); octet >= 0 && octet != '\n'; octet = take(c)) {
        if (!quoted && (octet == '#' || octet == ';')) {
            skip_line(c);
            break;
        }
        if (octet == '"') {
            quoted = !quoted;
        } else if (octet == '\\') {
            put(&v, unescape(c), true);
        } else {
            put(&v, octet, quoted || !is_blank(octet));
        }
    }
    out[v.keep] = '\0';
    return v.fits && v.keep > 0;
}

bool git_config_next(struct git_config *c, struct git_entry *out)
{
    while (peek(c) >= 0) {
        skip_blanks(c);
        if (peek(c) == '[') {
            (void)take(c);
            read_section(c);
            continue;
        }
        if (!is_name(peek(c))) {
            if (peek(c) == '\n') {
                (void)take(c);
            } else {
                skip_line(c);
            }
            continue;
        }
        read_name(c, out->key);
        skip_blanks(c);
        if (peek(c) != '=') {
            skip_line(c); // a key alone is "true": no path
            continue;
        }
        (void)take(c);
        if (read_value(c, out->value)) {
            memcpy(out->section, c->section, sizeof(out->section));
            return true;
        }
    }
    return false;
}

/* ---- .git as a file ------------------------------------------------------------------------ */

bool git_dir_of_file(struct bytes text, struct bytes *out)
{
    static const char word[] = "gitdir:";
    const size_t skip = sizeof(word) - 1;
    const uint8_t *end = text.len == 0 ? NULL : memchr(text.at, '\n', text.len);
    struct bytes line =
        bytes_sub(text, 0, end == NULL ? text.len : (size_t)(end - text.at));
    if (line.len < skip || memcmp(line.at, word, skip) != 0) {
        return false;
    }
    line = bytes_sub(line, skip, line.len);
    while (line.len > 0 && is_blank(line.at[0])) {
        line = bytes_sub(line, 1, line.len);
    }
    while (line.len > 0 && is_blank(line.at[line.len - 1])) {
        line.len--;
    }
    if (line.len == 0) {
        return false;
    }
    *out = line;
    return true;
}
