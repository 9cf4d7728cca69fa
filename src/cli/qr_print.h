/*
 * qr_print: a QR code in a terminal.
 *
 * Shape      half blocks, two modules a character, with a quiet zone of two modules;
 *            dark on light in both colour schemes (black on white is set explicitly),
 *            error correction level L, because the screen does not get dirty.
 * Errors     ERR_LIMIT  the text does not fit into a QR code
 *            ERR_USAGE  the terminal is too small for it: say so, show the link
 */
#ifndef CLI_QR_PRINT_H
#define CLI_QR_PRINT_H

#include "base/buf.h"

/* Appends the lines. `columns` is the width of the terminal; 0: do not care. */
NODISCARD enum err qr_print(const char *text, unsigned columns, struct buf *out);

#endif
