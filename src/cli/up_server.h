/*
 * up_server: what `farhand up` serves besides the host: the page and a relay.
 *
 * Shape      a loopback listener always; with a LAN address a second one over https
 *            with a certificate of our own authority, and a plain one that explains the
 *            one step on the phone and gives the authority's certificate.
 * Ownership  up_server_close() frees, then `done`.
 * Errors     ERR_EXISTS  the port is taken; ERR_NOT_FOUND  the page is not installed;
 *            ERR_USAGE  no such address here; `diag` says what to do
 */
#ifndef CLI_UP_SERVER_H
#define CLI_UP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define UP_PORT     4317 // default; --port 0 takes a free one
#define UP_URLS_MAX 4
#define UP_URL_MAX  256

struct loop;
struct up_server;

struct up_server_options {
    struct loop *loop;
    const char *home;
    const char *web; // folder of the built page
    uint16_t port;
    const char *lan;                 // NULL: loopback only; "": find the address
    const char *relay;               // NULL: a relay of its own
    const char *const *allow_relays; // more relays that the page may dial
    size_t n_allow_relays;
    const uint8_t *host_relay_key; // the only host that its relay admits
};

struct up_urls {
    char host_relay[UP_URL_MAX];                // dialled by the host
    char device_relay[UP_URLS_MAX][UP_URL_MAX]; // told to devices, best first
    size_t n_device_relays;
    char app[UP_URL_MAX];     // origin of the page, for devices
    char explain[UP_URL_MAX]; // the page about the certificate; "" without a LAN
};

NODISCARD enum err up_server_open(const struct up_server_options *o, struct diag *diag,
                                  struct up_server **out);
const struct up_urls *up_server_urls(const struct up_server *s);
const char *up_server_fingerprint(const struct up_server *s); // of the authority; or ""
/* NULL is fine: `done` then runs at once. */
void up_server_close(struct up_server *s, void (*done)(void *user), void *user);

#endif
