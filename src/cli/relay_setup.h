/*
 * relay_setup: the command line of `farhand relay`, read and looked through.
 *
 * Ownership  everything borrows the command line.
 * Errors     an exit code; the sentence has been printed.
 */
#ifndef CLI_RELAY_SETUP_H
#define CLI_RELAY_SETUP_H

#include <stdint.h>

#include "cli/cli.h"
#include "net/tls.h"
#include "relay/limit.h"
#include "relay/relay.h"

#define RELAY_LISTEN_DEFAULT "127.0.0.1:4318"
#define RELAY_ADDRESS_MAX    64

struct relay_address {
    char host[RELAY_ADDRESS_MAX]; // numeric
    uint16_t port;
};

struct relay_setup {
    struct relay_address listen;
    struct relay_address metrics; // host "": none
    const char *urls[RELAY_URLS_MAX];
    size_t n_urls;
    char default_urls[2][RELAY_URL_MAX + 1];
    const char *cert; // NULL: no TLS here
    const char *key;
    enum admission_kind admission;
    const char *admission_path;
    size_t memory_max; // 0: the default
    const char *proxies[RELAY_PROXIES_MAX];
    size_t n_proxies;
    char home[PATH_MAX];
};

int relay_setup_read(const struct cli_args *args, struct relay_setup *s);

/* Without --public-url: what a peer on this machine, or beside it, would dial. */
void relay_setup_default_urls(struct relay_setup *s, uint16_t port);

/* `--check`, when all of it could be used: says so, and what will not work outside. */
int relay_setup_say(const struct relay_setup *s, const struct tls_server *tls);

const char *relay_setup_admits(const struct relay_setup *s);

#endif
