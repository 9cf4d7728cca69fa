/* farhand-sandbox: `farhand sandbox` alone, for whoever installs nothing else. */
#include <signal.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/secret.h"
#include "cli/cli.h"

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
