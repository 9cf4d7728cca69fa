#include <string.h>

#include "policy/reader_priv.h"

static bool is_sure(const struct shell_word *word)
{
    return (word->flags & WORD_UNSURE) == 0;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

static bool fail_unsure(struct reader_use *use)
{
    return use_fail(use, "a word that is known only when it runs");
}

/* ---- words only ---------------------------------------------------------------- */

/* What is printed may be unknown, unless it is the value of a variable; how many words it
 * makes may not: a wildcard in it would list what is elsewhere. */
static bool check_printed(struct reader_use *use)
{
    const uint8_t never = WORD_PARAM | WORD_SPLITS | WORD_BRACE | WORD_TILDE;
    for (uint32_t i = 1; i < use->n_words; i++) {
        const struct shell_word *word = &use->words[i];
        if ((word->flags & never) != 0) {
            return fail_unsure(use);
        }
        if ((word->flags & WORD_GLOB) != 0 && !place_has(use->place, word)) {
            return use_fail(use, "a wildcard outside the workspace");
        }
    }
    return true;
}

/* Every conversion is one that only prints: `%n` sets a variable. */
static bool format_prints(const char *p)
{
    for (; *p != '\0'; p++) {
        if (*p != '%') {
            continue;
        }
        p++;
        p += strspn(p, "-+ #0123456789.");
        if (*p == '\0' || strchr("sdiuxXcbqeEfgG%", *p) == NULL) {
            return false;
        }
    }
    return true;
}

/* `printf -v` evaluates the name of its variable. */
static bool check_printf(struct reader_use *use)
{
    if (use->n_words < 2 || use->words[1].text[0] == '-') {
        return use_fail(use, "printf with an option");
    }
    if (!is_sure(&use->words[1]) || !format_prints(use->words[1].text)) {
        return use_fail(use, "printf with a format that may set a variable");
    }
    return check_printed(use);
}

static bool check_cd(struct reader_use *use)
{
    if (use->place->repeats) {
        use->place->lost = true;
        return use_fail(use, "cd in a script with a loop or a function");
    }
    if (use->n_words != 2 || use->words[1].text[0] == '-') {
        return use_fail(use, "cd to a folder that is not named");
    }
    return place_enter(use->place, &use->words[1]) ||
           use_fail(use, "cd out of the workspace");
}

static bool check_command(struct reader_use *use)
{
    static const char *const asks[] = {"-v", "-V", NULL};
    if (use->n_words < 2 || !is_one_of(use->words[1].text, asks)) {
        return use_fail(use, "command with other options");
    }
    for (uint32_t i = 1; i < use->n_words; i++) {
        if (!is_sure(&use->words[i])) {
            return fail_unsure(use);
        }
    }
    return true;
}

static bool check_date(struct reader_use *use)
{
    static const struct reader options = {
        "date", "uRI?d:", "utc universal date= iso-8601? rfc-3339= rfc-email ",
        OPERANDS_TEXT};
    for (uint32_t i = 1; i < use->n_words; i++) {
        const char *text = use->words[i].text;
        const bool argument = i > 1 && strcmp(use->words[i - 1].text, "-d") == 0;
        if (!argument && text[0] != '-' && text[0] != '+') {
            return use_fail(use, "date with an operand sets the clock");
        }
    }
    return use_options(use, &options);
}

/* set -e, -u, -x and -o pipefail: they only make a script stop sooner, or say more. */
static bool check_set(struct reader_use *use)
{
    static const char *const flags[] = {"-e", "-u",   "-x",  "-eu", "-ex",  "-o", "+e",
                                        "+x", "-euo", "-eo", "-uo", "-eux", NULL};
    static const char *const names[] = {"pipefail", "errexit", "nounset", NULL};
    for (uint32_t i = 1; i < use->n_words; i++) {
        const char *text = use->words[i].text;
        if (!is_sure(&use->words[i]) || !is_one_of(text, flags)) {
            return use_fail(use, "set changes how the rest is read");
        }
        if (strchr(text, 'o') != NULL &&
            (++i == use->n_words || !is_one_of(use->words[i].text, names))) {
            return use_fail(use, "set prints, or changes how the rest is read");
        }
    }
    return use->n_words > 1 || use_fail(use, "set prints every variable");
}

static bool check_version(struct reader_use *use)
{
    return (use->n_words == 2 && is_sure(&use->words[1]) &&
            strcmp(use->words[1].text, "--version") == 0) ||
           use_fail(use, "not one of the commands that only read");
}

/* ---- find ---------------------------------------------------------------------- */

static const char *const find_flags[] = {
    "-empty",    "-print",    "-print0",   "-not",        "-o",     "-or",    "-a",
    "-and",      "(",         ")",         "!",           "-prune", "-quit",  "-ls",
    "-xdev",     "-mount",    "-depth",    "-executable", "-true",  "-false", "-P",
    "-daystart", "-readable", "-writable", NULL};
static const char *const find_texts[] = {
    "-name",   "-iname",    "-path",     "-ipath",  "-wholename", "-regex",
    "-iregex", "-type",     "-size",     "-mtime",  "-atime",     "-ctime",
    "-mmin",   "-amin",     "-cmin",     "-perm",   "-user",      "-group",
    "-links",  "-maxdepth", "-mindepth", "-printf", "-regextype", NULL};
static const char *const find_paths[] = {"-newer", "-samefile", NULL};
static const char *const find_runs[] = {"-exec", "-execdir", "-ok", "-okdir", NULL};

/* Past the command of -exec: it is judged by itself. */
static uint32_t find_skip(const struct reader_use *use, uint32_t i)
{
    while (i < use->n_words && strcmp(use->words[i].text, ";") != 0 &&
           strcmp(use->words[i].text, "+") != 0) {
        i++;
    }
    return i;
}

static bool check_find(struct reader_use *use)
{
    uint32_t i = 1;
    for (; i < use->n_words && strchr("-(!", use->words[i].text[0]) == NULL; i++) {
        if ((use->words[i].flags & WORD_GLOB) != 0 ||
            !place_has(use->place, &use->words[i])) {
            return use_fail(use,
                            "find in a place that is not plainly in the workspace");
        }
    }
    for (; i < use->n_words; i++) {
        const char *text = use->words[i].text;
        if (!is_sure(&use->words[i])) {
            return fail_unsure(use);
        }
        if (is_one_of(text, find_runs)) {
            i = find_skip(use, i);
        } else if (is_one_of(text, find_texts) || is_one_of(text, find_paths)) {
            i++;
            if (i == use->n_words || !is_sure(&use->words[i]) ||
                (is_one_of(text, find_paths) &&
                 !place_has(use->place, &use->words[i]))) {
                return use_fail(use, "an operand of find that is not plain");
            }
        } else if (!is_one_of(text, find_flags)) {
            return use_fail(use, "find does more than look");
        }
    }
    return true;
}

/* ---- sed ----------------------------------------------------------------------- */

static const char *skip_digits(const char *p)
{
    return p + strspn(p, "0123456789");
}

/* Between two slashes; NULL: it does not end. */
static const char *skip_slashed(const char *p)
{
    for (; *p != '\0' && *p != '/' && *p != '\n'; p++) {
        if (*p == '\\' && *++p == '\0') {
            return NULL;
        }
    }
    return *p == '/' ? p + 1 : NULL;
}

/* A number, `$`, or /regex/; nothing. NULL: none of them. */
static const char *skip_address(const char *p)
{
    if (*p == '/') {
        return skip_slashed(p + 1);
    }
    return *p == '$' ? p + 1 : skip_digits(p);
}

/* s/a/b/ with flags that neither run (`e`) nor write (`w`). */
static const char *skip_substitution(const char *p)
{
    const char *from = p[1] == '/' ? skip_slashed(p + 2) : NULL;
    const char *to = from == NULL ? NULL : skip_slashed(from);
    return to == NULL ? NULL : to + strspn(to, "gpiI0123456789");
}

/* p, d, q, = or s; NULL: another one. */
static const char *skip_order(const char *p)
{
    if (*p == 's') {
        return skip_substitution(p);
    }
    return *p != '\0' && strchr("pdq=", *p) != NULL ? p + 1 : NULL;
}

/* [address[,address]] then p, d, q, = or s. */
static bool sed_is_tame(const char *p)
{
    do {
        p = skip_address(p + strspn(p, " ;"));
        if (p != NULL && *p == ',') {
            p = skip_address(p + (p[1] == '+' ? 2 : 1));
        }
        p = p == NULL ? NULL : skip_order(p + strspn(p, " !"));
        if (p == NULL) {
            return false;
        }
        p += strspn(p, " ");
    } while (*p == ';');
    return *p == '\0';
}

static const char *const sed_options[] = {"-n",
                                          "-E",
                                          "-r",
                                          "-u",
                                          "-s",
                                          "-nE",
                                          "-En",
                                          "-nr",
                                          "--quiet",
                                          "--silent",
                                          "--regexp-extended",
                                          NULL};

static bool check_sed_program(struct reader_use *use, const struct shell_word *word)
{
    if (!is_sure(word)) {
        return fail_unsure(use);
    }
    return sed_is_tame(word->text) ||
           use_fail(use, "a program of sed that may run or write");
}

static bool check_sed_file(struct reader_use *use, const struct shell_word *word)
{
    return ((word->flags & WORD_GLOB) == 0 && place_has(use->place, word)) ||
           use_fail(use, "a file outside the workspace");
}

/* Options, a program, files. */
static bool check_sed(struct reader_use *use)
{
    bool has_program = false;
    for (uint32_t i = 1; i < use->n_words; i++) {
        const struct shell_word *word = &use->words[i];
        const bool gives =
            strcmp(word->text, "-e") == 0 || strcmp(word->text, "-ne") == 0;
        bool ok = true;
        if (gives) {
            has_program = true;
            ok = ++i < use->n_words ? check_sed_program(use, &use->words[i])
                                    : use_fail(use, "sed without a program");
        } else if (word->text[0] == '-') {
            ok = is_one_of(word->text, sed_options) ||
                 use_fail(use, "an option of sed that may do more than read");
        } else if (!has_program) {
            has_program = true;
            ok = check_sed_program(use, word);
        } else {
            ok = check_sed_file(use, word);
        }
        if (!ok) {
            return false;
        }
    }
    return has_program || use_fail(use, "sed without a program");
}

/* ---- the table ------------------------------------------------------------------ */

static const struct {
    const char *name;
    reader_check_fn *check;
} specials[] = {
    {"cargo", check_version},   {"cc", check_version},      {"cd", check_cd},
    {"clang", check_version},   {"command", check_command}, {"date", check_date},
    {"echo", check_printed},    {"find", check_find},       {"gcc", check_version},
    {"git", reader_git},        {"make", check_version},    {"node", check_version},
    {"npm", check_version},     {"printf", check_printf},   {"python", check_version},
    {"python3", check_version}, {"rustc", check_version},   {"sed", check_sed},
    {"set", check_set},
};

reader_check_fn *special_find(const char *name)
{
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        if (strcmp(name, specials[i].name) == 0) {
            return specials[i].check;
        }
    }
    return NULL;
}
