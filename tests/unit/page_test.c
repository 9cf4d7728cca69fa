#include "test.h"

#include "host/page.h"

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, part " is not in it")

static const struct {
    const char *path;
    const char *name; // NULL: refused
} cases[] = {
    {"/", "index.html"},
    {"/assets/index-Ab_9.js", "assets/index-Ab_9.js"},
    {"/manifest.webmanifest", "manifest.webmanifest"},
    {"", NULL},
    {"assets/x", NULL},
    {"/../etc/passwd", NULL},
    {"/assets/../index.html", NULL},
    {"/.git/config", NULL},
    {"/a//b", NULL},
    {"/a/", NULL},
    {"/a%2e%2e/b", NULL},
    {"/a\\b", NULL},
    {"/caf\xc3\xa9", NULL},
    {"/x?y", NULL},
};

TEST(only_plain_names_of_the_folder_are_files)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[64] = "";
        CASE(cases[i].path);
        EQ_INT(page_name(bytes_from_str(cases[i].path), name, sizeof(name)),
               cases[i].name != NULL);
        if (cases[i].name != NULL) {
            EQ_STR(name, cases[i].name);
        }
    }
    char small[4];
    FALSE(page_name(BYTES_LIT("/abcd"), small, sizeof(small)));
}

TEST(the_policy_lists_the_relays_and_nothing_else)
{
    struct buf out;
    const char *text = NULL;
    buf_init(&out, 4096);
    EQ_INT(page_headers("index.html", "wss://r.example/relay ws://127.0.0.1:1/relay",
                        "", &out),
           OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    HAS(text, "default-src 'none'; script-src 'self'; style-src 'self'; ");
    HAS(text, "connect-src 'self' wss://r.example/relay ws://127.0.0.1:1/relay; ");
    HAS(text, "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
              "require-trusted-types-for 'script'\r\n");
    HAS(text, "Cache-Control: no-cache\r\n");
    HAS(text, "Content-Type: text/html; charset=utf-8\r\n");
    HAS(text, "X-Content-Type-Options: nosniff\r\n");
    HAS(text, "Referrer-Policy: no-referrer\r\n");
    TRUE(strstr(text, "ETag") == NULL);
    buf_clear(&out);
    EQ_INT(page_headers("assets/a.js", "", "\"1-2\"", &out), OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    HAS(text, "immutable");
    HAS(text, "connect-src 'self'; ");
    HAS(text, "ETag: \"1-2\"\r\n");
    HAS(text, "text/javascript");
    buf_fini(&out);
}

TEST(the_relays_are_written_into_the_page)
{
    struct buf out;
    const char *text = NULL;
    buf_init(&out, 4096);
    EQ_INT(
        page_fill(BYTES_LIT("<head><meta name=\"farhand-relay\" content=\"\"></head>"),
                  "ws://a/relay", &out),
        OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    EQ_STR(text, "<head><meta name=\"farhand-relay\" content=\"ws://a/relay\"></head>");
    buf_clear(&out);
    EQ_INT(page_fill(BYTES_LIT("<p>none</p>"), "ws://a/relay", &out), OK);
    EQ_INT(buf_cstr(&out, &text), OK);
    EQ_STR(text, "<p>none</p>");
    buf_fini(&out);
}

TEST(a_relay_that_would_break_out_is_refused)
{
    static const char *const bad[] = {
        "ws://a; script-src *",
        "ws://a\" onload=\"",
        "ws://a\r\nX: y",
        "ws://a,ws://b",
        "ws://a'",
        "<script>",
    };
    struct page *p = NULL;
    for (size_t i = 0; i < COUNT(bad); i++) {
        CASE(bad[i]);
        EQ_INT(page_create("/nowhere", bad[i], &p), ERR_USAGE);
    }
    EQ_INT(page_create(NULL, "", &p), OK);
    EQ_INT(page_set_relays(p, "ws://a/relay wss://b:1/relay"), OK);
    EQ_INT(page_set_relays(p, "ws://a\n"), ERR_USAGE);
    page_destroy(p);
    page_destroy(NULL);
}

RUN_TESTS(T(only_plain_names_of_the_folder_are_files),
          T(the_policy_lists_the_relays_and_nothing_else),
          T(the_relays_are_written_into_the_page),
          T(a_relay_that_would_break_out_is_refused))
