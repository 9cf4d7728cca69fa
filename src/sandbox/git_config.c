#include "sandbox/git_config.h"

#include <string.h>
#include <strings.h>

static struct bytes trim(struct bytes b)
{
    while (b.len > 0 && (b.at[0] == ' ' || b.at[0] == '\t')) {
        b = bytes_sub(b, 1, b.len);
    }
    while (b.len > 0 && (b.at[b.len - 1] == ' ' || b.at[b.len - 1] == '\t' ||
                         b.at[b.len - 1] == '\r')) {
        b.len--;
    }
    if (b.len >= 2 && b.at[0] == '"' && b.at[b.len - 1] == '"') {
        b = bytes_sub(b, 1, b.len - 2);
    }
    return b;
}

static bool next_line(struct bytes *text, struct bytes *line)
{
    if (text->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->at, '\n', text->len);
    const size_t len = end == NULL ? text->len : (size_t)(end - text->at);
    *line = bytes_sub(*text, 0, len);
    *text = bytes_sub(*text, len + 1, text->len);
    return true;
}

static bool starts_with(struct bytes b, const char *word)
{
    const size_t len = strlen(word);
    return b.len >= len && strncasecmp((const char *)b.at, word, len) == 0;
}

bool git_hooks_path(struct bytes config, struct bytes *out)
{
    bool in_core = false;
    bool found = false;
    struct bytes line;
    while (next_line(&config, &line)) {
        line = trim(line);
        if (line.len > 0 && line.at[0] == '[') {
            in_core = starts_with(line, "[core]");
            const uint8_t *end = memchr(line.at, ']', line.len);
            if (end == NULL) {
                continue;
            }
            line = trim(bytes_sub(line, (size_t)(end - line.at) + 1, line.len));
        }
        const uint8_t *equals = line.len == 0 ? NULL : memchr(line.at, '=', line.len);
        if (!in_core || equals == NULL || !starts_with(line, "hookspath")) {
            continue;
        }
        const struct bytes value =
            trim(bytes_sub(line, (size_t)(equals - line.at) + 1, line.len));
        if (value.len > 0) {
            *out = value;
            found = true;
        }
    }
    return found;
}

bool git_dir_of_file(struct bytes text, struct bytes *out)
{
    struct bytes line;
    if (!next_line(&text, &line) || !starts_with(line, "gitdir:")) {
        return false;
    }
    line = trim(bytes_sub(line, strlen("gitdir:"), line.len));
    if (line.len == 0) {
        return false;
    }
    *out = line;
    return true;
}
