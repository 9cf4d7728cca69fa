#include "cli/address.h"

#include "net/tls.h"
#include "wire/url.h"

static bool has_scheme(const char *text, enum url_scheme plain, enum url_scheme tls)
{
    struct url url;
    return url_parse(bytes_from_str(text), &url) == OK &&
           (url.scheme == plain || url.scheme == tls);
}

bool address_is_relay(const struct cli_args *args, const char *option)
{
    const char *all[CLI_VALUES_MAX];
    const size_t n = cli_all(args, option, all, COUNT(all));
    for (size_t i = 0; i < n; i++) {
        if (!has_scheme(all[i], URL_WS, URL_WSS)) {
            (void)cli_fail(EXIT_USAGE,
                           "--%s %s is not the address of a relay: give one like "
                           "wss://relay.example/relay",
                           option, all[i]);
            return false;
        }
    }
    return true;
}

bool address_is_page(const struct cli_args *args, const char *option)
{
    const char *text = cli_value(args, option);
    if (text != NULL && !has_scheme(text, URL_HTTP, URL_HTTPS)) {
        (void)cli_fail(EXIT_USAGE,
                       "--%s %s is not the address of a page: give one like "
                       "https://app.example",
                       option, text);
        return false;
    }
    return true;
}

bool address_is_agent(const char *text)
{
    if (text != NULL && text[0] != '\0' && !has_scheme(text, URL_UNIX, URL_WS)) {
        (void)cli_fail(EXIT_USAGE,
                       "--codex-endpoint %s is no endpoint of Codex: give unix://PATH "
                       "or ws://HOST:PORT",
                       text);
        return false;
    }
    return true;
}

int address_check_ca(const struct cli_args *args)
{
    const char *file = cli_value(args, "ca");
    struct tls_client *tls = NULL;
    struct diag d = {.text = ""};
    if (file == NULL) {
        return EXIT_DONE;
    }
    if (tls_client_create(file, &d, &tls) != OK) {
        return cli_fail(EXIT_CERTIFICATE, "--ca %s cannot be used: %s", file, d.text);
    }
    tls_client_destroy(tls);
    return EXIT_DONE;
}
