/*
 * page: the static files of the phone app.
 *
 * Source     the content policy of docs/protocol.md section 10.
 * Shape      page_handle() answers any request that is not for somebody else: a file of
 *            the folder, 304, or a 404 that says where one is. index.html gets the
 *            relay URLs written into <meta name="farhand-relay" content="">; the same
 *            list is connect-src. Files are read when asked for: an idle host keeps
 *            none in memory.
 * Ownership  strings are copied.
 * Security   names are letters, digits, "-", "_", "." and "/" without a part that
 *            begins with ".": nothing outside the folder can be named. Links are not
 *            followed.
 * Limits     PAGE_FILE_MAX octets a file.
 * Tests      tests/unit/page_test.c
 */
#ifndef HOST_PAGE_H
#define HOST_PAGE_H

#include "base/buf.h"

#define PAGE_FILE_MAX  (8u * 1024 * 1024)
#define PAGE_RELAY_MAX 512 // octets of all relay URLs

struct page;
struct http_exchange;

/* `relays`: URLs separated by one space, first = default; may be empty. `dir` may be
 * NULL or missing: every request is then told how to build the page.
 * ERR_USAGE: a relay URL holds what a header or an attribute must not. */
NODISCARD enum err page_create(const char *dir, const char *relays, struct page **out);
void page_destroy(struct page *p); // NULL is fine

/* The relays became known, or changed. */
NODISCARD enum err page_set_relays(struct page *p, const char *relays);

void page_handle(struct page *p, struct http_exchange *x);

/* ---- pure parts, for tests --------------------------------------------------- */

/* Is this request path one that may name a file? On true, *out is the relative file
 * name ("index.html" for "/"). */
bool page_name(struct bytes path, char *out, size_t size);

/* Every header of a reply with the page's policy, as lines with CRLF. */
NODISCARD enum err page_headers(const char *name, const char *relays, const char *etag,
                                struct buf *out);

/* index.html with the relays filled in, as they are: page_set_relays() lets nothing
 * in that would have to be escaped in an attribute. */
NODISCARD enum err page_fill(struct bytes html, const char *relays, struct buf *out);

#endif
