/* shell: a table of scripts and of what they run. */
#include "policy/shell.h"

#include "base/mem.h"
#include "test.h"

/* The commands of a script as one text: words in [ ], `?` where a word is not sure,
 * assignments before a `:`, redirections behind. "NO" before what is not understood. */
static void put_word(struct buf *out, const struct shell_word *w)
{
    TRUE(buf_put(out, (struct bytes){(const uint8_t *)w->text, w->len}) == OK);
    if ((w->flags & WORD_UNSURE) != 0) {
        TRUE(buf_put_str(out, "?") == OK);
    }
}

static void put_command(struct buf *out, const struct shell_command *c)
{
    static const char *const signs[] = {"<", ">", "=", "<<"};
    TRUE(buf_put_str(out, "[") == OK);
    for (uint32_t i = 0; i < c->n_assigns; i++) {
        put_word(out, &c->assigns[i]);
        TRUE(buf_put_str(out, ":") == OK);
    }
    for (uint32_t i = 0; i < c->n_words; i++) {
        TRUE(buf_put_str(out, i == 0 ? "" : " ") == OK);
        put_word(out, &c->words[i]);
    }
    for (uint32_t i = 0; i < c->n_redirects; i++) {
        TRUE(buf_put_str(out, signs[c->redirects[i].kind]) == OK);
        put_word(out, &c->redirects[i].target);
    }
    TRUE(buf_put_str(out, "]") == OK);
}

static void expect(enum shell_dialect dialect, const char *text, const char *want)
{
    struct shell_script s;
    struct buf out;
    const char *got = NULL;
    CASE(text);
    buf_init(&out, 64 * 1024);
    TRUE(shell_parse(bytes_from_str(text), dialect, &s) == OK);
    if (s.why != NULL) {
        TRUE(buf_put_str(&out, "NO") == OK);
    }
    for (size_t i = 0; s.why == NULL && i < s.n_commands; i++) {
        put_command(&out, &s.commands[i]);
    }
    TRUE(buf_cstr(&out, &got) == OK);
    if (strcmp(got, want) != 0) {
        print_error("%s: got %s (%s), want %s\n", text, got, s.why ? s.why : "-", want);
        fail();
    }
    shell_script_fini(&s);
    buf_fini(&out);
}

static const struct {
    const char *text;
    const char *want;
} understood[] = {
    {"", ""},
    {"ls", "[ls]"},
    {"  ls   -l  # a comment", "[ls -l]"},
    {"ls;pwd", "[ls][pwd]"},
    {"ls & pwd", "[ls][pwd]"},
    {"ls && pwd || id", "[ls][pwd][id]"},
    {"ls |\n\n wc -l", "[ls][wc -l]"},
    {"ls |& wc", "[ls][wc]"},
    {"! ls", "[ls]"},
    {"echo 'a b' \"c d\" e\\ f", "[echo a b c d e f]"},
    {"r''m -rf x", "[rm -rf x]"},
    {"r\"\"m x", "[rm x]"},
    {"\\rm x", "[rm x]"},
    {"echo $'a\\tb'", "[echo a\tb]"},
    {"echo $x ${y} \"${z:-q}\"", "[echo ? ? ?]"},
    {"echo $(rm x)", "[rm x][echo ?]"},
    {"echo \"`rm x`\"", "[rm x][echo ?]"},
    {"echo \"a $(echo \"$(rm x)\") b\"", "[rm x][echo ?][echo a  b?]"},
    {"$(echo rm) x", "[echo rm][? x]"},
    {"echo $((1 + 2))", "[echo ?]"},
    {"ls *.c a?b [ab]", "[ls *.c? a?b? [ab]?]"},
    {"ls '*.c'", "[ls *.c]"},
    {"ls ~ ~root a~", "[ls ~? ~root? a~]"},
    {"{ls,-l}", "[{ls,-l}?]"},
    {"find . -exec rm {} +", "[find . -exec rm {} +]"},
    {"A=1 B=$(id) env", "[id][A=1:B=?:env]"},
    {"A=1", "[A=1:]"},
    {"A=~/x ls", "[A=~/x?:ls]"},
    {"ls a=b", "[ls a=b]"},
    {"ls > out 2>&1 < in", "[ls>out=1<in]"},
    {"ls 2>err", "[ls>err]"},
    {"ls >&2", "[ls=2]"},
    {"ls >&out", "[ls>out]"},
    {"ls &>out", "[ls>out]"},
    {"> out", "[>out]"},
    {"ls >$x", "[ls>?]"},
    {"cat <<< $(id)", "[id][cat<<?]"},
    {"cat <<E\nhello $(id)\nE\nls", "[cat<<E][id][ls]"},
    {"cat <<'E'\nhello $(id)\nE\nls", "[cat<<E][ls]"},
    {"cat <<-E && pwd\n\thello\n\tE", "[cat<<E][pwd]"},
    {"cat <<A <<B\n$(id)\nA\n`pwd`\nB\n", "[cat<<A<<B][id][pwd]"},
    {"(ls; pwd)", "[ls][pwd]"},
    {"(ls) > out", "[ls][>out]"},
    {"{ ls; }", "[ls]"},
    {"if ls; then pwd; elif id; then a; else b; fi", "[ls][pwd][id][a][b]"},
    {"while ls; do pwd; done", "[ls][pwd]"},
    {"until ls\ndo pwd\ndone", "[ls][pwd]"},
    {"for i in 1 $(id); do ls $i; done", "[id][ls ?]"},
    {"for i\ndo ls; done", "[ls]"},
    {"case $x in a|b) ls;; (*) pwd;; esac", "[ls][pwd]"},
    {"case x in a) ls;; b) pwd\nesac", "[ls][pwd]"},
    {"case $(id) in esac", "[id]"},
    {"f() { rm x; }; f", "[rm x][f]"},
    {"function f { rm x; }", "[rm x]"},
    {"function f () ( rm x )", "[rm x]"},
    {"[[ -f $(id) && a == b ]] && ls", "[id][ls]"},
    {"[[ ! ( a = $(id) || -n b ) ]]", "[id]"},
    {"[ -f a ] && ls", "[[ -f a ]][ls]"},
    {"echo then fi done", "[echo then fi done]"},
    {"\"if\" x", "[if x]"},
    {"ls \\\n -l", "[ls -l]"},
    {"ls -l#x", "[ls -l#x]"},
    {"time -p ls", "[time -p ls]"},
    {"$() rm x", "[? rm x]"},
    {"rm$() ls", "[rm? ls]"},
};

TEST(shell_lists_what_a_script_runs)
{
    for (size_t i = 0; i < sizeof(understood) / sizeof(understood[0]); i++) {
        expect(SHELL_BASH, understood[i].text, understood[i].want);
    }
}

TEST(shell_does_not_claim_to_understand_what_it_does_not)
{
    static const char *const texts[] = {
        "ls |",
        "ls &&",
        "ls ;;",
        "(ls",
        "ls)",
        "{ ls",
        "}",
        "if ls; then",
        "ls 'a",
        "ls \"a",
        "ls `a",
        "ls $(a",
        "echo ${x@P}",
        "echo ${!x}",
        "echo ${x[0]}",
        "echo ${x:1:2}",
        "echo $((x))",
        "echo $[1]",
        "((x))",
        "for ((;;)); do ls; done",
        "a=(1 2)",
        "a[0]=1",
        "a+=1",
        "cat <(ls)",
        "ls > >(rm x)",
        "echo `a\\`b`",
        "coproc rm x",
        "select x in a; do b; done",
        "l\\\ns",
        "ls &\\\n& rm",
        "echo \"$\\\n(id)\"",
        "cat <<E\nx",
        "cat <<$x\nE\n",
        "ls x(y)",
        "[[ a -eq 1 ]]",
        "[[ a )) ]]",
        "[[ ]]",
        "[[ a = ]]",
        "[[ a b c ]]",
        "[[ ( a ]]",
        "[[ a =~ (b) ]]",
        "[[ a\n]]",
        "[[ a",
        "echo $\"x\"",
        "echo $'\\x41'",
        "case x in a) ls",
        "case x in a) ls;& b) c;; esac",
        "fi",
        "do",
        "echo ${x:-<(id)}",
        "echo a\xc2\xa0/etc",
        "ls \x01",
        "ls \xff",
        "time { rm x; }",
        "f() ",
        "ls > ",
        "ls\rm x",
        "! ",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        expect(SHELL_BASH, texts[i], "NO");
    }
}

TEST(shell_refuses_to_a_plain_shell_what_only_bash_reads_so)
{
    static const char *const texts[] = {
        "echo $'a\\'; rm -rf x #'",
        "echo &>f rm x",
        "[[ a || rm x ]]",
        "function f { rm x; }",
        "ls |& wc",
        "cat <<< x",
        "echo ${x/a/b}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        expect(SHELL_SH, texts[i], "NO");
    }
    expect(SHELL_SH, "ls | wc && (cd a; pwd)", "[ls][wc][cd a][pwd]");
}

static void deep(const char *open, const char *close, size_t n)
{
    struct buf text;
    struct shell_script s;
    buf_init(&text, 1024 * 1024);
    for (size_t i = 0; i < n; i++) {
        TRUE(buf_put_str(&text, open) == OK);
    }
    TRUE(buf_put_str(&text, "ls") == OK);
    for (size_t i = 0; i < n; i++) {
        TRUE(buf_put_str(&text, close) == OK);
    }
    TRUE(shell_parse(buf_bytes(&text), SHELL_BASH, &s) == OK);
    TRUE(s.why != NULL);
    shell_script_fini(&s);
    buf_fini(&text);
}

TEST(shell_stops_at_its_limits)
{
    deep("(", ")", 10000);
    deep("( ", ")", 10000);
    deep("$(", ")", 10000);
    deep("if ", "; then ls; fi", 5000);
    deep("{ ", "; }", 10000);
    deep("${x:-", "}", 10000);
    deep("a ", " b", 40000);
    deep("", "; ls", 20000);
}

TEST(shell_survives_every_allocation_that_fails)
{
    const struct bytes text = BYTES_LIT("A=1 ls $(id) <<E >x | (rm *)\nt\nE\n");
    for (unsigned n = 1;; n++) {
        struct shell_script s;
        mem_fail_at(n);
        const enum err e = shell_parse(text, SHELL_BASH, &s);
        const unsigned tries = mem_tries();
        mem_fail_at(0);
        if (e == OK) {
            shell_script_fini(&s);
        } else {
            EQ_INT(e, ERR_NOMEM);
        }
        if (tries < n) {
            return;
        }
    }
}

RUN_TESTS(T(shell_lists_what_a_script_runs),
          T(shell_does_not_claim_to_understand_what_it_does_not),
          T(shell_refuses_to_a_plain_shell_what_only_bash_reads_so),
          T(shell_stops_at_its_limits), T(shell_survives_every_allocation_that_fails))
