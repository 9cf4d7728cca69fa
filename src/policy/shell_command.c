#include <string.h>

#include "policy/shell_priv.h"

/* ---- blanks, comments, lines ---------------------------------------------- */

static bool is_blank_at(const struct shell_reader *r, size_t at)
{
    return at < r->in.len && (r->in.at[at] == ' ' || r->in.at[at] == '\t');
}

/* A continued line counts as a blank only beside one: `&\` and `&` are one operator. */
static bool line_is_continued(const struct shell_reader *r)
{
    return reader_is(r, "\\\n") &&
           (r->at == 0 || is_blank_at(r, r->at - 1) || r->in.at[r->at - 1] == '\n');
}

void grammar_blanks(struct shell_reader *r)
{
    for (;;) {
        const int c = reader_peek(r, 0);
        if (c == ' ' || c == '\t') {
            r->at++;
        } else if (line_is_continued(r)) {
            r->at += 2;
        } else if (c == '#') {
            while (reader_peek(r, 0) >= 0 && reader_peek(r, 0) != '\n') {
                r->at++;
            }
        } else {
            return;
        }
    }
}

/* ---- here-documents -------------------------------------------------------- */

static bool line_is(struct bytes line, const struct shell_reader *r, struct heredoc h)
{
    const struct bytes text = buf_bytes(&r->store->text);
    return bytes_equal(line, bytes_sub(text, h.end.at, h.end.len));
}

/* The line that begins at `at`, without its newline. */
static struct bytes line_at(const struct shell_reader *r, size_t at)
{
    const struct bytes rest = bytes_sub(r->in, at, r->in.len);
    const uint8_t *newline = memchr(rest.at, '\n', rest.len);
    return newline == NULL ? rest : bytes_sub(rest, 0, (size_t)(newline - rest.at));
}

static struct bytes without_tabs(struct bytes line)
{
    while (line.len != 0 && line.at[0] == '\t') {
        line = bytes_sub(line, 1, line.len);
    }
    return line;
}

/* A backslash before the newline joins two lines before the end is looked for. */
static bool line_joins(struct bytes line, struct heredoc h)
{
    return !h.quoted && line.len != 0 && line.at[line.len - 1] == '\\';
}

static bool heredoc_read(struct shell_reader *r, struct heredoc h)
{
    for (size_t at = r->at; at < r->in.len;) {
        const struct bytes line = line_at(r, at);
        if (line_joins(line, h)) {
            return reader_fail(r, "a line of a here-document is continued");
        }
        if (line_is(h.tabs ? without_tabs(line) : line, r, h)) {
            if (!h.quoted && !word_scan_expansions(r, at)) {
                return false;
            }
            r->at = at + line.len;
            r->at += r->at < r->in.len ? 1 : 0;
            return true;
        }
        at += line.len + 1;
    }
    return reader_fail(r, "a here-document does not end");
}

/* The texts of the here-documents announced on a line follow it. */
bool grammar_newline(struct shell_reader *r)
{
    r->at++;
    const unsigned n = r->n_heredocs;
    r->n_heredocs = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!heredoc_read(r, r->heredocs[i])) {
            return false;
        }
    }
    return true;
}

static bool heredoc_announce(struct shell_reader *r, struct rough_word end, bool tabs)
{
    // bash 5.2 writes a substitution anew before it reads it, and then loses the `;` of a
    // command behind a here-document: `ls; ! -l` ran as `ls ! -l`.
    if (r->n_substitutions != 0) {
        return reader_fail(r, "a here-document within a substitution");
    }
    if ((end.flags & WORD_UNSURE) != 0) {
        return reader_fail(r, "the end of a here-document is not plain");
    }
    if (r->n_heredocs == HEREDOCS_MAX) {
        return reader_fail(r, "it has too many here-documents");
    }
    r->heredocs[r->n_heredocs++] = (struct heredoc){
        .end = end, .quoted = (end.flags & WORD_QUOTED) != 0, .tabs = tabs};
    return true;
}

/* ---- redirections ----------------------------------------------------------- */

static const struct redirect_sign {
    const char *text;
    enum shell_redirect_kind kind;
    bool bash; // another meaning in a plain shell
} signs[] = {
    {"<<<", REDIRECT_TEXT, true},  {"<<-", REDIRECT_TEXT, false},
    {"<<", REDIRECT_TEXT, false},  {"<&", REDIRECT_COPY, false},
    {"<>", REDIRECT_WRITE, false}, {"<", REDIRECT_READ, false},
    {"&>>", REDIRECT_WRITE, true}, {"&>", REDIRECT_WRITE, true},
    {">>", REDIRECT_WRITE, false}, {">|", REDIRECT_WRITE, false},
    {">&", REDIRECT_COPY, false},  {">", REDIRECT_WRITE, false},
};

static const struct redirect_sign *sign_at(const struct shell_reader *r)
{
    const int c = reader_peek(r, 0);
    if ((c != '<' && c != '>' && c != '&') || reader_is(r, "<(") ||
        reader_is(r, ">(")) {
        return NULL; // the last two are process substitution: a word
    }
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (reader_is(r, signs[i].text)) {
            return &signs[i];
        }
    }
    return NULL;
}

/* Digits right before the sign: the descriptor. */
static size_t descriptor_size(const struct shell_reader *r)
{
    size_t n = 0;
    for (int c; (c = reader_peek(r, n)) >= '0' && c <= '9';) {
        n++;
    }
    const int c = reader_peek(r, n);
    return n != 0 && (c == '<' || c == '>') ? n : 0;
}

/* `>&name` writes a file; `>&2`, `>&2-` and `>&-` copy or close a descriptor. */
static enum shell_redirect_kind copy_or_write(const struct shell_reader *r,
                                              struct rough_word target)
{
    const struct bytes text =
        bytes_sub(buf_bytes(&r->store->text), target.at, target.len);
    for (size_t i = 0; i < text.len; i++) {
        if ((text.at[i] < '0' || text.at[i] > '9') && text.at[i] != '-') {
            return REDIRECT_WRITE;
        }
    }
    return (target.flags & WORD_UNSURE) != 0 ? REDIRECT_WRITE : REDIRECT_COPY;
}

/* *found: a redirection stood here. */
static bool redirect_read(struct shell_reader *r, bool *found)
{
    const size_t start = r->at;
    r->at += descriptor_size(r);
    const struct redirect_sign *sign = sign_at(r);
    *found = sign != NULL;
    if (sign == NULL) {
        r->at = start;
        return true;
    }
    if (sign->bash && r->dialect != SHELL_BASH) {
        return reader_fail(r, "a redirection that plain shells read otherwise");
    }
    r->at += strlen(sign->text);
    grammar_blanks(r);
    struct rough_redirect out = {.kind = sign->kind};
    if (word_ends_at(reader_peek(r, 0))) {
        return reader_fail(r, "a redirection names nothing");
    }
    if (!word_read(r, &out.target)) {
        return false;
    }
    if (out.kind == REDIRECT_COPY) {
        out.kind = copy_or_write(r, out.target);
    }
    if (out.kind == REDIRECT_TEXT && strcmp(sign->text, "<<<") != 0 &&
        !heredoc_announce(r, out.target, sign->text[2] == '-')) {
        return false;
    }
    return rough_push(r, &r->redirected, &out, sizeof(out));
}

/* ---- a simple command -------------------------------------------------------- */

struct open_command {
    uint32_t stack;      // where its words begin on the stack
    uint32_t redirected; // … and its redirections
    uint32_t n_assigns;  // the first words of it
};

static bool is_name_char(int c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

/* NAME=…, as it stands in the text. */
static bool is_assignment(const struct shell_reader *r)
{
    size_t n = 0;
    while (is_name_char(reader_peek(r, n), n == 0)) {
        n++;
    }
    return n != 0 && reader_peek(r, n) == '=';
}

/* `name=(`, `name[…]=` and `name+=` are arrays or bash's own. */
static bool refuse_array(struct shell_reader *r)
{
    size_t n = 0;
    while (is_name_char(reader_peek(r, n), n == 0)) {
        n++;
    }
    const int c = reader_peek(r, n);
    const int next = reader_peek(r, n + 1);
    const bool array = n != 0 && ((c == '=' && next == '(') || (c == '[') ||
                                  (c == '+' && next == '='));
    return !array || reader_fail(r, "an array or an appending assignment");
}

static bool take_word(struct shell_reader *r)
{
    struct rough_word word;
    return word_read(r, &word) && rough_push(r, &r->stack, &word, sizeof(word));
}

/* From the stacks to the finished lists. */
static bool command_close(struct shell_reader *r, struct open_command open)
{
    struct shell_store *s = r->store;
    const uint32_t n_words = r->stack.len - open.stack;
    const uint32_t n_redirects = r->redirected.len - open.redirected;
    const struct rough_command done = {
        .assign = s->words.len,
        .n_assigns = open.n_assigns,
        .word = s->words.len + open.n_assigns,
        .n_words = n_words - open.n_assigns,
        .redirect = s->redirects.len,
        .n_redirects = n_redirects,
    };
    for (uint32_t i = 0; i < n_words; i++) {
        const struct rough_word *words = r->stack.at;
        if (!rough_push(r, &s->words, &words[open.stack + i], sizeof(*words))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < n_redirects; i++) {
        const struct rough_redirect *all = r->redirected.at;
        if (!rough_push(r, &s->redirects, &all[open.redirected + i], sizeof(*all))) {
            return false;
        }
    }
    r->stack.len = open.stack;
    r->redirected.len = open.redirected;
    return (n_words == 0 && n_redirects == 0) ||
           rough_push(r, &s->commands, &done, sizeof(done));
}

bool grammar_redirects(struct shell_reader *r)
{
    const struct open_command open = {.stack = r->stack.len,
                                      .redirected = r->redirected.len};
    for (bool found = true; found;) {
        grammar_blanks(r);
        if (!redirect_read(r, &found)) {
            return false;
        }
    }
    return command_close(r, open);
}

bool grammar_simple(struct shell_reader *r)
{
    struct open_command open = {.stack = r->stack.len, .redirected = r->redirected.len};
    for (;;) {
        bool found = false;
        grammar_blanks(r);
        if (!redirect_read(r, &found)) {
            return false;
        }
        if (found) {
            continue;
        }
        if (word_ends_at(reader_peek(r, 0))) {
            break;
        }
        const bool only_assigns = r->stack.len - open.stack == open.n_assigns;
        const bool assigns = only_assigns && is_assignment(r);
        if ((only_assigns && !refuse_array(r)) || !take_word(r)) {
            return false;
        }
        open.n_assigns += assigns ? 1 : 0;
    }
    if (reader_peek(r, 0) == '(') {
        return reader_fail(r, "a parenthesis within a command");
    }
    if (reader_is(r, "<(") || reader_is(r, ">(")) {
        return reader_fail(r, "process substitution");
    }
    return command_close(r, open);
}
