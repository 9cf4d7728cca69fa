#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

#define ERR_TEXT(name, text) [name] = (text),
static const char *const texts[] = {ERR_LIST(ERR_TEXT)};
#undef ERR_TEXT

const char *err_text(enum err e)
{
    if ((size_t)e >= COUNT(texts)) {
        return "unknown error";
    }
    return texts[e];
}

void diag_set(struct diag *d, const char *format, ...)
{
    if (d == NULL || d->text[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(d->text, sizeof(d->text), format, args);
    va_end(args);
}
