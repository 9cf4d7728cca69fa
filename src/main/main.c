#include <signal.h>

#include "base/log.h"
#include "base/secret.h"
#include "cli/cli.h"

int main(int argc, char **argv)
{
    log_install_crash_handler();
    secret_harden_process();
    (void)signal(SIGPIPE, SIG_IGN);
    return cli_main(argc, argv);
}
