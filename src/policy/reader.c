#include "policy/reader.h"

#include <string.h>

#include "policy/reader_priv.h"

#define SUMS "binary text tag zero "

/* In the order of the alphabet. */
static const struct reader readers[] = {
    {":", "", NULL, OPERANDS_TEXT},
    {"[", "", NULL, OPERANDS_TEXT},
    {"arch", "", NULL, OPERANDS_NONE},
    {"b2sum", "btzl:", SUMS, OPERANDS_PATHS},
    {"basename", "azs:", "multiple suffix= zero ", OPERANDS_TEXT},
    {"break", "", NULL, OPERANDS_TEXT},
    {"cat", "AbeEnstTuv",
     "number number-nonblank show-all show-ends show-tabs squeeze-blank ",
     OPERANDS_PATHS},
    {"cksum", "z", SUMS, OPERANDS_PATHS},
    {"cmp", "bln:i:s", "bytes= ignore-initial= print-bytes quiet silent verbose ",
     OPERANDS_PATHS},
    {"column", "ts:o:c:", "table separator= output-separator= ", OPERANDS_PATHS},
    {"comm", "123z", "output-delimiter= total ", OPERANDS_PATHS},
    {"continue", "", NULL, OPERANDS_TEXT},
    {"cut", "b:c:d:f:nsz",
     "bytes= characters= complement delimiter= fields= only-delimited output-delimiter= ",
     OPERANDS_PATHS},
    {"df", "ahHiklPTB:t:x:", "all human-readable inodes local si total type= output? ",
     OPERANDS_PATHS},
    {"diff", "abBciqsuU:C:EwytTpW:",
     "brief color? context? ignore-all-space ignore-blank-lines ignore-case minimal "
     "report-identical-files side-by-side suppress-common-lines text "
     "unified? width= ",
     OPERANDS_PATHS},
    {"dirname", "z", "zero ", OPERANDS_TEXT},
    {"du", "abcd:hHkmsSxt:0",
     "all apparent-size bytes human-readable max-depth= one-file-system separate-dirs si "
     "summarize threshold= total exclude= ",
     OPERANDS_PATHS},
    {"egrep", "A:B:C:e:EFGHLPTZabchilm:noqrsvwxz#f/", NULL, OPERANDS_REGEX},
    {"exit", "", NULL, OPERANDS_TEXT},
    {"expand", "it:", "initial tabs= ", OPERANDS_PATHS},
    {"false", "", NULL, OPERANDS_TEXT},
    {"fgrep", "A:B:C:e:EFGHLPTZabchilm:noqrsvwxz#f/", NULL, OPERANDS_REGEX},
    {"file", "bhiknr0L",
     "brief dereference mime mime-type mime-encoding no-dereference ", OPERANDS_PATHS},
    {"fmt", "ctsuw:", "width= uniform-spacing ", OPERANDS_PATHS},
    {"fold", "bsw:", "bytes spaces width= ", OPERANDS_PATHS},
    {"free", "bkmghtl", "human mega giga total ", OPERANDS_NONE},
    {"grep", "A:B:C:e:EFGHLPTZabchilm:noqrsvwxz#f/",
     "after-context= basic-regexp before-context= binary-files= byte-offset color? colour? "
     "context= count exclude= exclude-dir= extended-regexp files-with-matches "
     "files-without-match fixed-strings ignore-case include= invert-match line-number "
     "line-regexp max-count= no-filename no-messages null only-matching perl-regexp quiet "
     "recursive regexp= text with-filename word-regexp ",
     OPERANDS_REGEX},
    {"head", "c:n:qvz#", "bytes= lines= quiet silent verbose ", OPERANDS_PATHS},
    {"hexdump", "bcCdovxn:s:", NULL, OPERANDS_PATHS},
    {"hostname", "", NULL, OPERANDS_NONE},
    {"id", "gGnruz", "group groups name real user zero ", OPERANDS_TEXT},
    {"join", "a:e:ij:o:t:v:1:2:z", "header ignore-case ", OPERANDS_PATHS},
    {"ls", "aAbBcCdfFgGhHiI:klmnNopqQrRsStT:uUvw:xXZ1", // -L: with -R past links
     "all almost-all author classify? color? directory file-type full-time "
     "group-directories-first hide= human-readable ignore= inode no-group numeric-uid-gid "
     "quote-name recursive reverse si size sort= time= time-style= width= ",
     OPERANDS_PATHS},
    {"md5sum", "btz", SUMS, OPERANDS_PATHS},
    {"nl", "b:d:f:h:i:l:n:ps:v:w:", NULL, OPERANDS_PATHS},
    {"nproc", "", "all ignore= ", OPERANDS_NONE},
    {"od", "A:bcdj:N:osS:t:vw?x",
     "address-radix= format= read-bytes= skip-bytes= ", OPERANDS_PATHS},
    {"paste", "d:sz", "delimiters= serial zero-terminated ", OPERANDS_PATHS},
    {"pwd", "LP", NULL, OPERANDS_NONE},
    {"readlink", "efmnqsvz", "canonicalize canonicalize-existing canonicalize-missing ",
     OPERANDS_PATHS},
    {"realpath", "eLmPqsz", "canonicalize-existing canonicalize-missing no-symlinks ",
     OPERANDS_PATHS},
    {"return", "", NULL, OPERANDS_TEXT},
    {"rev", "", NULL, OPERANDS_PATHS},
    {"rg", "A:B:C:e:E:FHIg:hij:lm:M:nNoPqst:T:uUvwxScp0.f/",
     "after-context= before-context= case-sensitive color= column context= count "
     "count-matches files-with-matches files-without-match fixed-strings glob= heading "
     "hidden iglob= ignore-case invert-match json line-number line-regexp max-columns= "
     "max-count= max-depth= multiline no-config no-filename no-heading no-ignore "
     "no-ignore-vcs no-line-number no-messages null only-matching passthru pcre2 pretty "
     "quiet regexp= replace= smart-case sort= sortr= stats text threads= trim type= "
     "type-not= unrestricted vimgrep with-filename word-regexp ",
     OPERANDS_REGEX},
    {"seq", "ws:f:", "equal-width format= separator= ", OPERANDS_TEXT},
    {"sha1sum", "btz", SUMS, OPERANDS_PATHS},
    {"sha256sum", "btz", SUMS, OPERANDS_PATHS},
    {"sha512sum", "btz", SUMS, OPERANDS_PATHS},
    {"sleep", "", NULL, OPERANDS_TEXT},
    {"sort", "bcCdfghiMmnrRsS:t:k:uVz",
     "check? dictionary-order field-separator= general-numeric-sort human-numeric-sort "
     "ignore-case ignore-leading-blanks key= merge month-sort numeric-sort parallel= "
     "reverse sort= stable unique version-sort zero-terminated ",
     OPERANDS_PATHS},
    {"stat", "Lfc:t", "dereference file-system format= printf= terse ", OPERANDS_PATHS},
    {"tac", "brs:", "before regex separator= ", OPERANDS_PATHS},
    {"tail", "c:n:qvz#", "bytes= lines= quiet silent verbose ", OPERANDS_PATHS},
    {"test", "", NULL, OPERANDS_TEXT},
    {"tr", "cCdst", "complement delete squeeze-repeats truncate-set1 ", OPERANDS_TEXT},
    {"true", "", NULL, OPERANDS_TEXT},
    {"tty", "s", NULL, OPERANDS_NONE},
    {"type", "afptP", NULL, OPERANDS_TEXT},
    {"uname", "asnrvmpio", "all kernel-name kernel-release machine operating-system ",
     OPERANDS_NONE},
    {"unexpand", "at:", "all tabs= ", OPERANDS_PATHS},
    {"uniq", "cdDf:is:uw:z",
     "all-repeated? check-chars= count group? ignore-case repeated skip-chars= "
     "skip-fields= unique ",
     OPERANDS_ONE},
    {"uptime", "ps", "pretty since ", OPERANDS_NONE},
    {"wc", "clmwL", "bytes chars lines max-line-length words ", OPERANDS_PATHS},
    {"which", "a", "all ", OPERANDS_TEXT},
    {"whoami", "", NULL, OPERANDS_NONE},
};

bool use_fail(struct reader_use *use, const char *why)
{
    use->why = use->why == NULL ? why : use->why;
    return false;
}

bool use_has(const struct reader_use *use, const char *word)
{
    for (uint32_t i = 1; i < use->n_words; i++) {
        if (strcmp(use->words[i].text, word) == 0) {
            return true;
        }
    }
    return false;
}

static const struct reader *reader_find(const char *name)
{
    size_t low = 0;
    size_t high = sizeof(readers) / sizeof(readers[0]);
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int order = strcmp(name, readers[mid].name);
        if (order == 0) {
            return &readers[mid];
        }
        low = order > 0 ? mid + 1 : low;
        high = order < 0 ? mid : high;
    }
    return NULL;
}

/* ---- options ----------------------------------------------------------------- */

struct option_state {
    uint32_t at; // the word being looked at
    uint32_t n_operands;
    bool ended;       // `--` was seen
    bool has_pattern; // an option gave the pattern of a search
    bool wants_path;  // the next word is the file of an option
    bool wants_text;
};

/* The argument of an option, in the same word. */
static bool check_attached(struct reader_use *use, const char *text, char takes)
{
    const struct shell_word rest = {
        .text = text, .len = (uint32_t)strlen(text), .flags = 0};
    return takes != '/' || place_has(use->place, &rest) ||
           use_fail(use, "an option names a file outside the workspace");
}

static void note_pattern(char letter, const struct reader *reader,
                         struct option_state *s)
{
    if (reader->operands == OPERANDS_REGEX && (letter == 'e' || letter == 'f')) {
        s->has_pattern = true;
    }
}

static bool check_shorts(struct reader_use *use, const struct reader *reader,
                         const char *text, struct option_state *s)
{
    if (text[0] >= '0' && text[0] <= '9' && strchr(reader->shorts, '#') != NULL) {
        return text[strspn(text, "0123456789")] == '\0' ||
               use_fail(use, "an odd number");
    }
    for (; *text != '\0'; text++) {
        const char *found =
            strchr(":/#?", *text) == NULL ? strchr(reader->shorts, *text) : NULL;
        if (found == NULL) {
            return use_fail(use, "an option that may do more than read");
        }
        note_pattern(*text, reader, s);
        if (found[1] == '?') {
            return true; // the rest of the word, if there is one
        }
        if (found[1] == ':' || found[1] == '/') {
            s->wants_path = text[1] == '\0' && found[1] == '/';
            s->wants_text = text[1] == '\0' && found[1] == ':';
            return text[1] == '\0' || check_attached(use, text + 1, found[1]);
        }
    }
    return true;
}

/* The entry of a long option: what stands behind its name, or NULL. */
static const char *long_find(const char *longs, const char *name, size_t len)
{
    for (const char *p = longs; p != NULL && *p != '\0';) {
        const size_t n = strcspn(p, "=/? ");
        if (n == len && memcmp(p, name, len) == 0) {
            return p + n;
        }
        p += n + strcspn(p + n, " ") + 1;
    }
    return NULL;
}

static bool check_long(struct reader_use *use, const struct reader *reader,
                       const char *text, struct option_state *s)
{
    const size_t len = strcspn(text, "=");
    const char *takes = long_find(reader->longs, text, len);
    if (takes == NULL || (text[len] == '=' && *takes == ' ')) {
        return use_fail(use, "an option that may do more than read");
    }
    if (len == strlen("regexp") && memcmp(text, "regexp", len) == 0) {
        s->has_pattern = true;
    }
    if (text[len] == '=') {
        return check_attached(use, text + len + 1, *takes);
    }
    s->wants_text = *takes == '=';
    s->wants_path = *takes == '/';
    return true;
}

/* ---- operands ----------------------------------------------------------------- */

/* What a wildcard becomes may look like an option. It cannot name a file elsewhere (no
 * name has a slash in it), but some options write, or run a program. */
static bool may_become_option(const struct reader *reader,
                              const struct shell_word *word)
{
    static const char *const wild[] = {"diff", "du",   "egrep", "fgrep",
                                       "file", "grep", "rg",    "sort"};
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        if (strcmp(reader->name, wild[i]) == 0) {
            return (word->flags & WORD_GLOB) != 0 &&
                   strchr("*?[", word->text[0]) != NULL;
        }
    }
    return false;
}

static bool check_path(struct reader_use *use, const struct reader *reader,
                       const struct shell_word *word, const struct option_state *s)
{
    if (!s->ended && may_become_option(reader, word)) {
        return use_fail(use, "a wildcard may become an option");
    }
    return place_has(use->place, word) || use_fail(use, "a file outside the workspace");
}

static bool check_operand(struct reader_use *use, const struct reader *reader,
                          const struct shell_word *word, struct option_state *s)
{
    s->n_operands++;
    switch (reader->operands) {
    case OPERANDS_NONE:
        return use_fail(use, "an operand where none belongs");
    case OPERANDS_TEXT:
        return (word->flags & WORD_UNSURE) == 0 ||
               use_fail(use, "a word that is known only when it runs");
    case OPERANDS_ONE:
        if (s->n_operands > 1 || (word->flags & WORD_GLOB) != 0) {
            return use_fail(use, "a second file would be written");
        }
        break;
    case OPERANDS_REGEX:
        if (s->n_operands == 1 && !s->has_pattern) {
            return (word->flags & WORD_UNSURE) == 0 ||
                   use_fail(use, "a word that is known only when it runs");
        }
        break;
    case OPERANDS_PATHS:
        break;
    }
    return (strcmp(word->text, "-") == 0 && word->flags == 0) ||
           check_path(use, reader, word, s);
}

static bool check_word(struct reader_use *use, const struct reader *reader,
                       const struct shell_word *word, struct option_state *s)
{
    if (s->wants_text || s->wants_path) {
        const bool path = s->wants_path;
        s->wants_text = s->wants_path = false;
        if ((word->flags & WORD_UNSURE) != 0) {
            return use_fail(use, "a word that is known only when it runs");
        }
        return !path || check_path(use, reader, word, s);
    }
    const bool option = !s->ended && word->text[0] == '-' && word->text[1] != '\0';
    if (!option) {
        return check_operand(use, reader, word, s);
    }
    if ((word->flags & WORD_UNSURE) != 0) {
        return use_fail(use, "a word that is known only when it runs");
    }
    if (strcmp(word->text, "--") == 0) {
        s->ended = true;
        return true;
    }
    return word->text[1] == '-' ? check_long(use, reader, word->text + 2, s)
                                : check_shorts(use, reader, word->text + 1, s);
}

bool use_options(struct reader_use *use, const struct reader *reader)
{
    struct option_state s = {.ended = false};
    for (s.at = 1; s.at < use->n_words; s.at++) {
        const struct shell_word *word = &use->words[s.at];
        if (strlen(word->text) != word->len) {
            return use_fail(use, "a word that no program could be given");
        }
        if (!check_word(use, reader, word, &s)) {
            return false;
        }
    }
    return true;
}

/* `[` and `true` take words that look like options. */
static bool is_worded(const struct reader *reader)
{
    return reader->operands == OPERANDS_TEXT && reader->shorts[0] == '\0' &&
           reader->longs == NULL;
}

static bool use_words(struct reader_use *use)
{
    for (uint32_t i = 1; i < use->n_words; i++) {
        if ((use->words[i].flags & WORD_UNSURE) != 0) {
            return use_fail(use, "a word that is known only when it runs");
        }
    }
    return (!use_has(use, "-v") && !use_has(use, "-R")) ||
           use_fail(use, "a test that evaluates its operand");
}

bool reader_runs_alone(struct reader_place *place, const struct shell_word *words,
                       uint32_t n_words, const char **why)
{
    struct reader_use use = {.place = place, .words = words, .n_words = n_words};
    const char *name = n_words == 0 ? NULL : program_name(&words[0]);
    reader_check_fn *special = name == NULL ? NULL : special_find(name);
    const struct reader *reader = name == NULL ? NULL : reader_find(name);
    bool ok = false;
    if (!place_is_home(place)) {
        use.why = "it runs outside the workspace";
    } else if (special != NULL) {
        ok = special(&use);
    } else if (reader != NULL) {
        ok = is_worded(reader) ? use_words(&use) : use_options(&use, reader);
    } else {
        use.why = "not one of the commands that only read";
    }
    if (!ok) {
        *why = use.why;
    }
    return ok;
}
