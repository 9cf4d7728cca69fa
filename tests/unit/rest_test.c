#include "base/rest.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "test.h"

static int one(void)
{
    return 1;
}

static int two(void)
{
    return 2;
}

static int (*const relocated[])(void) = {one, two}; // not as it is in the file

static unsigned long resident_file_kb(void)
{
    static const char name[] = "RssFile:";
    struct buf text;
    buf_init(&text, 65536);
    EQ_INT(file_read("/proc/self/status", &text), OK);
    EQ_INT(buf_put_u8(&text, '\0'), OK);
    const char *at = strstr((const char *)text.at + text.start, name);
    TRUE(at != NULL);
    const unsigned long kb = strtoul(at + sizeof(name) - 1, NULL, 10);
    buf_fini(&text);
    return kb;
}

TEST(rest_drops_pages_that_are_in_a_file_and_nothing_else)
{
    char *kept = mem_new(100000);
    memset(kept, 'k', 100000);
    const unsigned long before = resident_file_kb();
    rest_now();
    TRUE(resident_file_kb() < before);
    for (size_t i = 0; i < 100000; i++) {
        TRUE(kept[i] == 'k');
    }
    EQ_INT(relocated[0]() + relocated[1](), 3);
    mem_free(kept);
}

TEST(rest_again_changes_nothing)
{
    for (int i = 0; i < 3; i++) {
        rest_now();
        EQ_INT(relocated[1](), 2);
    }
}

RUN_TESTS(T(rest_drops_pages_that_are_in_a_file_and_nothing_else),
          T(rest_again_changes_nothing))
