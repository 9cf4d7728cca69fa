#include "cli/qr_print.h"

#include <qrencode.h>

#define QUIET 2 // modules; the standard's four would cost two rows and help no camera

static bool is_dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width) {
        return false;
    }
    return (code->data[y * code->width + x] & 1) != 0;
}

static enum err put_row(const QRcode *code, int y, struct buf *out)
{
    static const char *const blocks[2][2] = {
        {" ", "\xe2\x96\x84"},            // light above: nothing, or the lower half
        {"\xe2\x96\x80", "\xe2\x96\x88"}, // dark above: the upper half, or both
    };
    enum err e = buf_put_str(out, "  \033[30;107m");
    for (int x = -QUIET; x < code->width + QUIET && e == OK; x++) {
        e = buf_put_str(out, blocks[is_dark(code, x, y)][is_dark(code, x, y + 1)]);
    }
    return e != OK ? e : buf_put_str(out, "\033[0m\n");
}

enum err qr_print(const char *text, unsigned columns, struct buf *out)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (code == NULL) {
        return ERR_LIMIT;
    }
    enum err e = OK;
    if (columns != 0 && (unsigned)(code->width + 2 * QUIET + 2) > columns) {
        e = ERR_USAGE;
    }
    for (int y = -QUIET; y < code->width + QUIET && e == OK; y += 2) {
        e = put_row(code, y, out);
    }
    QRcode_free(code);
    return e;
}
