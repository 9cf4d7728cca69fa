#include <string.h>

#include "policy/shell_priv.h"

/*
 *   program   list
 *   list      pipeline { (; & && || newline) pipeline }
 *   pipeline  [!] command { | command }
 *   command   simple | (list) | { list } | if | while | until | for | case | [[ | function
 *
 * Each function stands at the first character of what it reads, blanks before it
 * included, and stops right behind it.
 */

static bool read_list(struct shell_reader *r);
static bool read_command(struct shell_reader *r);

/* ---- reserved words ---------------------------------------------------------- */

/* A whole unquoted word; `word` NULL: no more to try. */
static bool keyword_is(const struct shell_reader *r, const char *word)
{
    return reader_peek(r, 0) == word[0] && reader_is(r, word) &&
           word_ends_at(reader_peek(r, strlen(word)));
}

static bool take_keyword(struct shell_reader *r, const char *word)
{
    grammar_blanks(r);
    if (!keyword_is(r, word)) {
        return false;
    }
    r->at += strlen(word);
    return true;
}

static bool is_one_of(const struct shell_reader *r, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (keyword_is(r, *words)) {
            return true;
        }
    }
    return false;
}

static const char *const closing[] = {"then", "do",   "done", "fi", "elif",
                                      "else", "esac", "}",    NULL};
static const char *const unread[] = {"select", "coproc", NULL};

static bool need_keyword(struct shell_reader *r, const char *word, const char *why)
{
    return take_keyword(r, word) || reader_fail(r, why);
}

/* ---- lists -------------------------------------------------------------------- */

static bool skip_lines(struct shell_reader *r)
{
    for (grammar_blanks(r); reader_peek(r, 0) == '\n'; grammar_blanks(r)) {
        if (!grammar_newline(r)) {
            return false;
        }
    }
    return true;
}

static bool read_pipeline(struct shell_reader *r)
{
    while (take_keyword(r, "!")) {
    }
    for (;;) {
        if (!read_command(r)) {
            return false;
        }
        grammar_blanks(r);
        if (reader_peek(r, 0) != '|' || reader_peek(r, 1) == '|') {
            return true;
        }
        r->at++;
        if (reader_peek(r, 0) == '&') {
            if (r->dialect != SHELL_BASH) {
                return reader_fail(r, "|& is bash's own");
            }
            r->at++;
        }
        if (!skip_lines(r)) {
            return false;
        }
    }
}

enum separator { SEPARATOR_NONE, SEPARATOR_END, SEPARATOR_JOIN };

/* What stands behind a pipeline. `;;` ends a list. */
static bool read_separator(struct shell_reader *r, enum separator *out)
{
    const int c = reader_peek(r, 0);
    const int next = reader_peek(r, 1);
    *out = SEPARATOR_END;
    if ((c == '&' && next == '&') || (c == '|' && next == '|')) {
        r->at += 2;
        *out = SEPARATOR_JOIN;
        return skip_lines(r);
    }
    if (c == '\n') {
        return grammar_newline(r);
    }
    if (c == '&' || (c == ';' && next != ';' && next != '&')) {
        r->at++;
        return true;
    }
    *out = SEPARATOR_NONE;
    return true;
}

static bool list_ends(const struct shell_reader *r)
{
    const int c = reader_peek(r, 0);
    return c < 0 || c == ')' || reader_is(r, ";;") || reader_is(r, ";&") ||
           is_one_of(r, closing);
}

static bool read_list(struct shell_reader *r)
{
    enum separator separator = SEPARATOR_END;
    for (;;) {
        if (!skip_lines(r)) {
            return false;
        }
        if (list_ends(r)) {
            return separator != SEPARATOR_JOIN ||
                   reader_fail(r, "a command is missing");
        }
        if (!read_pipeline(r)) {
            return false;
        }
        grammar_blanks(r);
        if (!read_separator(r, &separator)) {
            return false;
        }
        if (separator == SEPARATOR_NONE) {
            return true;
        }
    }
}

bool grammar_program(struct shell_reader *r)
{
    if (!read_list(r)) {
        return false;
    }
    return r->n_heredocs == 0 || reader_fail(r, "a here-document does not end");
}

/* ---- compound commands --------------------------------------------------------- */

static bool read_subshell(struct shell_reader *r)
{
    if (reader_peek(r, 1) == '(') {
        return reader_fail(r, "arithmetic, or two subshells in one");
    }
    r->at++;
    if (!read_list(r)) {
        return false;
    }
    if (reader_peek(r, 0) != ')') {
        return reader_fail(r, "a parenthesis is not closed");
    }
    r->at++;
    return true;
}

static bool read_group(struct shell_reader *r)
{
    r->at++;
    return read_list(r) && need_keyword(r, "}", "a brace is not closed");
}

static bool read_if(struct shell_reader *r)
{
    do {
        if (!read_list(r) || !need_keyword(r, "then", "if without then") ||
            !read_list(r)) {
            return false;
        }
    } while (take_keyword(r, "elif"));
    if (take_keyword(r, "else") && !read_list(r)) {
        return false;
    }
    return need_keyword(r, "fi", "if without fi");
}

static bool read_body(struct shell_reader *r)
{
    r->repeats = true;
    return need_keyword(r, "do", "a loop without do") && read_list(r) &&
           need_keyword(r, "done", "a loop without done");
}

static bool read_while(struct shell_reader *r)
{
    return read_list(r) && read_body(r);
}

/* A word whose value does not matter: what it runs is listed on the way. */
static bool pass_word(struct shell_reader *r)
{
    struct rough_word word;
    grammar_blanks(r);
    if (word_ends_at(reader_peek(r, 0))) {
        return reader_fail(r, "a word is missing");
    }
    return word_read(r, &word);
}

/* The loop sets a variable: none that a shell or a program knows (PATH, CDPATH, IFS …). */
static bool take_loop_name(struct shell_reader *r)
{
    grammar_blanks(r);
    size_t n = 0;
    for (int c = 0; (c = reader_peek(r, n)) == '_' || (c >= 'a' && c <= 'z');) {
        n++;
    }
    if (n == 0 || !word_ends_at(reader_peek(r, n))) {
        return reader_fail(r, "a loop over a variable that may change what runs");
    }
    r->at += n;
    return true;
}

static bool read_for(struct shell_reader *r)
{
    if (!take_loop_name(r) || !skip_lines(r)) {
        return false;
    }
    if (take_keyword(r, "in")) {
        for (grammar_blanks(r); !word_ends_at(reader_peek(r, 0)); grammar_blanks(r)) {
            if (!pass_word(r)) {
                return false;
            }
        }
    }
    grammar_blanks(r);
    if (reader_peek(r, 0) == ';') {
        r->at++;
    }
    return skip_lines(r) && read_body(r);
}

/* [(] pattern { | pattern } ) list */
static bool read_case_arm(struct shell_reader *r)
{
    if (reader_peek(r, 0) == '(') {
        r->at++;
    }
    for (;;) {
        if (!pass_word(r)) {
            return false;
        }
        grammar_blanks(r);
        const int c = reader_peek(r, 0);
        if (c != '|' && c != ')') {
            return reader_fail(r, "a pattern is not closed");
        }
        r->at++;
        if (c == ')') {
            return read_list(r);
        }
    }
}

static bool read_case(struct shell_reader *r)
{
    if (!pass_word(r) || !skip_lines(r) || !need_keyword(r, "in", "case without in")) {
        return false;
    }
    for (;;) {
        if (!skip_lines(r)) {
            return false;
        }
        if (take_keyword(r, "esac")) {
            return true;
        }
        if (!read_case_arm(r)) {
            return false;
        }
        grammar_blanks(r);
        if (reader_is(r, ";;") && reader_peek(r, 2) != '&') {
            r->at += 2;
        } else if (!keyword_is(r, "esac")) {
            return reader_fail(r, "an arm of case does not end in ;;");
        }
    }
}

/* Comparisons of numbers evaluate their operands: `a[$(…)]` runs. */
static bool is_evaluated(const struct shell_reader *r, struct rough_word word)
{
    static const char *const operators[] = {"-eq", "-ne", "-lt", "-le", "-gt",
                                            "-ge", "-v",  "-R",  NULL};
    const struct bytes text = bytes_sub(buf_bytes(&r->store->text), word.at, word.len);
    for (const char *const *o = operators; *o != NULL; o++) {
        if (bytes_equal_str(text, *o)) {
            return true;
        }
    }
    return false;
}

static bool read_either(struct shell_reader *r);

/* A word of [[ … ]]; its end is no word. */
static bool take_operand(struct shell_reader *r)
{
    struct rough_word word;
    grammar_blanks(r);
    if (word_ends_at(reader_peek(r, 0)) || keyword_is(r, "]]")) {
        return reader_fail(r, "[[ lacks an operand");
    }
    if (!word_read(r, &word)) {
        return false;
    }
    return !is_evaluated(r, word) ||
           reader_fail(r, "a comparison that evaluates its operands");
}

/* -f WORD */
static bool is_unary(const struct shell_reader *r)
{
    const int letter = reader_peek(r, 1);
    return reader_peek(r, 0) == '-' && letter > 0 &&
           strchr("abcdefghknoprstuwxzGLNOS", letter) != NULL &&
           (reader_peek(r, 2) == ' ' || reader_peek(r, 2) == '\t');
}

static bool take_comparison(struct shell_reader *r)
{
    static const char *const words[] = {"=",   "==",  "!=",  "=~",
                                        "-nt", "-ot", "-ef", NULL};
    grammar_blanks(r);
    for (const char *const *word = words; *word != NULL; word++) {
        if (take_keyword(r, *word)) {
            return true;
        }
    }
    const int c = reader_peek(r, 0);
    if ((c == '<' || c == '>') && reader_peek(r, 1) != '(') {
        r->at++;
        return true;
    }
    return false;
}

/* ! term | ( either ) | -f WORD | WORD | WORD = WORD */
static bool read_term(struct shell_reader *r)
{
    while (take_keyword(r, "!")) {
    }
    grammar_blanks(r);
    if (reader_peek(r, 0) == '(') {
        r->at++;
        if (!reader_enter(r) || !read_either(r)) {
            return false;
        }
        reader_leave(r);
        grammar_blanks(r);
        if (reader_peek(r, 0) != ')') {
            return reader_fail(r, "a parenthesis is not closed");
        }
        r->at++;
        return true;
    }
    if (is_unary(r)) {
        r->at += 2;
        return take_operand(r);
    }
    return take_operand(r) && (!take_comparison(r) || take_operand(r));
}

/* term { && term } { || … }: what binds closer does not matter to what is read. */
static bool read_either(struct shell_reader *r)
{
    for (;;) {
        if (!read_term(r)) {
            return false;
        }
        grammar_blanks(r);
        if (!reader_is(r, "&&") && !reader_is(r, "||")) {
            return true;
        }
        r->at += 2;
    }
}

/* [[ … ]]. What bash refuses here it recovers from in ways of its own: nothing that it
 * might refuse is read. */
static bool read_condition(struct shell_reader *r)
{
    if (r->dialect != SHELL_BASH) {
        return reader_fail(r, "[[ is a command to plain shells");
    }
    return read_either(r) && need_keyword(r, "]]", "[[ is not closed");
}

/* ---- functions ------------------------------------------------------------------ */

/* Narrower than any shell: `rm$() x` defines nothing. */
static bool is_function_char(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
}

/* Blanks and `(`, blanks and `)`, right behind a plain name. */
static size_t function_head(const struct shell_reader *r)
{
    size_t n = 0;
    while (is_function_char(reader_peek(r, n))) {
        n++;
    }
    const size_t name = n;
    static const char parens[] = "()";
    for (size_t i = 0; i < 2; i++, n++) {
        while (reader_peek(r, n) == ' ' || reader_peek(r, n) == '\t') {
            n++;
        }
        if (reader_peek(r, n) != parens[i]) {
            return 0;
        }
    }
    return name != 0 ? n : 0;
}

static bool read_function(struct shell_reader *r, size_t head)
{
    r->at += head;
    r->repeats = true;
    return skip_lines(r) && read_command(r);
}

static bool read_function_keyword(struct shell_reader *r)
{
    if (r->dialect != SHELL_BASH) {
        return reader_fail(r, "function is a command to plain shells");
    }
    grammar_blanks(r);
    const size_t head = function_head(r);
    if (head != 0) {
        return read_function(r, head);
    }
    r->repeats = true;
    return pass_word(r) && skip_lines(r) && read_command(r);
}

/* ---- a command ------------------------------------------------------------------- */

static const struct {
    const char *word;
    bool (*read)(struct shell_reader *r);
} compounds[] = {
    {"if", read_if},
    {"while", read_while},
    {"until", read_while},
    {"for", read_for},
    {"case", read_case},
    {"[[", read_condition},
    {"function", read_function_keyword},
};

/* *found: a compound command stood here. */
static bool read_compound(struct shell_reader *r, bool *found)
{
    *found = true;
    if (reader_peek(r, 0) == '(') {
        return read_subshell(r);
    }
    if (keyword_is(r, "{")) {
        return read_group(r);
    }
    for (size_t i = 0; i < sizeof(compounds) / sizeof(compounds[0]); i++) {
        if (take_keyword(r, compounds[i].word)) {
            return compounds[i].read(r);
        }
    }
    const size_t head = function_head(r);
    if (head != 0) {
        return read_function(r, head);
    }
    *found = false;
    return true;
}

static bool read_command(struct shell_reader *r)
{
    bool compound = false;
    grammar_blanks(r);
    if (is_one_of(r, unread)) {
        return reader_fail(r, "a construct that is not read");
    }
    if (is_one_of(r, closing) || !reader_enter(r) || !read_compound(r, &compound)) {
        return reader_fail(r, "a command is missing");
    }
    reader_leave(r);
    if (compound) {
        return grammar_redirects(r);
    }
    const size_t start = r->at;
    return grammar_simple(r) &&
           (r->at != start || reader_fail(r, "a command is missing"));
}
