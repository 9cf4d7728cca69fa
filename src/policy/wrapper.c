#include "policy/wrapper.h"

#include <string.h>

struct opening {
    const struct shell_word *words; // the wrapper's name first
    uint32_t n_words;
    struct wrapped *out; // WRAPPED_MAX of them
    const char **why;
};

static int refuse(struct opening *o, const char *why)
{
    *o->why = why;
    return -1;
}

static bool is_sure(const struct shell_word *word)
{
    return (word->flags & WORD_UNSURE) == 0 && strlen(word->text) == word->len;
}

static bool has_text(const struct shell_word *word, const char *text)
{
    return is_sure(word) && strcmp(word->text, text) == 0;
}

static int give_words(struct opening *o, uint32_t from, unsigned how)
{
    if (from >= o->n_words) {
        return refuse(o, "a wrapper with nothing in it");
    }
    o->out[0] = (struct wrapped){.kind = WRAPPED_WORDS,
                                 .how = how,
                                 .words = o->words + from,
                                 .n_words = o->n_words - from};
    return 1;
}

/* ---- options of wrappers ------------------------------------------------------- */

/* Its name stands in `longs`, each with a blank behind. */
static bool long_is_known(const char *longs, const char *name)
{
    const size_t len = strcspn(name, "=");
    for (const char *p = longs; p != NULL && *p != '\0'; p += strcspn(p, " ") + 1) {
        if (strncmp(p, name, len) == 0 && p[len] == ' ') {
            return true;
        }
    }
    return false;
}

enum letters { LETTERS_UNKNOWN, LETTERS_ALONE, LETTERS_WITH_NEXT };

/* `plain`: letters that stand alone; `with`: letters that take a word, in the same one or
 * the next. */
static enum letters letters_read(const char *text, const char *plain, const char *with)
{
    for (; *text != '\0'; text++) {
        if (strchr(with, *text) != NULL) {
            return text[1] == '\0' ? LETTERS_WITH_NEXT : LETTERS_ALONE;
        }
        if (strchr(plain, *text) == NULL) {
            return LETTERS_UNKNOWN;
        }
    }
    return LETTERS_ALONE;
}

/* Past the options; a long one takes what stands behind its `=` only. Not understood: 0. */
static uint32_t skip_options(const struct opening *o, const char *plain,
                             const char *with, const char *longs)
{
    uint32_t i = 1;
    for (; i < o->n_words; i++) {
        const char *text = o->words[i].text;
        if (!is_sure(&o->words[i]) || text[0] != '-' || text[1] == '\0') {
            return i;
        }
        if (strcmp(text, "--") == 0) {
            return i + 1;
        }
        if (text[1] == '-' && !long_is_known(longs, text + 2)) {
            return 0;
        }
        const enum letters letters =
            text[1] == '-' ? LETTERS_ALONE : letters_read(text + 1, plain, with);
        if (letters == LETTERS_UNKNOWN) {
            return 0;
        }
        i += letters == LETTERS_WITH_NEXT ? 1 : 0;
    }
    return i;
}

static int open_plain(struct opening *o, const char *plain, const char *with,
                      const char *longs, unsigned how)
{
    const uint32_t from = skip_options(o, plain, with, longs);
    return from == 0 ? refuse(o, "an option of a wrapper that is not known")
                     : give_words(o, from, how);
}

/* ---- shells ---------------------------------------------------------------------- */

/* [-l] [-e…] -c TEXT: anything else reads a file or the input. */
static int open_shell(struct opening *o, enum shell_dialect dialect)
{
    bool text_follows = false;
    for (uint32_t i = 1; i < o->n_words; i++) {
        const char *text = o->words[i].text;
        if (!is_sure(&o->words[i])) {
            return refuse(o, "a shell runs a text that is known only when it runs");
        }
        if (text_follows && text[0] != '-') {
            o->out[0] = (struct wrapped){.kind = WRAPPED_SCRIPT,
                                         .script = bytes_from_str(text),
                                         .dialect = dialect};
            return 1;
        }
        const size_t len = text[0] == '-' ? 1 + strspn(text + 1, "celux") : 0;
        if (len != 0 && strcmp(text + len, "o") == 0 && i + 1 < o->n_words &&
            has_text(&o->words[i + 1], "pipefail")) {
            i++;
        } else if (len < 2 || text[len] != '\0') {
            return refuse(o, "a shell that is not given its text");
        }
        text_follows = text_follows || strchr(text, 'c') != NULL;
    }
    return refuse(o, "a shell that reads its input");
}

static int open_bash(struct opening *o)
{
    return open_shell(o, SHELL_BASH);
}

static int open_sh(struct opening *o)
{
    return open_shell(o, SHELL_SH);
}

/* zsh and others: what they read in a text that means nothing to bash is not known. */
static int open_other_shell(struct opening *o)
{
    return refuse(o, "a shell whose grammar is not read");
}

/* ---- wrappers of words -------------------------------------------------------------- */

static bool is_assignment(const struct shell_word *word)
{
    return is_sure(word) && strchr(word->text, '=') != NULL && word->text[0] != '=';
}

/* env [-i] [-u NAME] NAME=VALUE… COMMAND */
static int open_env(struct opening *o)
{
    const uint32_t from = skip_options(o, "i0", "u", "ignore-environment unset ");
    uint32_t command = from;
    while (from != 0 && command < o->n_words && is_assignment(&o->words[command])) {
        command++;
    }
    if (from == 0 || command == o->n_words) {
        return refuse(o, "env prints the environment, or splits a text");
    }
    const int n = give_words(o, command, 0);
    o->out[0].assigns = o->words + from;
    o->out[0].n_assigns = command - from;
    return n;
}

static int open_nice(struct opening *o)
{
    return open_plain(o, "0123456789", "n", "adjustment ", 0);
}

static int open_stdbuf(struct opening *o)
{
    return open_plain(o, "", "ioe", NULL, 0);
}

static int open_setsid(struct opening *o)
{
    return open_plain(o, "cfw", "", "ctty fork wait ", 0);
}

static int open_ionice(struct opening *o)
{
    return open_plain(o, "t", "cn", NULL, 0);
}

/* time [-p]: GNU time writes a file with -o. */
static int open_time(struct opening *o)
{
    return open_plain(o, "pv", "", "portability verbose ", 0);
}

/* timeout [options] DURATION COMMAND */
static int open_timeout(struct opening *o)
{
    const uint32_t from =
        skip_options(o, "v", "ks", "foreground preserve-status kill-after signal ");
    return from == 0 ? refuse(o, "an option of a wrapper that is not known")
                     : give_words(o, from + 1, 0);
}

/* builtin, busybox, nohup */
static int open_words(struct opening *o)
{
    return open_plain(o, "", "", NULL, 0);
}

/* command -v and -V only look: a reader. */
static int open_command(struct opening *o)
{
    if (o->n_words > 1 &&
        (has_text(&o->words[1], "-v") || has_text(&o->words[1], "-V"))) {
        return 0;
    }
    return open_plain(o, "p", "", NULL, 0);
}

static int open_exec(struct opening *o)
{
    return open_plain(o, "cl", "a", NULL, 0);
}

static int open_xargs(struct opening *o)
{
    const uint32_t from =
        skip_options(o, "0rtx", "InLPsdE",
                     "null no-run-if-empty verbose exit max-args max-procs max-lines "
                     "delimiter replace ");
    return from == 0 ? refuse(o, "an option of a wrapper that is not known")
                     : give_words(o, from, WRAPPED_MORE);
}

static int open_sudo(struct opening *o)
{
    return open_plain(o, "bEHknPS", "ugpCrtTUD",
                      "non-interactive preserve-env set-home ", WRAPPED_STRONGER);
}

static int open_doas(struct opening *o)
{
    return open_plain(o, "Ln", "uC", NULL, WRAPPED_STRONGER);
}

static int open_chroot(struct opening *o)
{
    const uint32_t from = skip_options(o, "", "", "userspec groups skip-chdir ");
    return from == 0 ? refuse(o, "an option of a wrapper that is not known")
                     : give_words(o, from + 1, WRAPPED_STRONGER);
}

/* find … -exec COMMAND {} ; */
static int open_find(struct opening *o)
{
    int n = 0;
    for (uint32_t i = 1; i < o->n_words; i++) {
        if (!has_text(&o->words[i], "-exec") && !has_text(&o->words[i], "-execdir") &&
            !has_text(&o->words[i], "-ok") && !has_text(&o->words[i], "-okdir")) {
            continue;
        }
        const uint32_t from = i + 1;
        while (i < o->n_words && !has_text(&o->words[i], ";") &&
               !has_text(&o->words[i], "+")) {
            i++;
        }
        if (i == o->n_words || i == from || n == (int)WRAPPED_MAX) {
            return refuse(o, "a command within find that does not end");
        }
        o->out[n++] = (struct wrapped){.kind = WRAPPED_WORDS,
                                       .how = WRAPPED_MORE | WRAPPED_ALSO,
                                       .words = o->words + from,
                                       .n_words = i - from};
    }
    return n;
}

static const struct {
    const char *name;
    int (*open)(struct opening *o);
} wrappers[] = {
    {"ash", open_other_shell}, {"bash", open_bash},       {"builtin", open_words},
    {"busybox", open_words},   {"chroot", open_chroot},   {"command", open_command},
    {"dash", open_sh},         {"doas", open_doas},       {"env", open_env},
    {"exec", open_exec},       {"find", open_find},       {"fish", open_other_shell},
    {"ionice", open_ionice},   {"ksh", open_other_shell}, {"nice", open_nice},
    {"nohup", open_words},     {"setsid", open_setsid},   {"sh", open_sh},
    {"stdbuf", open_stdbuf},   {"sudo", open_sudo},       {"time", open_time},
    {"timeout", open_timeout}, {"xargs", open_xargs},     {"zsh", open_other_shell},
};

int wrapper_open(const char *name, const struct shell_word *words, uint32_t n_words,
                 struct wrapped out[WRAPPED_MAX], const char **why)
{
    struct opening o = {.words = words, .n_words = n_words, .out = out, .why = why};
    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
        if (strcmp(name, wrappers[i].name) == 0) {
            return wrappers[i].open(&o);
        }
    }
    return 0;
}
