#include "engine/practice/prose.h"

#include "engine/practice/step.h"

const char prose_markdown[] =
    "# A heading\n"
    "\n"
    "A paragraph with **bold**, *emphasis*, `code` and a "
    "[link](https://example.org/).\n"
    "\n"
    "## A list\n"
    "\n"
    "1. first\n"
    "2. second\n"
    "   - with a bullet\n"
    "   - and another\n"
    "\n"
    "| file | lines |\n"
    "|---|--:|\n"
    "| main.c | 40 |\n"
    "| hub.c | 280 |\n"
    "\n"
    "```c\n"
    "int main(void)\n"
    "{\n"
    "    return 0; /* <script>alert(1)</script> */\n"
    "}\n"
    "```\n"
    "\n"
    "> A quotation, and a line that is long enough to be wrapped on every telephone "
    "that was ever held upright.\n";

const char prose_plan[] = "<proposed_plan>\n"
                          "# Make the tests pass\n"
                          "\n"
                          "1. Read the failing test.\n"
                          "2. Repair what it found.\n"
                          "3. Run every test again.\n"
                          "</proposed_plan>\n";

const char prose_unknown[] =
    "I am the practice model: a script without intelligence, so that you can try "
    "everything without an account. I act when a line begins with one of my words, for "
    "example `run ls -l`, `patch`, `ask` or `long 200`. ";

enum err prose_help(struct buf *out)
{
    enum err e = buf_put_str(out, "These are my words, one step a line:\n\n");
    for (size_t i = 0; e == OK && i < step_n_words; i++) {
        const struct step_word *w = &step_words[i];
        e = buf_putf(out, "- `%s%s%s`: %s\n", w->name,
                     w->argument[0] != '\0' ? " " : "", w->argument, w->text);
    }
    return e;
}

struct bytes prose_word(uint64_t n)
{
    static const char *const words[] = {
        "The ",      "far ",   "hand ",   "reaches ", "across ",     "the ",
        "wire ",     "and ",   "moves ",  "what ",    "stands ",     "on ",
        "another ",  "desk. ", "It ",     "writes ",  "a ",          "line, ",
        "runs ",     "a ",     "test, ",  "reads ",   "the ",        "answer ",
        "aloud ",    "and ",   "asks ",   "before ",  "it ",         "touches ",
        "anything ", "that ",  "cannot ", "be ",      "undone.\n\n",
    };
    return bytes_from_str(words[n % COUNT(words)]);
}
