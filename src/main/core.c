#include "main/core.h"

#include "base/log.h"
#include "cli/cli.h"

int farhand_core_main(int argc, char **argv)
{
    log_install_crash_handler();
    return cli_main(argc, argv);
}
