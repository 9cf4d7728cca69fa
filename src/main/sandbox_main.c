/* farhand-sandbox: `farhand sandbox` alone. It links nothing but the C library, so that it
 * starts in the time of an `env`; `farhand sandbox` hands over to it. */
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "cli/commands.h"

const struct cli_command *const commands[] = {&cmd_sandbox};
const size_t n_commands = COUNT(commands);

const struct cli_command *command_find(const char *name)
{
    return strcmp(name, cmd_sandbox.name) == 0 ? &cmd_sandbox : NULL;
}

const char *command_nearest(const char *name)
{
    (void)name;
    return cmd_sandbox.name;
}

int main(int argc, char **argv)
{
    static char name[] = "sandbox";
    secret_harden_process();
    (void)signal(SIGPIPE, SIG_IGN);
    char **words = mem_new(((size_t)argc + 2) * sizeof(*words));
    words[0] = argv[0];
    words[1] = name;
    for (int i = 1; i < argc; i++) {
        words[i + 1] = argv[i];
    }
    const int code = cli_main(argc + 1, words);
    mem_free(words);
    return code;
}
